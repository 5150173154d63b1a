"""backup.yml and restore.yml on a real sandbox, as the role postgres of a hosted project, which is no superuser."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import psycopg

from tests.playbooks.canaries import Canaries
from tests.playbooks.playing import SHOP, shop
from tests.sandbox_fixture import RunningSandbox

INVENTORY = SHOP.replace("    fly_org: personal\n", "    fly_org: personal\n    supabase_project: shop\n")
ROWS = """
create table public.orders (id bigserial primary key, total numeric not null, note text);
insert into public.orders (total, note)
  select g / 10.0, case when g % 2 = 0 then 'canary-of-a-row-' || g end from generate_series(1, 200) g;
alter table public.orders enable row level security;
create policy own on public.orders for select to authenticated using (total > 0);
insert into auth.users (id, email) select gen_random_uuid(), 'u' || g || '@example.com' from generate_series(1, 20) g;
create function public.greet() returns trigger language plpgsql as $$ begin new.note := 'hello'; return new; end $$;
create trigger on_auth_user_created after insert on auth.users for each row execute function public.greet();
create policy "Own files" on storage.objects for select to authenticated using (bucket_id = 'a');
"""


def asked(sandbox: RunningSandbox, database: str, query: str) -> list[Any]:
    with contextlib.closing(
        psycopg.connect(**{**sandbox.conninfo(), "dbname": database}, password=sandbox.db_pass, autocommit=True)
    ) as session:
        cursor = session.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def test_what_was_backed_up_stands_beside_row_by_row(tmp_path: Path, sandbox: RunningSandbox) -> None:
    asked(sandbox, "postgres", ROWS)
    project = shop(tmp_path, sandbox, inventory=INVENTORY)
    databases = "select datname from pg_database order by 1"
    before = asked(sandbox, "postgres", databases)

    look = project.run("hotops.core.backup", "--check")
    assert look.code == 0, look.text
    assert not [path for path in (sandbox.state_dir / "sandbox/backups").rglob("*") if path.is_file()]

    project.write("both.yml", "- import_playbook: hotops.core.backup\n- import_playbook: hotops.core.restore\n")
    done = project.run("both.yml", "--diff")
    assert done.code == 0, done.text
    (restored,) = [name for (name,) in asked(sandbox, "postgres", databases) if (name,) not in before]
    told = "select count(*), sum(total), count(note) from public.orders"
    assert asked(sandbox, restored, told) == asked(sandbox, "postgres", told) == [(200, 2010, 100)]
    kept = """
      select (select count(*) from auth.users), (select count(*) from pg_policy),
        (select count(*) from pg_trigger where not tgisinternal)
    """
    assert asked(sandbox, restored, kept) == [(20, 2, 1)]
    assert (
        "not brought back: owned by another role here, since postgres may give nothing to supabase_admin" in done.text
    )

    again = project.run("hotops.core.restore")
    assert "changed=0" in again.text, again.text
    once = project.run("hotops.core.restore", "-e", "overwrite=postgres")
    assert (once.code, once.failure()["code"]) == (2, "restore_refused"), once.text
    assert asked(sandbox, "postgres", told) == [(200, 2010, 100)]
    canaries = Canaries({"the password": sandbox.db_pass, "a row": "canary-of-a-row-2"})
    assert canaries.found_in((done.text + again.text + once.text).encode()) == []
    assert canaries.below(tmp_path / "artifacts") == []
