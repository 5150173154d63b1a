"""Judging connection strings: every fault named, no false alarm, and the decision table row by row."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotops.core.secret import Secret
from hotops.dsn.budget import Budget
from hotops.dsn.catalogue import codes, table
from hotops.dsn.judging import MODES, Circumstances, Judgement, Mode, Use, judge, judge_pair
from hotops.dsn.places import Kind
from tests.unit.dsn_samples import FAULTS, PROJECT, REF, USES, Fault, dsn_of, good_ones, key_values

PASSWORD = f"{secrets.token_urlsafe(12)}-longenough"


def judged(fault: Fault) -> Judgement:
    password = fault.password + secrets.token_hex(4)
    return judge(Secret(fault.broken(dsn_of(fault.mode, password), password)), fault.circumstances, PROJECT)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.code}")
def test_every_fault_is_named(fault: Fault) -> None:
    found = judged(fault)
    assert fault.code in found.codes
    assert found.verdict != "ok"
    assert (found.corrected is not None) == fault.fixable, found


def test_there_are_forty_classes_of_faults_and_each_that_has_a_name_is_tried() -> None:
    tried = {fault.code for fault in FAULTS}
    pairs = {"direct_url_on_transaction_port", "both_urls_identical"}
    elsewhere = {"unknown_scheme", "option_without_value", "user_not_encoded", "pooler_host_unknown"}
    assert set(codes()) - tried - pairs - elsewhere == set()
    assert len(tried) >= 40


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.fixable], ids=lambda fault: fault.code)
def test_what_is_corrected_is_right(fault: Fault) -> None:
    """Judged again for the same use, the corrected one has nothing left that could be corrected."""
    found = judged(fault)
    assert found.corrected is not None
    again = judge(found.corrected.text(), fault.circumstances, PROJECT)
    assert set(again.codes) <= {"prepared_statements_on", "budget_above_clients", "budget_above_connections"}, again


def test_ten_thousand_good_ones_raise_no_alarm() -> None:
    alarms = [
        (found.dsn, found.codes)
        for text, circumstances in good_ones(10_000, seed=20261120)
        if (found := judge(text, circumstances, PROJECT)).verdict != "ok"
    ]
    assert alarms == []


@given(st.text(max_size=120) | st.text(max_size=60).map(lambda text: f"postgresql://postgres:{text}@h:5432/postgres"))
def test_nothing_that_is_pasted_makes_it_fail(text: str) -> None:
    judge(Secret(text), Circumstances(), PROJECT)


@given(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=12), st.sampled_from(list(MODES)))
def test_no_password_shows_whatever_it_holds(odd: str, mode: Mode) -> None:
    """Encoded or not, cut by a parser or not: neither findings nor what is shown hold a piece of it."""
    marker = "Zq7Kx9Wv"
    for password in (f"{marker}{odd}{marker}", f"{marker}/{odd}", f"{odd}@{marker}", f"{marker}:{odd}?{marker}#{odd}"):
        for text in (dsn_of(mode, "x").replace(":x@", f":{password}@"), key_values(mode, password)):
            found = judge(Secret(text), Circumstances(), PROJECT)
            said = f"{found} {found.dsn} {found.findings}" + (found.dsn.shown() if found.dsn else "")
            assert marker not in said.replace(repr(Secret("")), "")


KINDS: dict[Kind, tuple[Mode, int]] = {
    "direct": ("direct", 5432),
    "dedicated_pooler": ("direct", 6543),
    "session_pooler": ("session", 5432),
    "transaction_pooler": ("transaction", 6543),
}
ROWS = [(row, use) for row in table("decisions") if row != "as_of" for use in USES]


@pytest.mark.parametrize(("row", "use"), ROWS)
def test_the_decision_table_holds_row_by_row(row: str, use: Use) -> None:
    kind: Kind = row.removesuffix("_without_ipv6")  # type: ignore[assignment]
    mode, port = KINDS[kind]
    text = dsn_of(mode, PASSWORD).replace(":5432/" if mode != "transaction" else ":6543/", f":{port}/")
    circumstances = Circumstances(use=use, ipv6=not row.endswith("_without_ipv6"), prepared_statements=True)
    entry = table("decisions")[row][use]
    found = judge(Secret(text), circumstances, PROJECT)
    assert found.place is not None
    assert found.place.kind == kind
    if entry["verdict"] == "ok":
        assert found.codes == (["prepared_statements_on"] if entry.get("needs_prepared_off") else [])
        assert judge(Secret(text), replace(circumstances, prepared_statements=False), PROJECT).verdict == "ok"
        return
    assert (found.verdict, found.codes) == (entry["verdict"], [entry["reason"]])
    if "target" in entry:
        assert found.corrected is not None
        again = judge(found.corrected.text(), replace(circumstances, prepared_statements=False), PROJECT)
        assert (again.verdict, again.place and again.place.kind) == ("ok", entry["target"])
        assert found.corrected.password == Secret(PASSWORD)
    if entry.get("unless_prepared_off"):
        assert judge(Secret(text), replace(circumstances, prepared_statements=False), PROJECT).verdict == "ok"


def test_the_teams_own_string_is_told_by_host_user_and_port_together() -> None:
    """Port 5432 at the pooler is session mode, not the direct connection that "5432" was taken for."""
    found = judge(Secret(dsn_of("session", "a/b!c")), Circumstances(mode="direct"), PROJECT)
    assert found.place is not None
    assert found.place.kind == "session_pooler"
    assert found.codes == ["not_the_declared_mode"]
    assert found.corrected is not None
    assert found.corrected.shown() == f"postgres@db.{REF}.supabase.co:5432/postgres?sslmode=require"


def test_web_and_worker_that_want_more_than_the_pool_are_sent_to_the_direct_host() -> None:
    """MaxClientsInSessionMode: two processes of Puma with 5 threads and one of Sidekiq with 10 want 20 of 13."""
    found = judge(Secret(dsn_of("session", PASSWORD)), Circumstances(budget=Budget(4, 5)), PROJECT)
    assert found.codes == ["budget_above_pool"]
    assert "= 20, and session mode has 13" in found.findings[0].says
    assert found.corrected is not None
    assert found.corrected.host == f"db.{REF}.supabase.co"
    ipv4 = judge(Secret(dsn_of("session", PASSWORD)), Circumstances(budget=Budget(4, 5), ipv6=False), PROJECT)
    assert ipv4.corrected is not None
    assert ipv4.corrected.host == PROJECT.pooler_host


def test_without_the_api_a_pooler_is_never_made_up() -> None:
    found = judge(Secret(dsn_of("direct", PASSWORD)), Circumstances(use="migrations", ipv6=False))
    assert found.codes == ["direct_without_ipv6", "pooler_host_unknown"]
    assert found.corrected is None
    wrong = dsn_of("session", PASSWORD).replace("aws-1-us-east-1", REF)
    assert judge(Secret(wrong), Circumstances(use="migrations")).corrected is None


def test_the_two_urls_of_prisma() -> None:
    transaction = judge(Secret(dsn_of("transaction", PASSWORD)), Circumstances(use="serverless"), PROJECT)
    direct = judge(Secret(dsn_of("direct", PASSWORD)), Circumstances(use="migrations"), PROJECT)
    assert judge_pair(transaction, direct) == ()
    assert [found.code for found in judge_pair(transaction, transaction)] == [
        "direct_url_on_transaction_port",
        "both_urls_identical",
    ]
