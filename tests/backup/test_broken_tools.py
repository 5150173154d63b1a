"""Client programs that break or are too old, and a server that is restarted: nothing then looks like a backup."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from hotops.backup import manifest as manifests
from hotops.backup import programs as found_programs
from hotops.backup import watch
from hotops.backup.compare import compare
from hotops.backup.databases import create_database
from hotops.backup.dump import Dump
from hotops.backup.errors import BackupSuspicious, DatabaseFailed, RestoreFailed, ToolsMissing
from hotops.backup.programs import Programs, find_programs
from hotops.backup.store import Store
from tests.backup.stage import Server, restore_all
from tests.backup.test_bad_days import on_again


def wrapped(server: Server, folder: Path, program: str, script: str) -> Programs:
    """The real programs, one of them replaced by a script that may call the real one as $REAL."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        if name != program:
            (folder / name).symlink_to(server.programs.path(name))
    path = folder / program
    path.write_text(f"#!/bin/sh\nREAL={server.programs.path(program)}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return Programs(folder, server.programs.version)


def made_with(server: Server, store: Store, programs: Programs) -> Dump:
    dump = server.dump(store)
    dump.programs = programs
    with contextlib.closing(dump):
        for step in (dump.begin, dump.schema, dump.rows, dump.content):
            step()
        dump.seal(None, shrinkage=0.2)
    return dump


@pytest.mark.parametrize(
    ("program", "script", "error", "said"),
    [
        # What was once called a success: 0 bytes, and on the next try a schema with 0 rows.
        ("pg_dump", "exit 0", BackupSuspicious, r"the schema is empty \(0 bytes\)"),
        ("psql", r"exec $REAL \"$@\" | grep --line-buffered '^\\\\\\.$'", BackupSuspicious, "the schema and no row at all"),
        ("psql", r"exec $REAL \"$@\" | head -c 20000", DatabaseFailed, "psql ended|psql gave no answer"),
        ("psql", r"$REAL \"$@\" | (head -c 20000; exec cat >/dev/null)", DatabaseFailed, "psql gave no answer in"),
        ("psql", "exec sleep 600", DatabaseFailed, "psql gave no answer in"),
        ("psql", r"exec $REAL \"$@\" | sed -u '100d'", BackupSuspicious, "rows in the snapshot"),
        ("pg_dump", "echo 'pg_dump: error: aborting because of server version mismatch' >&2; exit 1", DatabaseFailed, "version mismatch"),
        ("pg_dump", "kill -9 $$", DatabaseFailed, "pg_dump ended with -9"),
    ],
    ids=["0 bytes", "0 COPY", "cut off", "swallows", "silent", "a row less", "too old", "killed"],
)  # fmt: skip
def test_a_broken_dump_is_an_error_and_no_backup(
    server: Server,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    script: str,
    error: type[Exception],
    said: str,
) -> None:
    monkeypatch.setattr(watch, "SILENT_S", 2.0)
    monkeypatch.setattr(watch, "UNMET_S", 3.0)
    programs = wrapped(server, tmp_path / "bin", program, script.replace(r"\"", '"').replace("\\\\", "\\"))
    with pytest.raises(error, match=said):
        made_with(server, store, programs)
    assert manifests.listed(store, "test", "shop")[0] == []


def test_a_pg_restore_that_dies_is_told_and_the_next_run_goes_on(server: Server, kept: Store, tmp_path: Path) -> None:
    name = "pg_restore_died"
    create_database(server.connection("template1", "supabase_admin"), name)
    load = server.load(kept, name)
    load.programs = wrapped(server, tmp_path / "bin", "pg_restore", "kill -9 $$")
    with pytest.raises(RestoreFailed, match="pg_restore ended with -9"):
        restore_all(load)
    load.programs = server.programs
    restore_all(load)
    assert compare(load).findings == []
    server.drop(name)


def test_a_client_older_than_the_server_is_named_and_where_a_newer_one_is(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = wrapped(server, tmp_path / "old", "pg_dump", "echo 'pg_dump (PostgreSQL) 12.22'")
    monkeypatch.setattr(found_programs, "_PLACES", ())
    environ = {"HOTOPS_PG_BIN": str(old.folder), "PATH": ""}
    with pytest.raises(ToolsMissing, match=r"12\.22 in .*old") as missing:
        find_programs(server.programs.major, environ)
    assert f"postgresql-client-{server.programs.major}" in str(missing.value.remedy)
    assert find_programs(12, environ).folder == old.folder


def shut_down_once(server: Server) -> Callable[[int, int, float], None]:
    """Shuts the server down, as an administrator who restarts it does, when a third is done."""
    done_so: list[bool] = []

    def tell(done: int, total: int, _seconds: float) -> None:
        if done * 3 > total and not done_so:
            done_so.append(True)
            process = server.cluster._process
            assert process is not None
            process.send_signal(signal.SIGINT)
            process.wait(60)

    return tell


def test_a_server_that_is_restarted_ends_a_backup_and_a_restore_and_both_go_on(server: Server, store: Store) -> None:
    dump = server.dump(store, workers=1, tell=shut_down_once(server))
    dump.begin()
    dump.schema()
    with contextlib.closing(dump), pytest.raises(DatabaseFailed, match=r"terminat|ended|closed|shut|refused|lost"):
        dump.rows()
    server.start_again()
    assert manifests.listed(store, "test", "shop")[0] == []
    made, dump = on_again(server, store)
    assert (dump.resumed > 0, [item.manifest.id for item in manifests.listed(store, "test", "shop")[0]]) == (
        True,
        [made.id],
    )

    name = "restarted"
    create_database(server.connection("template1", "supabase_admin"), name)
    load = server.load(store, name, tell=shut_down_once(server))
    with pytest.raises(DatabaseFailed, match=r"terminat|ended|closed|shut|refused|lost"):
        restore_all(load)
    server.start_again()
    restore_all(load)
    assert load.resumed > 0
    assert compare(load).findings == []
    server.drop(name)
