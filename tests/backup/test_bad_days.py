"""Backups and restores that are killed, cut off or refused: clear words, no partial listed, and on again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pytest

from hotops.backup import manifest as manifests
from hotops.backup.catalogue import compare_catalogues
from hotops.backup.compare import compare
from hotops.backup.databases import create_database
from hotops.backup.dump import Dump
from hotops.backup.errors import (
    BackupSuspicious,
    DatabaseFailed,
    PrivilegeMissing,
    RestoreRefused,
    StoreFailed,
    ToolsMissing,
)
from hotops.backup.manifest import Manifest
from hotops.backup.programs import find_programs
from hotops.backup.progress import unfinished
from hotops.backup.sentinel import suspicious
from hotops.backup.store import Store
from hotops.backup.survey import Survey, survey
from hotops.backup.throttle import Throttle
from tests.backup import stage
from tests.backup.stage import Server, restore_all

#: Every write of a backup and every part of a restore in `make soak`, some of them in `make test`.
EVERY = 1 if os.environ.get("HOTOPS_SOAK") else 31


class Died(BaseException):
    """Stands for the death of the process."""


class Mortal(Store):
    """A store whose process dies at the n-th write."""

    left = 0

    def put(self, name: str, content: bytes) -> None:
        self.left -= 1
        if self.left < 0:
            raise Died
        super().put(name, content)


def died(server: Server, store: Store, after: int, **options: Any) -> bool:
    """Back up until the n-th write; whether it came to that."""
    mortal = Mortal(store._inner, store.url, store.folder)
    mortal.left = after
    try:
        server.back_up(mortal, **options)
    except Died:
        return True
    return False


def on_again(server: Server, store: Store, database: str = "shop") -> tuple[Manifest, Dump]:
    """What the next run does: take over what is unfinished."""
    name = unfinished(store, f"test/{database}")
    dump = server.dump(store, database, **({"id": name} if name else {}))
    with contextlib.closing(dump):
        for step in (dump.begin, dump.schema, dump.rows, dump.content):
            step()
        return dump.seal(None, shrinkage=0.2), dump


def test_a_backup_killed_at_any_write_is_not_listed_and_goes_on(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = []
    for after in range(0, 1000, EVERY):
        store = Store.of(str(tmp_path / f"store {after}"))
        if not died(server, store, after):
            break
        assert manifests.listed(store, "test", "shop")[0] == []
        made, dump = on_again(server, store)
        kept.append(dump.resumed)
        found, wrong = manifests.listed(store, "test", "shop")
        assert [item.manifest.id for item in found] == [made.id]
        # One that died before its first range was there left nothing to go on with; a prune removes it.
        assert wrong == {} if dump.resumed else set(wrong.values()) <= {"unfinished"}
        assert not [name for name in store.sizes("") if "/notes/" in name]
    with capsys.disabled():
        print(f"\nbackups that died at {len(kept)} of their writes: each went on, none was listed before it was whole")
    assert max(kept) > 10  # ranges that were not read again
    load = server.restore(store)
    assert compare(load).findings == []
    server.drop(load.connection.database)


def test_what_changed_since_the_death_is_read_again(server: Server, store: Store) -> None:
    living = server.copy_of("shop")
    assert died(server, store, 45, database=living)
    server.run(
        living,
        "delete from public.orders where id = 7",
        "update public.customers set note = 'later' where id = 3",
        "insert into public.measurements values ('2026-05-05', 1)",
        "delete from storage.objects where name = 'u/1.png'; insert into storage.objects (bucket_id, name) values ('avatars', 'u/1.png')",
    )
    _made, dump = on_again(server, store, living)
    assert dump.resumed > 5
    load = server.restore(store, source=living)
    assert [line for line in compare(load).findings if "setting" not in line and "scheduled job" not in line] == []
    assert server.run(
        load.connection.database,
        "select count(*), max((select note from public.customers where id = 3)) from public.orders",
    ) == [(4999, "later")]
    server.drop(living, load.connection.database)


def killed(function: str, *arguments: str, **environ: str) -> None:
    """In a process of its own, which the system kills (SIGKILL) at a chunk."""
    root = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); from tests.backup import test_bad_days as t; t.{function}(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def nobody_is_left(server: Server, database: str) -> None:
    """Its sessions and programs end with it, within five seconds."""
    asked = f"select count(*) from pg_stat_activity where application_name = 'hotops' and datname = '{database}'"
    for _look in range(100):
        if server.run("template1", asked) == [(0,)]:
            return
        time.sleep(0.05)
    raise AssertionError("sessions are left")


def test_a_backup_that_is_really_killed_at_a_chunk_leaves_no_process_and_goes_on(
    server: Server, kept: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    all_of_them = sum(len(table.ranges) for table in stage.found(kept).manifest.tables)
    chunks = range(1, all_of_them + 1) if os.environ.get("HOTOPS_SOAK") else [20]
    for chunk in chunks:
        store = Store.of(str(tmp_path / f"store {chunk}"))
        killed("die_at_a_chunk", server.dsn("shop"), store.url, str(chunk), *server.keys.recipients)
        nobody_is_left(server, "shop")
        assert manifests.listed(store, "test", "shop")[0] == []
        made, dump = on_again(server, store)
        assert dump.resumed >= chunk
        assert [item.manifest.id for item in manifests.listed(store, "test", "shop")[0]] == [made.id]
    with capsys.disabled():
        print(
            f"\nbackups killed with SIGKILL at {len(chunks)} chunks: each went on, none was listed before it was whole"
        )


def test_a_restore_that_is_really_killed_at_a_part_goes_on(
    server: Server, kept: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    all_of_them = sum(len(table.parts) for table in stage.found(kept).manifest.tables)
    parts = range(1, all_of_them + 1) if os.environ.get("HOTOPS_SOAK") else [9]
    for part in parts:
        name = f"really_killed_{part}"
        create_database(server.connection("template1", "supabase_admin"), name)
        identity = str(server.keys.here)
        killed("die_at_a_part", server.dsn(name, "supabase_admin"), kept.url, str(part), BACKUP_IDENTITY=identity)
        again = server.load(kept, name)
        restore_all(again)
        assert again.resumed >= part
        assert compare(again).findings == []
        server.drop(name)
    with capsys.disabled():
        print(f"\nrestores killed with SIGKILL at {len(parts)} parts: each went on, and every row is as it was")


def _dies_at(number: str) -> Callable[[int, int, float], None]:
    left = [int(number)]

    def tell(_done: int, _all: int, _seconds: float) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return tell


def die_at_a_chunk(dsn: str, url: str, chunk: str, *recipients: str) -> None:
    from hotops.backup.connection import Connection
    from hotops.backup.keys import Sealer
    from hotops.core.world import World

    connection = Connection.parse(dsn, World("sandbox", {}, {}, None, {}))
    dump = Dump(
        connection, find_programs(15), Store.of(url), Sealer(recipients), "test", "sandbox", "shop",
        "20260101T000000Z-abcdef", 2, pages=16, tell=_dies_at(chunk),
    )  # fmt: skip
    dump.begin()
    dump.schema()
    dump.rows()


def die_at_a_part(dsn: str, url: str, part: str) -> None:
    from hotops.backup.connection import Connection
    from hotops.backup.keys import Opener
    from hotops.backup.load import Load
    from hotops.core.secret import Secret
    from hotops.core.world import World

    store = Store.of(url)
    load = Load(
        Connection.parse(dsn, World("sandbox", {}, {}, None, {})), find_programs(15), store,
        Opener(Secret(os.environ["BACKUP_IDENTITY"])), stage.found(store), 2, tell=_dies_at(part),
    )  # fmt: skip
    restore_all(load)


def test_a_restore_that_dies_at_any_part_goes_on(server: Server, kept: Store) -> None:
    parts = sum(len(table.parts) for table in stage.found(kept).manifest.tables)
    for after in range(0, parts, EVERY * 2):
        name = f"killed_{after}"
        create_database(server.connection("template1", "supabase_admin"), name)
        load = server.load(kept, name)
        left = [after]

        def tell(_done: int, _all: int, _seconds: float, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Died

        load.tell = tell
        with pytest.raises(Died):
            restore_all(load)
        again = server.load(kept, name)
        restore_all(again)
        assert again.resumed > after
        assert compare(again).findings == []
        server.drop(name)


@pytest.mark.parametrize("phase", ["roles", "pre_data", "rows", "sequences", "post_data", "settings", "analyze"])
def test_a_restore_that_dies_after_a_phase_goes_on(server: Server, kept: Store, phase: str) -> None:
    name = f"after_{phase}"
    create_database(server.connection("template1", "supabase_admin"), name)
    load = server.load(kept, name)
    for step in ("claim", "roles", "pre_data", "rows", "sequences", "post_data", "settings", "analyze"):
        getattr(load, step)()
        if step == phase:
            break
    again = server.load(kept, name)
    restore_all(again)
    assert compare(again).findings == []
    server.drop(name)


def test_a_connection_cut_in_the_middle_says_so_and_the_next_run_goes_on(server: Server, store: Store) -> None:
    dump = server.dump(store)

    def cut(done: int, total: int, _seconds: float) -> None:
        if done * 3 > total:
            server.run("template1", "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop'")

    dump.tell = cut
    dump.begin()
    dump.schema()
    with pytest.raises(DatabaseFailed, match=r"terminat|ended|closed") as failed:
        dump.rows()
    dump.close()
    assert server.cluster.password not in str(failed.value)
    assert manifests.listed(store, "test", "shop")[0] == []
    assert on_again(server, store)[1].resumed > 0


@pytest.mark.parametrize(
    ("error", "said"), [(OSError(28, "No space left on device"), "prune old backups"), (PermissionError(13, "Permission denied"), "do not allow")]
)  # fmt: skip
def test_a_full_or_refusing_store_lists_no_partial_backup_and_overwrites_nothing(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    first = server.back_up(store)
    before = {name: store.get(name) for name in store.sizes("")}
    real, count = obstore.put, [0]

    def put(*args: Any, **options: Any) -> Any:
        count[0] += 1
        if count[0] > 25:
            raise error
        return real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(obstore, "put", put)
        with pytest.raises(StoreFailed) as failed:
            server.back_up(store)
    assert said in str(failed.value)
    assert [item.manifest.id for item in manifests.listed(store, "test", "shop")[0]] == [first.id]
    assert {name: store.get(name) for name in before} == before


def test_a_client_older_than_the_server_is_refused_with_where_to_get_one() -> None:
    with pytest.raises(ToolsMissing, match="postgresql-client-99"):
        find_programs(99)


def test_a_role_that_may_not_read_everything_makes_no_backup(server: Server, store: Store) -> None:
    living = server.copy_of("shop")
    server.run(
        living,
        "create role half login password 'half'",
        "grant usage on schema public to half",
        "grant select on public.cache to half",
    )
    from hotops.backup.connection import Connection
    from hotops.core.secret import Secret

    made = server.connection(living)
    half = Connection({**made.parameters, "user": "half"}, Secret("half"))
    with contextlib.closing(half.open()) as session, pytest.raises(PrivilegeMissing, match=r"auth\.|public\.orders"):
        survey(session)
    # pg_dump brings all large objects or none, and a right to read all data is none to read these.
    server.run(living, "revoke select on large object 424243 from postgres")
    with (
        contextlib.closing(made.open()) as session,
        pytest.raises(PrivilegeMissing, match="large object 424243") as refused,
    ):
        survey(session)
    assert "grant select on large object" in str(refused.value.remedy)
    server.run(living, "grant select on large object 424243 to postgres")
    with contextlib.closing(made.open()) as session:
        assert survey(session).large_objects == 2
    server.drop(living)
    server.run("template1", "drop role half")


def test_rows_are_never_put_beside_rows(server: Server, kept: Store) -> None:
    living = server.copy_of("shop")
    with pytest.raises(RestoreRefused, match="not empty"):
        server.load(kept, living).claim()
    server.drop(living)


# --- what happened ----------------------------------------------------------------------------------------------------


def _sentinel(server: Server, change: dict[str, Any], last: Manifest | None = None) -> list[str]:
    with contextlib.closing(server.connection("shop").open()) as session:
        seen: Survey = survey(session)
    made = stage_manifest(server)
    return suspicious(made.model_copy(update=change), seen, last)


def stage_manifest(server: Server) -> Manifest:
    store = Store.of("memory:///")
    return server.back_up(store, prints=False)


def test_a_backup_of_0_bytes_or_of_the_schema_alone_is_an_error(server: Server) -> None:
    """A file of 0 bytes, and on the second try 69 kB of schema with no row, were both declared successful."""
    made = stage_manifest(server)
    with contextlib.closing(server.connection("shop").open()) as session:
        seen = survey(session)
    assert suspicious(made, seen, None) == []
    nothing = made.schema_parts | {
        "schema": made.schema_parts["schema"].model_copy(update={"bytes": 0, "plain_bytes": 0})
    }
    assert "the schema is empty (0 bytes)" in suspicious(made.model_copy(update={"schema_parts": nothing}), seen, None)
    assert "tables" in suspicious(made.model_copy(update={"tables": ()}), seen, None)[0]
    hollow = tuple(table.model_copy(update={"rows": 0, "ranges": ()}) for table in made.tables)
    said = suspicious(made.model_copy(update={"tables": hollow}), seen, None)
    assert "it holds the schema and no row at all, and the database has data" in said
    half = tuple(table.model_copy(update={"ranges": table.ranges[: len(table.ranges) // 2]}) for table in made.tables)
    assert any(
        "5000 rows in the snapshot" in line for line in suspicious(made.model_copy(update={"tables": half}), seen, None)
    )


def test_a_database_wiped_by_a_reset_does_not_replace_its_backup(server: Server, store: Store) -> None:
    """A reset meant for a test database wiped the shared one: the next backup must not look like one."""
    living = server.copy_of("shop")
    good = server.back_up(store, living)
    server.run(living, "truncate public.orders, public.customers, auth.users cascade")
    with pytest.raises(BackupSuspicious, match=r"public\.orders shrank from 5000 rows to 0"):
        server.back_up(store, living, last=good)
    assert [item.manifest.id for item in manifests.listed(store, "test", living)[0]] == [good.id]
    load = server.restore(store, source=living)
    assert server.run(load.connection.database, "select count(*) from public.orders") == [(5000,)]
    server.drop(living, load.connection.database)


def test_a_fresh_database_in_place_of_the_old_one_is_no_backup_of_it(server: Server, store: Store) -> None:
    """Eleven hours of outage were ended with a fresh database, and all history was lost: nobody noticed the empty backups."""
    good = server.back_up(store)
    fresh = server.copy_of("postgres")
    dump = server.dump(store, fresh)
    with contextlib.closing(dump):
        for step in (dump.begin, dump.schema, dump.rows, dump.content):
            step()
        with pytest.raises(BackupSuspicious, match=r"are gone: .*public"):
            dump.seal(good, shrinkage=0.2)
    server.drop(fresh)


def test_a_suffering_server_gets_fewer_workers_and_later_more() -> None:
    throttle = Throttle(3)
    assert throttle.observe(0.01) == 3
    assert throttle.observe(0.5) == 2
    assert throttle.observe(0.01, lag_s=120) == 1
    assert throttle.observe(5.0) == 1
    assert [throttle.observe(0.01) for _look in range(6)] == [1, 1, 2, 2, 2, 3]
    assert throttle.slowed == 2


def test_catalogues_differ_by_name() -> None:
    found = compare_catalogues({"policy": {"a": "x", "b": "y"}}, {"policy": {"b": "z", "c": "w"}})
    assert [str(item) for item in found] == ["policy a is missing", "policy b is z, was y", "policy c was not there"]
