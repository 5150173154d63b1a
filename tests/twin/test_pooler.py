"""The shared pooler of the sandbox: Supavisor's user names, limits and errors, before PostgreSQL and PgBouncer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.sandbox_fixture import PROJECT_REF, RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]

POOLER = "aws-1-us-east-1.pooler.supabase.com"
USER = f"postgres.{PROJECT_REF}"


def connect(sandbox: RunningSandbox, port: int = 5432, user: str = USER, **more: Any) -> psycopg.Connection[Any]:
    settings = {**sandbox.conninfo(user, POOLER, port), "password": sandbox.db_pass, **more}
    return psycopg.connect(**settings, autocommit=True)


def wants_transactions(sandbox: RunningSandbox) -> None:
    if f"{POOLER}:6543" not in sandbox.state["hosts"]:
        pytest.skip(sandbox.state["postgres"]["pooler"])


@pytest.fixture
def many() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def test_session_mode_is_one_connection_of_postgresqls(sandbox: RunningSandbox) -> None:
    with connect(sandbox) as connection:
        connection.execute("set lock_timeout = '2s'")
        for _ in range(6):  # psycopg prepares from the fifth time on
            assert connection.execute("select current_user::text, %s::int", [7]).fetchone() == ("postgres", 7)
        assert connection.execute("show lock_timeout").fetchone() == ("2s",)
        assert connection.pgconn.ssl_in_use


@pytest.mark.peer("pgbouncer")
def test_transaction_mode_lends_a_connection_for_a_transaction(sandbox: RunningSandbox) -> None:
    """What one client sets another finds: it looked as if it worked."""
    wants_transactions(sandbox)
    with connect(sandbox, 6543, prepare_threshold=None) as one:
        one.execute("set lock_timeout = '2s'")
    with connect(sandbox, 6543, prepare_threshold=None) as other:
        assert other.execute("show lock_timeout").fetchone() == ("2s",)


@pytest.mark.peer("pgbouncer")
def test_prepared_statements_break_in_transaction_mode(sandbox: RunningSandbox) -> None:
    wants_transactions(sandbox)
    with connect(sandbox, 6543, prepare_threshold=0) as one, connect(sandbox, 6543, prepare_threshold=0) as other:
        one.execute("select 1")
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement, match="already exists"):
            other.execute("select 1")


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("postgres", r"\(ENOIDENTIFIER\) no tenant identifier provided"),
        ("postgres.tsrqponmlkjihgfedcba", r"\(ENOTFOUND\) tenant/user postgres.tsrqponmlkjihgfedcba not found"),
    ],
)
def test_a_user_without_the_projects_ref_is_refused_in_supavisors_words(
    sandbox: RunningSandbox, user: str, said: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=said):
        connect(sandbox, user=user)


def test_the_cluster_that_people_guess_does_not_know_the_project(sandbox: RunningSandbox) -> None:
    guessed = sandbox.conninfo(USER, "aws-0-us-east-1.pooler.supabase.com", 5432)
    with pytest.raises(psycopg.OperationalError, match="ENOTFOUND"):
        psycopg.connect(**guessed, password=sandbox.db_pass)


def test_the_project_may_be_named_by_an_option(sandbox: RunningSandbox) -> None:
    with connect(sandbox, user="postgres", options=f"reference={PROJECT_REF}") as connection:
        assert connection.execute("select current_user::text").fetchone() == ("postgres",)


def test_a_wrong_password_is_refused_as_postgresql_refuses_it(sandbox: RunningSandbox) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed for user"):
        connect(sandbox, password="wrong")


def test_the_name_with_the_ref_is_the_poolers_alone(sandbox: RunningSandbox) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**sandbox.conninfo(USER), password=sandbox.db_pass)


def test_another_name_is_not_the_certificates(sandbox: RunningSandbox) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        connect(sandbox, host="pooler.example.com")


def test_session_mode_takes_as_many_clients_as_the_pool_has(
    sandbox: RunningSandbox, many: contextlib.ExitStack
) -> None:
    """MaxClientsInSessionMode, as the team met it; one that goes makes room."""
    open_ones = [many.enter_context(connect(sandbox)) for _ in range(15)]
    said = r"\(EMAXCLIENTSESSION\) max clients reached in session mode - max clients are limited to pool_size: 15"
    with pytest.raises(psycopg.OperationalError, match=said):
        connect(sandbox)
    open_ones[0].close()
    for _ in range(50):  # the pooler learns of it a moment later
        with contextlib.suppress(psycopg.OperationalError), connect(sandbox) as again:
            assert again.execute("select 1").fetchone() == (1,)
            break
    else:
        pytest.fail("no room after a client had gone")


def test_many_clients_at_once_all_get_their_answers(sandbox: RunningSandbox) -> None:
    seen: list[int] = []

    def ask(number: int) -> None:
        with connect(sandbox) as connection:
            for _ in range(5):
                row = connection.execute("select %s::int, repeat('x', 100000)", [number]).fetchone()
                assert row is not None
                assert len(row[1]) == 100_000
                seen.append(row[0])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(seen) == sorted(list(range(8)) * 5)


@pytest.mark.peer("pgbouncer")
def test_a_new_password_counts_at_once_in_both_modes(sandbox: RunningSandbox) -> None:
    wants_transactions(sandbox)
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass, autocommit=True) as connection:
        connection.execute("create role shop_a login password 'first-of-two'")
    for password in ("first-of-two", "second-of-two"):
        for port in (5432, 6543):
            with connect(sandbox, port, f"shop_a.{PROJECT_REF}", password=password) as connection:
                assert connection.execute("select current_user::text").fetchone() == ("shop_a",)
        with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass, autocommit=True) as connection:
            connection.execute("alter role shop_a password 'second-of-two'")
