"""A backup into a fresh hosted project, whose role postgres is no superuser: what can't come back is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hotops.backup.catalogue import Difference
from hotops.backup.compare import compare
from hotops.backup.databases import create_database
from hotops.backup.errors import RestoreFailed
from hotops.backup.hosted import Rights, sort_out
from hotops.backup.load import Load
from hotops.backup.refusals import refusals, sorted_refusals
from hotops.backup.store import Store
from hotops.sandbox.__main__ import _cache_dir
from hotops.sandbox.ca import Authority
from hotops.sandbox.postgres import Cluster, Toolkit
from tests.backup.stage import Server, restore_all

POSTGRES = Rights("postgres", superuser=False, not_ours=frozenset({"supabase_admin"}))


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another project than the backup is of: a server of its own, without the shop's roles."""
    cluster = Cluster(
        Toolkit.gather(_cache_dir()), Authority(), tmp_path_factory.mktemp("project"), "b" * 20, (), "other"
    )
    cluster.start()
    try:
        made = Server(cluster, server.keys)
        made.run("postgres", "insert into auth.schema_migrations values ('newer')")  # as its own services do
        yield made
    finally:
        cluster.stop()


def as_postgres(project: Server, kept: Store, database: str, source: str = "shop") -> Load:
    load = project.load(kept, database, source)
    load.connection = project.connection(database)
    return load


def test_a_fresh_projects_own_database_takes_it(project: Server, kept: Store) -> None:
    load = as_postgres(project, kept, "postgres")
    restore_all(load)
    found = compare(load)
    assert (found.findings, found.unproven) == ([], [])
    assert found.rows_compared > 6000
    named = "\n".join([*found.platform, *load.problems])
    for what in (
        "rows that the platform keeps itself: auth.schema_migrations",
        "role clerk",
        "app.region",
        "schema cron",
        "postgres may give nothing to supabase_admin: ",
        "large object 424243",
        "only a superuser makes it: ",
        "operator class public.backwards using btree",
        "foreign data wrapper nobody",
        "published schema by_schema: shown",
    ):
        assert what in named
    asked = """
      select (select count(*) from auth.users), (select count(*) from public.customers),
        (select count(*) from storage.objects),
        (select count(*) from pg_trigger where tgname = 'on_auth_user_created'),
        (select count(*) from pg_policy where polname = 'Own files'),
        (select string_agg(version, ' ') from auth.schema_migrations)
    """
    assert project.run("postgres", asked) == [(40, 600, 30, 1, 1, "newer")]
    roles = project.run(
        "postgres", "select rolname, rolsuper from pg_roles where rolname in ('clerk', 'reporting') order by 1"
    )
    assert roles == [("clerk", False), ("reporting", False)]

    # What a superuser alone could have done is excused; what the user's role could, and is not there, is not.
    project.run(
        "postgres", 'drop policy "Own files" on storage.objects', "drop trigger on_auth_user_created on auth.users",
        "delete from auth.users where email = 'u7@example.com'", "revoke select on public.customers from anon",
        "drop cast (int as public.status)", "select lo_unlink(424242)",
    )  # fmt: skip
    said = "\n".join(compare(load).findings)
    for what in (
        "Own files",
        "on_auth_user_created",
        "table auth.users",
        "grant table public.customers: anon",
        "cast integer as public.status is missing",
        "large object 424242 is missing",
    ):
        assert what in said


def test_a_new_database_beside_the_projects_own_takes_it(project: Server, kept: Store) -> None:
    create_database(project.connection("template1"), "beside")
    load = as_postgres(project, kept, "beside")
    restore_all(load)
    found = compare(load)
    assert found.findings == []
    named = "\n".join(found.platform)
    assert "a project's dashboard does: Database, Extensions): extension pg_stat_statements" in named
    assert "postgres may give nothing to supabase_admin: " in named
    # Tables of auth belong to its service again, and the role's own grants on them are there.
    asked = """
      select pg_get_userbyid(relowner), has_table_privilege('postgres', oid, 'insert')
      from pg_class where oid = 'auth.users'::regclass
    """
    assert project.run("beside", asked) == [("supabase_auth_admin", True)]


