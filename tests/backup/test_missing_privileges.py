"""A role that may not read, or may not write: said before anything is listed or changed, with what is missing."""

from __future__ import annotations

import contextlib

import pytest

from hotops.backup import manifest as manifests
from hotops.backup.connection import Connection
from hotops.backup.errors import DatabaseFailed
from hotops.backup.store import Store
from hotops.core.errors import HotopsError
from hotops.core.secret import Secret
from tests.backup.stage import Server, restore_all


def role(server: Server, name: str, database: str) -> Connection:
    """A connection as a role that may log in and nothing else."""
    made = server.connection(database, "supabase_admin")
    server.run(
        "template1", f"drop role if exists {name}", f"create role {name} login password '{made.password.reveal()}'"
    )
    return Connection({**made.parameters, "user": name}, Secret(made.password.reveal()))


def test_a_backup_by_a_role_that_may_not_read_a_table_names_it_and_lists_nothing(server: Server, store: Store) -> None:
    dump = server.dump(store)
    dump.connection = role(server, "reads_nothing", "shop")
    with (
        contextlib.closing(dump),
        pytest.raises(HotopsError, match=r"reads_nothing may not read public\.orders, ") as failed,
    ):
        dump.begin()
    assert failed.value.remedy
    assert manifests.listed(store, "test", "shop")[0] == []
    server.run("template1", "drop role reads_nothing")


def test_a_restore_by_a_role_that_may_not_create_there_changes_nothing(server: Server, kept: Store) -> None:
    name = "not_ours"
    server.copy_of("template0", name)
    before = server.run(name, "select count(*) from pg_class")
    load = server.load(kept, name)
    load.connection = role(server, "writes_nothing", name)
    with pytest.raises(DatabaseFailed, match="permission denied for database not_ours") as failed:
        restore_all(load)
    assert failed.value.remedy
    assert server.run(name, "select count(*) from pg_class") == before
    server.drop(name)
    server.run("template1", "drop role writes_nothing")
