"""What is backed up comes back: every row, and everything that backups are known to lose."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hotops.backup import dump
from hotops.backup import manifest as manifests
from hotops.backup.compare import compare
from hotops.backup.databases import create_database
from hotops.backup.load import Load
from hotops.backup.pipeline import run_into
from hotops.backup.quick import check_parts
from hotops.backup.selection import listed_entries
from hotops.backup.store import Store
from hotops.core.secret import Secret
from tests.backup import stage
from tests.backup.stage import Server


def test_everything_comes_back_and_is_proven_row_by_row(server: Server, kept: Store, restored: Load) -> None:
    found = compare(restored)
    assert found.findings == []
    assert found.unproven == []
    assert found.tables >= 18
    assert found.rows_compared == stage.found(kept).manifest.rows > 6000
    assert restored.problems == []


def test_what_the_vendors_dump_loses_is_there(server: Server, restored: Load) -> None:
    asked = """
      select (select count(*) from pg_trigger where tgname = 'on_auth_user_created'),
        (select count(*) from pg_policy where polname = 'Own files'),
        (select string_agg(jobname || active, ' ' order by jobname) from cron.job), (select count(*) from auth.users),
        (select count(*) from storage.objects), (select name from supabase_migrations.schema_migrations),
        (select count(*) from pg_publication_rel), (select count(*) from public.customers),
        (select last_value from public.invoice_number),
        (select count(*) from public.totals), current_setting('app.region')
    """
    assert server.run("restored", asked) == [
        (1, 1, "asleepfalse nightlytrue", 40, 30, "first", 2, 600, 1235, 600, "eu; it's")
    ]  # no trigger fired while the users came back: customers are 600, not 640


def test_a_table_larger_than_a_range_is_read_in_ranges(kept: Store) -> None:
    orders = stage.found(kept).manifest.table("public.orders")
    assert orders is not None
    assert len(orders.ranges) > 1
    assert sum(part.rows for part in orders.parts) == orders.rows == 5000


def test_a_backup_is_whole_and_signed(server: Server, kept: Store) -> None:
    found = stage.found(kept)
    assert found.known
    assert check_parts(kept, found, server.keys.opener) == []
    assert len(found.manifest.recipients) == 2
    assert any("passwords of the roles" in line for line in found.manifest.left_out)


def test_either_key_opens_it(server: Server, kept: Store) -> None:
    from hotops.backup.keys import Opener

    offline = Opener(Secret(str(server.keys.offline)))
    assert check_parts(kept, stage.found(kept), offline) == []


def test_nothing_of_a_row_lies_in_the_store_in_clear(server: Server, kept: Store) -> None:
    assert kept.folder is not None
    for path in kept.folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for canary in (b"u1@example.com", b"name 17", server.cluster.password.encode(), b"AGE-SECRET"):
            assert canary not in content, path


def restored_by_hand(server: Server, store: Store, folder: Path, name: str, source: str = "shop") -> None:
    """As docs/backup-format.md tells it: the backup's own script, in its folder, without hotops."""
    assert store.folder is not None
    shutil.copytree(store.folder / stage.found(store, source).prefix, folder)
    key = folder.with_suffix(".key")
    key.write_text(f"{server.keys.offline}\n")
    create_database(server.connection("template1", "supabase_admin"), name)
    done = subprocess.run(
        ["sh", "restore.sh"],
        cwd=folder,
        env={
            "PATH": f"{server.programs.folder}:{os.environ['PATH']}",
            "IDENTITY": str(key),
            "TARGET": server.dsn(name, "supabase_admin"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.peer("age", "zstd")
def test_it_restores_with_age_zstd_psql_and_pg_restore_alone(server: Server, kept: Store, tmp_path: Path) -> None:
    name = "by_hand"
    restored_by_hand(server, kept, tmp_path / "backup", name)
    load = server.load(kept, name)
    left = compare(load).findings
    assert left == [
        "scheduled job asleep is missing",
        "scheduled job nightly is missing",
    ]  # started by hand, on purpose
    server.drop(name)


@pytest.mark.peer("age", "zstd")
def test_a_dump_of_large_objects_that_carries_other_rows_too_brings_each_row_back_once(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So dumps were made once: the pattern * leaves out the tables on the search path alone, not those of auth."""
    source = server.copy_of("postgres")
    server.run(
        source, "insert into auth.users (id, email) select gen_random_uuid(), 'u' || g from generate_series(1, 7) g",
        'create table public."BLOB" as select 1 as id', "select lo_from_bytea(4711, 'kept'), lo_create(4712)",
        "alter large object 4711 owner to postgres", "alter large object 4712 owner to postgres",
        "grant select on large object 4711 to anon", "comment on large object 4711 is 'a picture'",
    )  # fmt: skip

    def as_once(command: list[str], *given: Any) -> Any:
        return run_into([word.replace("data=*.*", "data=*") for word in command], *given)

    with monkeypatch.context() as patch:
        patch.setattr(dump, "run_into", as_once)
        server.back_up(store, source)
    load = server.load(store, source, source)
    archive = tmp_path / "large_objects"
    archive.write_bytes(b"".join(load.blocks(load.found.manifest.schema_parts["large_objects"])))
    listed = listed_entries(server.programs.path("pg_restore"), archive).splitlines()
    assert [line for line in listed if "TABLE DATA auth users" in line], "it carries them"

    restored = server.restore(store, source=source)
    restored_by_hand(server, store, tmp_path / "backup", "by_hand_of_old", source)
    asked = """
      select (select count(*) from auth.users), convert_from(lo_get(4711), 'UTF8'), length(lo_get(4712)),
        obj_description(4711, 'pg_largeobject'),
        (select string_agg(lomacl::text, '') ~ 'anon=r' from pg_largeobject_metadata where oid = 4711)
    """
    for name in (restored.connection.database, "by_hand_of_old"):
        assert compare(server.load(store, name, source)).findings == []
        assert server.run(name, asked) == [(7, "kept", 0, "a picture", True)]
    server.drop(source, restored.connection.database, "by_hand_of_old")


def test_some_tables_come_back_alone(server: Server, kept: Store) -> None:
    load = server.restore(kept, tables=("orders", 'public.Odd "Name'))
    assert compare(load).findings == []
    there = server.run(
        load.connection.database,
        "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'",
    )
    assert there == [(2,)]
    server.drop(load.connection.database)


def test_a_second_backup_is_another_one_and_the_newest_is_found(server: Server, store: Store) -> None:
    first = server.back_up(store)
    second = server.back_up(store, last=first)
    found, wrong = manifests.listed(store, "test", "shop")
    assert ([item.manifest.id for item in found], wrong) == ([second.id, first.id], {})
