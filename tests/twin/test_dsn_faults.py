"""Every class of faults in connection strings on a real PostgreSQL and pooler: it fails, is named, and is corrected."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.dsn.explaining import cause_of
from hotops.dsn.judging import judge
from hotops.dsn.parsing import parse
from hotops.dsn.proof import Prover
from tests.sandbox_fixture import PROJECT_REF, RunningSandbox, sandbox, sandbox_process
from tests.unit.dsn_samples import FAULTS, PROJECT, REF, Fault, dsn_of

__all__ = ["sandbox", "sandbox_process"]

_USERINFO = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*")


class Refused(Exception):
    """What libpq, the name service or the server said."""


def connect(sandbox: RunningSandbox, text: str, **more: Any) -> psycopg.Connection[Any]:
    """What any client of libpq does with a text; names are found where the sandbox maps them."""
    try:
        wanted = conninfo_to_dict(text)
        place = sandbox.state["hosts"].get(f"{wanted.get('host')}:{wanted.get('port') or 5432}")
        if place is None:
            raise Refused(f'could not translate host name "{wanted.get("host")}" to address: Name or service not known')
        settings = {**wanted, "hostaddr": place["address"], "port": place["port"], "connect_timeout": 5}
        settings.setdefault("sslrootcert", sandbox.state["ca_file"])
        return psycopg.connect(**{**settings, **more}, autocommit=True)
    except psycopg.Error as error:
        raise Refused(str(error)) from None


def make_role(sandbox: RunningSandbox, name: str, password: str) -> None:
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass, autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("create role {} login password {}").format(psycopg.sql.Identifier(name), password)
        )


def show(sandbox: RunningSandbox, fault: Fault, text: str) -> None:
    """See the fault do what it is said to do. Raises AssertionError where it does not."""
    if fault.shows == "other_parsers":
        userinfo = text.partition("://")[2].rpartition("@")[0]
        assert not _USERINFO.fullmatch(userinfo), "every URL parser takes this"
        return
    with contextlib.ExitStack() as stack:

        def client(**more: Any) -> psycopg.Connection[Any]:
            return stack.enter_context(contextlib.closing(connect(sandbox, text, **more)))

        SHOWS[fault.shows](client)


Client = Callable[..., "psycopg.Connection[Any]"]


def refused(client: Client) -> None:
    with pytest.raises(Refused) as error:
        client()
    assert cause_of(str(error.value)), f"nobody knows what this means: {error.value}"


def in_clear(client: Client) -> None:
    """A proxy between that says "no TLS here" is believed."""
    assert not client(sslmode="disable").pgconn.ssl_in_use


def set_leaks(client: Client) -> None:
    with client() as one:
        one.execute("set statement_timeout = '7s'")
    assert client().execute("show statement_timeout").fetchone() == ("7s",)


def prepared_breaks(client: Client) -> None:
    one, other = client(prepare_threshold=0), client(prepare_threshold=0)
    one.execute("select 1")
    with pytest.raises(psycopg.Error) as broken:
        other.execute("select 1")
    assert cause_of(str(broken.value)) == "prepared_statements_in_transaction_mode"


def used_up(cause: str) -> Callable[[Client], None]:
    def fill(client: Client) -> None:
        for _ in range(70):
            client()

    def show_it(client: Client) -> None:
        with pytest.raises(Refused) as full:
            fill(client)
        assert cause_of(str(full.value)) == cause

    return show_it


SHOWS: dict[str, Callable[[Client], object]] = {
    "refused": refused,
    "in_clear": in_clear,
    "set_leaks": set_leaks,
    "prepared_breaks": prepared_breaks,
    "pool_used_up": used_up("session_pool_full"),
    "slots_used_up": used_up("database_slots_full"),
    "care": lambda client: client(),
    "not_here": lambda _client: None,
}


@pytest.mark.peer("pgbouncer")
def test_each_fault_shows_is_named_and_the_corrected_one_connects(sandbox: RunningSandbox) -> None:
    assert PROJECT_REF == REF
    if f"{PROJECT.pooler_host}:6543" not in sandbox.state["hosts"]:
        pytest.skip(sandbox.state["postgres"]["pooler"])
    prover = Prover(World.of("sandbox", {}))
    ways: Counter[str] = Counter()
    corrected = 0
    wrong: list[str] = []
    for number, fault in enumerate(FAULTS):
        password = fault.password + secrets.token_hex(6)
        role = f"tester_{number}"
        make_role(sandbox, role, password)
        good = dsn_of(fault.mode, password, role)
        assert prover.prove(parse(Secret(good))).works, f"{fault.code}: the good one does not connect"
        text = fault.broken(good, password)
        try:
            show(sandbox, fault, text)
        except (AssertionError, pytest.fail.Exception, Refused) as error:
            wrong.append(f"{fault.code} does not show: {str(error)[:200]}")
        found = judge(Secret(text), fault.circumstances, PROJECT)
        if fault.code not in found.codes:
            wrong.append(f"{fault.code} is not named: {found.codes}")
        ways[fault.shows] += 1
        if fault.fixable:
            assert found.corrected is not None
            proof = prover.prove(found.corrected)
            corrected += proof.works
            wrong += [] if proof.works else [f"{fault.code}: the corrected one does not connect: {proof.failure}"]
    classes = len({fault.code for fault in FAULTS})
    print(f"{classes} classes, {len(FAULTS)} cases: {dict(ways)}; {corrected} corrected ones connect")
    assert wrong == []
    assert classes >= 40
    assert sum(count for way, count in ways.items() if way not in ("care", "not_here")) >= 40


def test_a_proof_goes_step_by_step(sandbox: RunningSandbox) -> None:
    prover = Prover(World.of("sandbox", {}))
    right = dsn_of("direct", sandbox.db_pass)
    proof = prover.prove(parse(Secret(right)))
    assert [stage.outcome for stage in proof.stages] == ["ok"] * 6
    assert proof.keeps_statements
    wrong = prover.prove(parse(Secret(dsn_of("direct", "wrong-password"))))
    assert (wrong.works, wrong.failure and (wrong.failure.name, wrong.failure.cause)) == (
        False,
        ("login", "wrong_password"),
    )
    assert "wrong-password" not in repr(wrong)
    nowhere = prover.prove(parse(Secret(right.replace(REF, "nosuchprojectatallok"))))
    assert nowhere.failure
    assert (nowhere.failure.name, nowhere.failure.cause) == ("resolve", "name_does_not_resolve")
    port = prover.prove(parse(Secret(right.replace(":5432/", ":5433/"))))
    assert port.failure
    assert (port.failure.name, port.failure.cause) == ("resolve", "nobody_listens")
    stranger = prover.prove(parse(Secret(dsn_of("session", "x").replace(f".{REF}", ".tsrqponmlkjihgfedcba"))))
    assert stranger.failure
    assert (stranger.failure.name, stranger.failure.cause) == ("login", "pooler_does_not_know_the_project")


@pytest.mark.peer("pgbouncer")
def test_a_proof_sees_that_transaction_mode_keeps_no_statement(sandbox: RunningSandbox) -> None:
    if f"{PROJECT.pooler_host}:6543" not in sandbox.state["hosts"]:
        pytest.skip(sandbox.state["postgres"]["pooler"])
    proof = Prover(World.of("sandbox", {})).prove(parse(Secret(dsn_of("transaction", sandbox.db_pass))))
    assert proof.works
    assert proof.keeps_statements is False
    assert proof.failure is not None
    assert proof.failure.cause == "prepared_statements_in_transaction_mode"
