"""Drills of a database that is well, each with data of its own: every one passes, and none tells of anything wrong."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.backup.create import BackupWanted, MakeBackup
from hotops.core.driver import drive
from hotops.proofs.register import Register
from hotops.supabase.client import Supabase
from tests.drill.conftest import Shop
from tests.drill.test_drills import drill, is_as_before

pytestmark = pytest.mark.timeout(3600)
#: Each scenario in its turn. A few in `make test`, thirty in `make soak`; HOTOPS_DRILL_SEED draws other data.
SCENARIOS = ("backup_restored", "database_lost")
FIRST = int(os.environ.get("HOTOPS_DRILL_SEED", "0"))

#: Columns of every sort, most of all such as a comparison may take for changed: value in terms of the row's number g.
COLUMNS: Mapping[str, str] = {
    "text": "case g % 4 when 0 then null when 1 then '' when 2 then E'tab\\tline\\n\\\\N' else 'ü€😀' || g end",
    "varchar(40)": "left(md5(g::text), g % 40)",
    "char(6)": "(g % 1000)::text",
    "numeric": "(g || '.' || repeat('0', g % 4))::numeric",
    "numeric(12,3)": "g / 7.0",
    "float8": "case g % 5 when 0 then '-0'::float8 when 1 then 'NaN' when 2 then '-Infinity' else g / 3.0 end",
    "float4": "g / 7.0",
    "jsonb": "jsonb_build_object('n', 1.10, 'g', g, 'none', null)",
    "json": '\'{"b": 1,  "a": 2, "a": 3}\'::json',
    "bytea": "decode(md5(g::text), 'hex')",
    "timestamptz": "case g % 9 when 0 then 'infinity' else timestamptz '2026-01-01' + g * interval '1.000001 s' end",
    "timestamp": "timestamp '1999-12-31' + g * interval '1 hour'",
    "date": "date '0044-03-15 BC' + g",
    "time": "time '00:00' + g * interval '1 s'",
    "interval": "make_interval(months => g % 3, days => 31, secs => g)",
    "uuid": "md5(g::text)::uuid",
    "inet": "inet '10.0.0.1/8' + g",
    "int4range": "int4range(g, g + 3, '[]')",
    "boolean": "case g % 3 when 0 then null else g % 3 = 1 end",
    "bit varying": "g::bit(20)::bit varying",
    "text[]": "case g % 3 when 0 then '{}'::text[] else array['a', null, g::text] end",
    "point": "point(g, -g)",
}


def generated(seed: int) -> str:
    """Two tables of random columns with all that hangs on tables, and more rows in what earlier seeds made."""
    dice = random.Random(seed)
    kinds = dice.sample(sorted(COLUMNS), dice.randint(5, 12))
    name, rows = f"s{seed}", dice.randint(0, 900)
    offset = dice.randrange(10**6)
    columns = [f'"{dice.choice(("c", "Ü ", "select "))}{number}" {kind}' for number, kind in enumerate(kinds)]
    values = ", ".join(f"({COLUMNS[kind]})::{kind}" for kind in kinds)
    parted = "partition by hash (id)" if dice.random() < 0.4 else ""
    parts = [
        f"create table public.{name}_part{part} partition of public.{name} for values with (modulus 2, remainder {part});"  # noqa: E501
        for part in range(2 if parted else 0)
    ]
    return f"""
      create table public.{name} (id bigint generated always as identity primary key, {", ".join(columns)}) {parted};
      {" ".join(parts)}
      insert into public.{name} overriding system value select g, {values}
        from generate_series({offset + 1}, {offset + rows}) g;
      select setval(pg_get_serial_sequence('public.{name}', 'id'), {offset + rows + 1});
      create type public.{name}_state as enum ('new', 'it''s gone');
      create table public.{name}_of (of bigint references public.{name}, state public.{name}_state default 'new',
        twice numeric generated always as (of * 2.0) stored);
      insert into public.{name}_of (of, state) select id, 'it''s gone' from public.{name} where id % 3 = 0;
      delete from public.{name}_of where of % 2 = 0;
      update public.{name}_of set state = 'new' where of % 5 = 0;
      create index on public.{name}_of (of) where state = 'new';
      create view public.{name}_seen with (security_invoker) as select id from public.{name};
      create materialized view public.{name}_counted as select count(*) as many from public.{name};
      alter table public.{name} enable row level security;
      create policy own on public.{name} for select to authenticated using ((select auth.uid()) is not null);
      grant select on public.{name}_of to anon;
      create function public.{name}_touch() returns trigger language plpgsql as $$ begin return new; end $$;
      create trigger touch before update on public.{name}_of for each row execute function public.{name}_touch();
      comment on table public.{name}_of is 'of seed {seed}; "quoted"';
    """


def grow(shop: Shop, seed: int) -> None:
    """The database lives on: a new pair of tables."""
    with shop.context(recorded=False) as context:
        supabase = context.client(Supabase)
        project = supabase.find("shop")
        assert project is not None
        supabase.query(project.ref, generated(seed), read_only=False)


def backed_up(shop: Shop) -> dict[str, Any]:
    with shop.context(recorded=False) as context:
        made: dict[str, Any] = drive(MakeBackup(BackupWanted(), context)).result["backup"]
    return made


@pytest.mark.parametrize("count", [len(SCENARIOS), pytest.param(30, marks=pytest.mark.soak)])
def test_drills_of_what_is_well_tell_of_nothing(shop: Shop, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    passed, rows = 0, 0
    for number in range(count):
        scenario, seed = SCENARIOS[number % len(SCENARIOS)], FIRST + number
        grow(shop, seed)
        if scenario == "backup_restored":
            backed_up(shop)
        result = drill(shop, scenario)
        record = json.loads((Path(result["report"]).parent / "drill.json").read_text(encoding="utf-8"))
        facts, where = record["facts"], f"drill {number + 1} of {count}, {scenario}, seed {seed}"
        assert (result["passed"], result["why"]) == (True, ""), where
        # What the platform keeps to itself is named; of what the application has, all is back.
        assert [line for line in facts.get("problems", []) if "public.s" in line] == [], where
        assert 0 <= result["loss_s"] <= 30, where
        if scenario == "backup_restored":
            assert facts["held"] == [], where
            assert set(facts["quiet"].values()) == {0}, where
            rows += facts["compared"]["rows"]
        passed += 1
    entries = Register(shop.folder / "artifacts/drills/register.jsonl").entries()
    assert [(entry.passed, entry.why) for entry in entries] == [(True, "")] * count
    with capsys.disabled():
        print(f"\n{passed} of {count} clean drills passed and told of nothing wrong; {rows} rows compared")
    is_as_before(shop)
