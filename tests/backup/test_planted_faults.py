"""Whatever is planted is found and named: in a restored database, and in the files of a backup."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hotops.backup import manifest as manifests
from hotops.backup.catalogue import UNREADABLE
from hotops.backup.errors import BackupDamaged, KeysUnusable, NoBackup
from hotops.backup.keys import Opener
from hotops.backup.load import Load
from hotops.backup.quick import check_parts
from hotops.backup.store import Store
from hotops.core.secret import Secret
from tests.backup import stage
from tests.backup.stage import Server

#: What is done to a restored database, and how the comparison names it.
PLANTED: dict[str, tuple[str, str]] = {
    "a row is missing": ("delete from public.orders where id = 77", "row id 77 is missing"),
    "a row too many": ("insert into auth.schema_migrations values ('extra')", "row version extra was not there"),
    "NULL became ''": ("update public.customers set note = '' where id = 4", "row id 4 is changed in note"),
    "'' became NULL": ("update public.customers set note = null where id = 5", "row id 5 is changed in note"),
    "a digit of a float": ("update public.customers set score = 2.3333333333333330 where id = 7", "row id 7 is changed in score"),
    "-0 became 0": ("update public.customers set score = 0 where id = 10", "row id 10 is changed in score"),
    "a real's digit": ("update public.customers set ratio = 0.14285718 where id = 1", "row id 1 is changed in ratio"),
    "1.00 became 1.0": ("update public.customers set balance = 2.0 where id = 2", "row id 2 is changed in balance"),
    "json's blanks": ("""update public.customers set raw = '{"b":1,"a":2}' where id = 3""", "row id 3 is changed in raw"),
    "jsonb 1.10 became 1.1": ("""update public.customers set attributes = jsonb_set(attributes, '{n}', '1.1') where id = 6""", "row id 6 is changed in attributes"),
    "24 hours became 1 day": ("update public.customers set wait = '2 days' where id = 8", "row id 8 is changed in wait"),
    "a microsecond": ("update public.customers set seen = seen + interval '1 microsecond' where id = 9", "row id 9 is changed in seen"),
    "an address's mask": ("update public.customers set home = '10.0.0.1/25' where id = 11", "row id 11 is changed in home"),
    "an array's element": ("update public.customers set tags[2] = '' where id = 12", "row id 12 is changed in tags"),
    "a byte": ("update public.customers set token = token || '\\x00' where id = 13", "row id 13 is changed in token"),
    "a blank": ("update public.customers set name = name || ' ' where id = 14", "row id 14 is changed in"),
    "an enum's value": ("update public.orders set status = 'new' where id = 1", "row id 1 is changed in status"),
    "two rows swapped": ("update public.orders set total = 501 - total where id in (2, 3)", "row id 2 is changed in total"),
    "a doubled row without a key": ('insert into public."Odd ""Name" select * from public."Odd ""Name" limit 1', "too many, 1 times (no primary key)"),
    "a partition's row": ("delete from public.measurements_2025 where at = '2025-07-01'", "table public.measurements_2025"),
    "a row of a storage table": ("update storage.objects set name = 'x' where name = 'u/3.png'", "table storage.objects"),
    "a user of auth": ("delete from auth.users where email = 'u9@example.com'", "table auth.users"),
    "the migration history": ("update supabase_migrations.schema_migrations set statements = '{}'", "row version 20260101000000 is changed in statements"),
    "a table emptied": ("truncate public.cache", "table public.cache"),
    "a table dropped": ("drop table public.child", "table public.child is missing"),
    "a column": ("alter table public.orders add column extra int", "column public.orders.extra was not there"),
    "a column's type": ("alter table public.measurements_2025 alter value set default 3", "column public.measurements_2025.value"),
    "a not null": ("alter table public.customers alter name drop not null", "column public.customers.name"),
    "a default": ("alter table public.orders alter status drop default", "column public.orders.status"),
    "a check": ("alter table public.orders drop constraint orders_total_check", "constraint public.orders orders_total_check is missing"),
    "a foreign key": ("alter table public.orders drop constraint orders_customer_id_fkey", "orders_customer_id_fkey is missing"),
    "a key not validated": (
        "alter table public.orders drop constraint orders_customer_id_fkey; alter table public.orders add constraint orders_customer_id_fkey"
        " foreign key (customer_id) references public.customers on delete cascade not valid",
        "NOT VALID",
    ),
    "an orphan": (
        "alter table public.orders disable trigger all; update public.orders set customer_id = 99999 where id = 5",
        "foreign key orders_customer_id_fkey of public.orders: 1 rows without a public.customers",
    ),
    "an index": ("drop index public.customers_email", "index public.customers_email is missing"),
    "a sequence's value": ("select setval('public.orders_id_seq', 17)", "sequence public.orders_id_seq stands at 17, was at 5000"),
    "a sequence's step": ("alter sequence public.invoice_number increment 1", "sequence public.invoice_number is"),
    "a grant more": ("grant delete on public.customers to anon", "grant table public.customers: anon"),
    "a grant less": ("revoke insert on public.orders from authenticated", "grant table public.orders: authenticated"),
    "a grant option": ("revoke grant option for select on public.orders from service_role", "grant table public.orders: service_role"),
    "a column's grant": ("revoke update (note) on public.customers from reporting", "grant column public.customers.note: reporting"),
    "a function's grant": ("grant execute on function public.greet(text) to public", "grant function public.greet(text): public"),
    "a default grant": ("alter default privileges for role postgres in schema public revoke select on tables from reporting", "default grant postgres in public on r to reporting is missing"),
    "an owner": ("alter table public.cache owner to supabase_admin", "table public.cache is"),
    "row level security off": ("alter table public.customers disable row level security", "table public.customers is"),
    "no longer forced": ("alter table public.orders no force row level security", "table public.orders is"),
    "a policy": ("drop policy own_orders on public.orders", "policy public.orders own_orders is missing"),
    "a policy's condition": ("alter policy own_customers on public.customers using (true)", "policy public.customers own_customers is"),
    "a policy of storage": ('drop policy "Own files" on storage.objects', "policy storage.objects Own files is missing"),
    "a trigger of auth": ("drop trigger on_auth_user_created on auth.users", "trigger auth.users on_auth_user_created is missing"),
    "a disabled trigger enabled": ("alter table public.orders enable trigger touch", "trigger public.orders touch is"),
    "a function's body": ("create or replace function public.greet(who text) returns text language sql set search_path = '' as $$ select 'bye ' || who $$", "function public.greet(text) is"),
    "a view": ("create or replace view public.open_orders with (security_invoker) as select * from public.orders where status = 'paid'", "view public.open_orders is"),
    "a view without security_invoker": ("alter view public.open_orders reset (security_invoker)", "table public.open_orders is"),
    "a rule": ("drop rule quiet on public.cache", "rule public.cache quiet is missing"),
    "an extension": ("drop extension hstore", "extension hstore is missing"),
    "an enum's label": ("alter type public.status add value 'lost'", "enum public.status is"),
    "an enum's order": ("alter type public.status rename value 'paid' to 'payed'", "enum public.status is"),
    "a domain": ("alter domain public.email drop constraint email_check", "domain public.email is"),
    "a partition detached": ("alter table public.measurements detach partition public.measurements_2026", "table public.measurements_2026 is"),
    "a publication's table": ("alter publication supabase_realtime drop table public.orders", "published table supabase_realtime: public.orders is missing"),
    "a publication's kind": ("alter publication supabase_realtime set (publish = 'insert')", "publication supabase_realtime is"),
    "statistics": ("drop statistics public.together", "statistics together is missing"),
    "a comment": ("comment on table public.customers is 'someone'", "comment table public.customers is"),
    "a job": ("delete from cron.job where jobname = 'nightly'", "scheduled job nightly is missing"),
    "a job awake": ("update cron.job set active = true where jobname = 'asleep'", "scheduled job asleep is"),
    "a large object's byte": ("select lo_put(424242, 2000000, 'X')", "content of large object 424242 is"),
    "a large object's end": ("select lo_truncate(lo_open(424242, 131072), 2499999)", "content of large object 424242 is 2499999 bytes"),
    "a large object gone": ("select lo_unlink(424243)", "large object 424243 is missing"),
    "a large object's owner": ("alter large object 424242 owner to supabase_admin", "large object 424242 is owner supabase_admin"),
    "a large object's grant": ("revoke select on large object 424242 from reporting", "large object grant large object 424242: reporting is missing"),
    "a materialized view emptied": ("refresh materialized view public.totals with no data", "materialized view public.totals is without rows"),
    "a rule awake": ("alter table public.cache enable rule asleep", "state of rule public.cache asleep is"),
    "a default grant's option": ("alter default privileges for role postgres in schema public revoke grant option for select on sequences from reporting", "default grant option postgres in public on S to reporting is missing"),
    "a published schema": ("alter publication by_schema drop tables in schema shown", "published schema by_schema: shown is missing"),
    "a cast": ("drop cast (int as public.status)", "cast integer as public.status is missing"),
    "a collation": ("drop collation public.bytes", "collation public.bytes is missing"),
    "a text search": ("alter text search configuration public.words drop mapping for word", "text search configuration public.words is"),
    "a dictionary": ("alter text search dictionary public.plain (accept = true)", "text search dictionary public.plain is"),
    "an operator": ("drop operator public.=== (public.status, public.status)", "operator public.===(public.status,public.status) is missing"),
    "an operator's owner": ("alter operator public.=== (public.status, public.status) owner to postgres", "operator public.===(public.status,public.status) is owner postgres"),
    "an operator class": ("drop operator family public.backwards using btree cascade", "operator class public.backwards using btree is missing"),
    "a type's owner": ("alter type public.status owner to supabase_admin", "type public.status is owner supabase_admin"),
    "a server's option": ("alter server far options (set host 'near')", "foreign server option far: host is"),
    "a wrapper's validator": ("alter foreign data wrapper nobody validator postgresql_fdw_validator", "foreign data wrapper nobody is"),
    "a wrapper gone": ("drop foreign data wrapper nobody cascade", "foreign data wrapper nobody is missing"),
    "a statistics target": ("alter table public.orders alter placed set statistics -1", "statistics target public.orders.placed is missing"),
    "a publication's comment": ("comment on publication by_schema is null", "comment on publication by_schema is missing"),
    "a security label": ("set allow_system_table_mods = on; insert into pg_seclabel values ('public.orders'::regclass, 'pg_class'::regclass, 0, 'none', 'x')", "security label none on table public.orders was not there"),
    "a setting": ("do $$ begin execute format('alter database %I reset \"app.region\"', current_database()); end $$", "setting all roles in this database: app.region is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_in_a_restored_database_is_named(server: Server, restored: Load, name: str) -> None:
    statement, wanted = PLANTED[name]
    copy = copy_of_restored(server)
    try:
        server.run(copy, statement)
        findings = server.compared(restored, copy).findings
        assert any(wanted in finding for finding in findings), findings
    finally:
        server.drop(copy)


@pytest.mark.parametrize(
    "number", range(int(os.environ.get("HOTOPS_CLEAN_RUNS", "30" if os.environ.get("HOTOPS_SOAK") else "2")))
)
def test_nothing_planted_nothing_found(server: Server, restored: Load, number: int) -> None:
    copy = copy_of_restored(server)
    assert server.compared(restored, copy).findings == []
    server.drop(copy)


def copy_of_restored(server: Server) -> str:
    """A copy, with what a template does not bring along: settings of the database, and its name in the jobs."""
    copy = server.copy_of("restored")
    server.run(
        copy,
        f"""alter database "{copy}" set "app.region" = 'eu; it''s'""",
        f"""alter role clerk in database "{copy}" set work_mem = '5MB'""",
        "update cron.job set database = current_database()",
    )
    return copy


def test_a_backup_from_before_a_kind_was_recorded_raises_no_alarm(
    server: Server, restored: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = restored.catalogue()
    older = {kind: found for kind, found in was.items() if kind not in ("large object", "content of large object")}
    monkeypatch.setattr(Load, "catalogue", lambda _load: older)
    copy = copy_of_restored(server)
    server.run(copy, "select lo_unlink(424243)")
    found = server.compared(restored, copy)
    server.drop(copy)
    assert not any("content of" in line or line.startswith("large object 4") for line in found.findings)
    assert found.unproven == [
        "not recorded by this older backup, and not compared: large object, content of large object"
    ]


def test_what_one_side_does_not_know_is_told_and_is_no_difference(
    server: Server, restored: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = restored.catalogue()
    was |= {"comet": {"halley": "1986"}, "content of large object": {"424242": UNREADABLE, "424243": "gone"}}
    monkeypatch.setattr(Load, "catalogue", lambda _load: was)
    copy = copy_of_restored(server)
    found = server.compared(restored, copy)
    server.drop(copy)
    assert [line for line in found.findings if "424242" in line or "comet" in line] == []
    assert any(line.startswith("content of large object 424243 is") for line in found.findings)
    assert found.unproven == [
        "recorded by a newer hotops, and not compared by this one: comet",
        "content of large object 424242: the backup's role may not read it",
    ]


# --- files -----------------------------------------------------------------------------------------------------------


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1 << (at % 8)
    path.write_bytes(bytes(content))


FILE_FAULTS: dict[str, Callable[[Path, random.Random], None]] = {
    "a bit flipped": lambda path, chance: _flip(path, chance.randrange(1 << 30)),
    "truncated": lambda path, chance: path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)]),
    "emptied": lambda path, _chance: path.write_bytes(b""),
    "removed": lambda path, _chance: path.unlink(),
    "longer": lambda path, _chance: path.write_bytes(path.read_bytes() + b"\0"),
}


@pytest.mark.parametrize("seed", range(int(os.environ.get("HOTOPS_FILE_FAULTS", "12"))))
def test_what_is_planted_in_a_part_is_named(kept: Store, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    store = _copied(kept, tmp_path)
    found = stage.found(store)
    part = chance.choice(found.manifest.parts())
    kind = chance.choice(list(FILE_FAULTS))
    path = tmp_path / "copy" / found.prefix / part.name
    FILE_FAULTS[kind](path, chance)
    wrong = check_parts(store, found)
    assert len(wrong) == 1, (kind, part.name)
    assert wrong[0].startswith(part.name)


def test_two_parts_swapped_and_a_stray_are_named(kept: Store, tmp_path: Path) -> None:
    store = _copied(kept, tmp_path)
    found = stage.found(store)
    orders = found.manifest.table("public.orders")
    assert orders is not None
    one, two = (f"{found.prefix}/{part.name}" for part in orders.parts[:2])
    first, second = store.get(one), store.get(two)
    store.put(one, second)
    store.put(two, first)
    store.put(f"{found.prefix}/data/public.orders/planted.copy.zst.age", b"x")
    assert len(check_parts(store, found)) == 3


def test_another_backups_manifest_is_refused(server: Server, store: Store) -> None:
    first, second = server.back_up(store, prints=False), server.back_up(store, prints=False)
    one, two = (f"test/shop/{made.id}/manifest.json" for made in (first, second))
    store.put(two, store.get(one))
    with pytest.raises(BackupDamaged, match="swapped"):
        manifests.find(store, "test", "shop", second.id)
    found, wrong = manifests.listed(store, "test", "shop")
    assert [item.manifest.id for item in found] == [first.id]
    assert "swapped" in wrong[second.id]


@pytest.mark.parametrize("key", ["payload", "sig"])
def test_a_forged_manifest_is_refused(kept: Store, tmp_path: Path, key: str) -> None:
    store = _copied(kept, tmp_path)
    found = stage.found(store)
    name = f"{found.prefix}/manifest.json"
    envelope = json.loads(store.get(name))
    holder = envelope if key == "payload" else envelope["signatures"][0]
    holder[key] = ("B" if holder[key][10] != "B" else "C").join((holder[key][:10], holder[key][11:]))
    store.put(name, json.dumps(envelope).encode())
    with pytest.raises(BackupDamaged):
        manifests.read(store, found.prefix)
    store.delete([name])
    with pytest.raises(NoBackup):
        manifests.find(store, "test", "shop")


def test_a_wrong_key_opens_nothing_and_says_so(kept: Store) -> None:
    from hotops.backup.keys import library

    wrong = Opener(Secret(str(library().x25519.Identity.generate())))
    found = check_parts(kept, stage.found(kept), wrong)
    assert all("sealed for other keys" in line for line in found)
    with pytest.raises(KeysUnusable):
        Opener(Secret("AGE-SECRET-KEY-1NONSENSE"))


def test_a_damaged_part_stops_a_restore_by_name(server: Server, kept: Store, tmp_path: Path) -> None:
    store = _copied(kept, tmp_path)
    found = stage.found(store)
    orders = found.manifest.table("public.orders")
    assert orders is not None
    _flip(tmp_path / "copy" / found.prefix / orders.parts[0].name, 99)
    with pytest.raises(BackupDamaged, match=orders.parts[0].name):
        server.restore(store, "damaged")
    server.drop("damaged")


def _copied(kept: Store, tmp_path: Path) -> Store:
    assert kept.folder is not None
    shutil.copytree(kept.folder, tmp_path / "copy")
    return Store.of(str(tmp_path / "copy"))
