"""Probes: what is sent, what counts as well, and that an unreachable target is a result and no error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hotops.health.probe import BODY_LIMIT_BYTES, HttpCheck, Prober, contains
from tests.unit.health_samples import TestClock, context_answering

URL = "https://shop.example.com/health"


def probe(answer: Any, **check: Any) -> Any:
    return Prober(context_answering(answer)).probe(HttpCheck.model_validate({"url": URL, **check}))


def test_a_healthy_answer_is_ok_and_says_so_in_one_sentence() -> None:
    result = probe(lambda request: httpx.Response(200, json={"status": "ok"}), body={"status": "ok"})
    assert (result.ok, result.status, result.body_ok, result.error_code) == (True, 200, True, None)
    assert result.says == f"GET {URL} answered 200 in 0 ms."


def test_every_status_is_an_answer_and_none_is_retried() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(503, json={"status": "degraded", "database": "UnknownHost"})

    result = probe(answer)
    assert (result.ok, result.status) == (False, 503)
    assert "answered 503 instead of 200" in result.says
    assert "UnknownHost" in result.says
    assert asked == ["/health"]


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), "unresolved", "does not resolve"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired"), "tls", "TLS with"),
        (httpx.ConnectError("connection refused"), "unreachable", "No connection to"),
        (httpx.ReadTimeout("slow"), "timeout", "did not answer within 10000 ms"),
        (httpx.RemoteProtocolError("closed"), "broken", "broke"),
    ],
)
def test_an_unreachable_target_is_reported_and_never_raised(raised: Exception, code: str, says: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise raised

    result = probe(answer)
    assert (result.ok, result.status, result.error_code) == (False, None, code)
    assert says in result.says


def test_a_name_that_can_not_exist_does_not_resolve() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise UnicodeError("label empty or too long")

    assert probe(answer).error_code == "unresolved"


def test_a_smoke_target_that_does_not_resolve_is_named_with_its_dns() -> None:
    """I-1: the smoke target staging.shop.example never resolved, and the report said only "fetch failed"."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"the name {request.url.host} does not resolve in this sandbox (port 443)")

    result = probe(answer, url="https://staging.shop.example/app")
    assert result.error_code == "unresolved"
    assert "staging.shop.example does not resolve" in result.says


def test_an_answer_that_depends_on_the_user_agent_is_recorded_with_both_agents() -> None:
    """I-2: 410 for curl, 200 for the point of sale's user agent."""

    def answer(request: httpx.Request) -> httpx.Response:
        known = "Shop-POS" in request.headers["user-agent"] and request.headers.get("x-synthetic") == "1"
        return httpx.Response(200 if known else 410, text="gone" if not known else "hello")

    prober = Prober(context_answering(answer))
    plain, dressed = prober.probe_all(
        [
            HttpCheck(url=URL, user_agent="curl/8.5.0"),
            HttpCheck(url=URL, user_agent="Shop-POS/9.1", headers={"X-Synthetic": "1"}),
        ]
    )
    assert (plain.status, plain.user_agent, plain.ok) == (410, "curl/8.5.0", False)
    assert (dressed.status, dressed.user_agent, dressed.ok) == (200, "Shop-POS/9.1", True)
    assert dressed.as_row()["request_headers"] == ["x-synthetic"]
    undeclared = prober.probe(HttpCheck(url=URL))
    assert "a user_agent can be declared" in undeclared.says


def test_header_values_are_not_in_the_result() -> None:
    result = probe(lambda request: httpx.Response(200), headers={"X-Synthetic": "canary-5b1f"})
    assert "canary-5b1f" not in json.dumps(result.as_row())


def test_the_query_of_a_url_is_sent_and_not_shown() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200)

    result = probe(answer, url="https://shop.example.com/app?mock=0")
    assert seen == ["https://shop.example.com/app?mock=0"]
    assert result.url == "https://shop.example.com/app"


def test_time_is_measured_on_the_runs_clock_and_over_budget_is_not_down() -> None:
    clock = TestClock()

    def answer(request: httpx.Request) -> httpx.Response:
        clock.sleep(1.5)
        return httpx.Response(200)

    result = Prober(context_answering(answer, clock)).probe(HttpCheck(url=URL, budget_ms=300))
    assert result.took_ms == pytest.approx(1500)
    assert (result.ok, result.over_budget) == (True, True)
    assert "over its budget of 300 ms" in result.says


def test_a_redirect_is_the_answer_unless_it_shall_be_followed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/login":
            return httpx.Response(200)
        return httpx.Response(302, headers={"location": "https://shop.example.com/login?return=secret-place"})

    stayed = probe(answer)
    assert (stayed.status, stayed.ok) == (302, False)
    assert "it redirects to https://shop.example.com/login" in stayed.says
    assert "secret-place" not in stayed.says
    assert probe(answer, follow=True).ok
    assert probe(answer, status=[200, 302]).ok


@pytest.mark.parametrize(
    ("wanted", "body", "fits"),
    [
        ("release v\\d+", "<p>release v42</p>", True),
        ("^ok$", "not ok", False),
        ({"status": "ok"}, '{"status": "ok", "release": "v42"}', True),
        ({"data": {"queue": "ok"}}, '{"data": {"queue": "ok", "n": 1}}', True),
        ({"status": "ok"}, "ok", False),
        ({"n": 1}, '{"n": true}', False),
        ({"list": [1, 2]}, '{"list": [1, 2]}', True),
        ({"list": [1]}, '{"list": [1, 2]}', False),
    ],
)
def test_a_body_has_to_match_a_pattern_or_to_contain_json(wanted: Any, body: str, fits: bool) -> None:
    result = probe(lambda request: httpx.Response(200, text=body), body=wanted)
    assert (result.body_ok, result.ok) == (fits, fits)


def test_no_more_of_a_body_is_read_than_can_be_judged() -> None:
    pulled = 0

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            nonlocal pulled
            while True:
                pulled += 1
                yield b"x" * 65536

    result = probe(lambda request: httpx.Response(200, stream=Endless()), body="x")
    assert result.ok
    assert pulled * 65536 <= BODY_LIMIT_BYTES + 65536


def test_packed_answers_are_not_asked_for() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["accept-encoding"])
        return httpx.Response(200)

    probe(answer)
    assert seen == ["identity"]


def test_a_body_that_tells_secrets_is_shown_without_them() -> None:
    canary = f"canary-{token_hex(8)}"
    body = json.dumps({"error": f"postgresql://app:{canary}@db.example.com/app", "api_key": canary})
    says = probe(lambda request: httpx.Response(500, text=body)).says
    assert canary not in says


@pytest.mark.parametrize("url", ["ftp://x.example", "/health", "https://u:p@x.example/"])
def test_what_is_no_url_to_ask_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        HttpCheck(url=url)


def test_a_call_is_counted_once_in_the_context() -> None:
    context = context_answering(lambda request: httpx.Response(500))
    Prober(context).probe(HttpCheck(url=URL))
    assert [(call.method, call.host, call.status) for call in context.calls] == [("GET", "shop.example.com", 500)]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(_JSON)
def test_json_contains_itself(value: Any) -> None:
    assert contains(json.loads(json.dumps(value)), value)


@given(st.dictionaries(st.text(max_size=3), _JSON, min_size=1, max_size=4))
def test_json_contains_itself_with_a_key_left_out_and_not_the_reverse(value: dict[str, Any]) -> None:
    smaller = dict(list(value.items())[1:])
    assert contains(value, smaller)
    assert not contains(smaller, value)