def test_an_extension_that_tables_need_is_named_before_anything_is_lost(
    server: Server, project: Server, tmp_path: Path
) -> None:
    source = server.copy_of("postgres")
    server.run(
        source, "create extension cube", "create extension earthdistance",
        "create table public.places (at public.earth)", "insert into public.places values (public.ll_to_earth(1, 2))",
    )  # fmt: skip
    store = Store.of(str(tmp_path / "store"))
    server.back_up(store, source)
    create_database(project.connection("template1"), "earthly")
    load = as_postgres(project, store, "earthly", source)
    with pytest.raises(RestoreFailed, match="places") as failed:
        restore_all(load)
    assert "earthdistance" in str(failed.value.remedy)
    project.run("earthly", "create extension earthdistance schema public")  # as the dashboard does
    restore_all(load)
    assert compare(load).findings == []
    server.drop(source)


# --- how refusals are read --------------------------------------------------------------------------------------------

SAID = """pg_restore:pg_restore: error: could not execute query: ERROR:  must be member of role "supabase_admin"
Command was: ALTER DEFAULT PRIVILEGES FOR ROLE supabase_admin IN SCHEMA public GRANT ALL ON FUNCTIONS  TO postgres;


 error: could not execute query: ERROR:  relation "a" already exists
Command was: CREATE TABLE a (
    b int
);


pg_restore: error: could not execute query: ERROR:  must be member of role "supabase_admin"
Command was: ALTER SCHEMA auth OWNER TO supabase_admin;

pg_restore: error: could not execute query: ERROR:  type "vector" does not exist
LINE 2:     v vector
Command was: CREATE TABLE c (
    v vector
);

pg_restore: warning: errors ignored on restore: 4
"""


def test_refusals_are_sorted_also_where_workers_spoke_at_once() -> None:
    assert len(refusals(SAID)) == 4
    found = sorted_refusals(SAID, POSTGRES, frozenset())
    assert found.owners == ["ALTER SCHEMA auth OWNER TO supabase_admin;"]
    assert [line.partition(" IN ")[0] for line in found.not_ours] == [
        "ALTER DEFAULT PRIVILEGES FOR ROLE supabase_admin"
    ]
    assert found.wrong == ['CREATE TABLE c ( v vector );: type "vector" does not exist']


def test_a_superuser_is_excused_from_nothing_but_the_platforms_extensions() -> None:
    said = SAID.replace("supabase_admin", "somebody")
    found = sorted_refusals(said, Rights("root", superuser=True), frozenset())
    assert (found.owners, found.not_ours, len(found.wrong)) == ([], [], 3)
    lost = sorted_refusals("pg_restore: error: connection to server failed\n", POSTGRES, frozenset())
    assert lost.wrong == ["connection to server failed"]


def test_a_program_that_was_killed_has_restored_nothing(project: Server, kept: Store) -> None:
    load = as_postgres(project, kept, "postgres")
    with pytest.raises(RestoreFailed, match="ended with -9"):
        load._judge("pre-data", -9, "")
    with pytest.raises(RestoreFailed, match="ended with 1"):
        load._judge("pre-data", 1, "")


@pytest.mark.parametrize(
    ("kind", "name", "was", "now", "excused"),
    [
        ("schema", "auth", "owner supabase_admin", "owner postgres", True),
        ("schema", "shop", "owner anna", "owner postgres", False),
        ("table", "public.a", "table owner supabase_admin", "table owner postgres row level security", False),
        ("role", "clerk", "inherit login bypassrls connection limit 5", "inherit login connection limit 5", True),
        ("role", "clerk", "inherit login connection limit 5", "inherit login connection limit 6", False),
        ("extension", "vector", "version 0.8 in extensions", None, True),
        ("setting", "all roles in this database: app.region", "eu", None, True),
        ("setting", "all roles in this database: work_mem", "5MB", None, False),
        ("policy", "storage.objects own", "permissive", None, False),
        ("policy", "public.orders own", None, "permissive", False),
        ("table", "realtime.messages", None, "table owner supabase_admin", True),
        ("default grant", "supabase_admin in public on r to postgres", "SELECT", None, True),
        ("event trigger", "watch", "ddl_command_end", None, True),
    ],
)  # fmt: skip
def test_only_what_the_role_could_not_do_is_excused(
    kind: str, name: str, was: str | None, now: str | None, excused: bool
) -> None:
    left, named = sort_out([Difference(kind, name, was, now)], {}, POSTGRES)
    assert (not left, bool(named)) == (excused, excused)
    assert all(names == [f"{kind} {name}"] for names in named.values())
    everything, _none = sort_out([Difference(kind, name, was, now)], {}, Rights("root", superuser=True))
    assert len(everything) == 1
