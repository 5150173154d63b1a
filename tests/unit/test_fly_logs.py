"""Log lines: paged, each once, between two times."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hotops.core.clock import rfc3339
from hotops.core.errors import NotFound
from hotops.fly.models import LogLine
from tests.twin.asking import START, app_seed
from tests.unit.fly_worlds import FakeClock, Sky, literal, replying


def entry(number: int, at: float, **meta: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "type": "log",
        "attributes": {
            "timestamp": rfc3339(at, millis=True),
            "message": f"line {number}",
            "level": "info",
            "instance": "m1",
            "region": "ord",
            "meta": {"event": {"provider": "app"}, **meta},
        },
    }


def page(token: str, *entries: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"data": list(entries), "meta": {"next_token": token}})


def test_pages_follow_each_other_and_a_line_that_comes_twice_counts_once() -> None:
    asked: list[dict[str, str]] = []
    pages = [
        page("2", entry(1, START - 50), entry(2, START - 40)),
        page("3", entry(2, START - 40), entry(3, START - 30)),
        page("3", entry(3, START - 30)),
    ]

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        return pages.pop(0)

    lines = list(literal(reply).logs.read("shop", since=START - 60, region="ord", instance="m1"))
    assert [line.message for line in lines] == ["line 1", "line 2", "line 3"]
    assert [params["next_token"] for params in asked] == [str(int((START - 60) * 1e9)), "2", "3"]
    assert asked[0]["region"] == "ord"
    assert asked[0]["instance"] == "m1"


def test_lines_outside_the_time_asked_for_are_left_out_and_end_the_reading() -> None:
    calls = 0

    def reply(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return page(str(calls), entry(1, START - 100), entry(2, START - 10), entry(3, START + 10))

    lines = list(literal(reply, FakeClock()).logs.read("shop", since=START - 60))
    assert [line.message for line in lines] == ["line 2"]
    assert calls == 1


def test_pages_are_bounded() -> None:
    number = 0

    def reply(request: httpx.Request) -> httpx.Response:
        nonlocal number
        number += 1
        return page(str(number), entry(number, START - 50))

    assert len(list(literal(reply).logs.read("shop", since=START - 60, max_pages=4))) == 4


def test_nothing_is_nothing() -> None:
    assert list(literal(replying(200, {"data": [], "meta": {}})).logs.read("shop", since=START)) == []


def test_a_line_of_the_proxy_tells_the_request_and_its_answer() -> None:
    meta = {
        "event": {"provider": "proxy"},
        "http": {"request": {"method": "GET"}, "response": {"status_code": 502}},
        "url": {"full": "https://shop.fly.dev/"},
        "error": {"code": 2, "message": "connection refused"},
    }
    (line,) = literal(lambda request: page("", entry(1, START - 1, **meta))).logs.read("shop", since=START - 5)
    assert line == LogLine(
        id="1",
        at=START - 1,
        message="line 1",
        level="info",
        instance="m1",
        region="ord",
        provider="proxy",
        status=502,
        method="GET",
        url="https://shop.fly.dev/",
        error_code="2",
        error="connection refused",
    )


def test_lines_without_an_id_are_told_apart_by_what_they_say() -> None:
    first, second = {**entry(1, START - 5), "id": None}, {**entry(2, START - 5), "id": ""}
    pages = [page("2", first), page("3", first, second), page("3")]
    lines = literal(lambda request: pages.pop(0)).logs.read("shop", since=START - 9)
    assert [line.message for line in lines] == ["line 1", "line 2"]


def test_the_lines_of_a_machine_that_is_stopped() -> None:
    sky = Sky(app_seed("shop", traffic_rps=5))
    began = sky.clock.now()
    machine = sky.fly.machines.list("shop", metadata={"fly_process_group": "app"})[0]
    sky.clock.sleep(10)
    sky.fly.machines.stop("shop", machine.id)
    sky.fly.machines.wait("shop", machine.id, "stopped")
    sky.clock.sleep(2)
    lines = list(sky.fly.logs.read("shop", since=began, instance=machine.id))
    assert lines
    assert {line.instance for line in lines} == {machine.id}
    assert all(began <= line.at <= sky.clock.now() for line in lines)
    assert len({line.id for line in lines}) == len(lines)


def test_the_newest_lines_are_one_call_without_a_token() -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query.decode())
        return page("2", entry(1, START - 50), entry(2, START - 40))

    assert [line.message for line in literal(reply).logs.newest("shop")] == ["line 1", "line 2"]
    assert asked == [""]


def test_an_unknown_app_is_not_found() -> None:
    with pytest.raises(NotFound):
        list(literal(replying(404, {"error": "Could not find App"})).logs.read("shop", since=START))
