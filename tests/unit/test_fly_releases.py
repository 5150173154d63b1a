"""Release records: read in two ways, written without ever failing a deploy."""

from __future__ import annotations

import json

import httpx
import pytest

from hotops.core.errors import NotFound
from hotops.fly.errors import QueryFailed
from hotops.fly.releases import Recorded
from tests.unit.fly_worlds import FakeClock, Sky, literal, replying

NODES = [
    {
        "id": "r2",
        "version": 2,
        "status": "SUCCEEDED",
        "imageRef": "registry.fly.io/shop:v2",
        "user": {"id": "u", "email": "a@example.com", "name": "A"},
        "createdAt": "2026-01-02T03:04:05Z",
        "description": "Release",
        "reason": None,
        "stable": True,
    },
    {"id": "r1", "version": 1, "status": "failed", "imageRef": None, "user": None, "createdAt": "2026-01-01T00:00:00Z"},
]


def test_the_newest_record_comes_first() -> None:
    fly = Sky().fly
    found = fly.releases.list("shop", limit=5)
    assert [r.version for r in found] == [42, 41]
    assert all(r.is_complete and r.image_ref and r.created_at for r in found)
    current = fly.releases.current("shop")
    assert current is not None
    assert current.version == 42


def test_a_record_goes_from_running_to_its_end() -> None:
    fly = Sky().fly
    made = fly.releases.create("shop", image="registry.fly.io/shop:v43", strategy="rolling", definition={"app": "shop"})
    assert made.version == 43
    assert fly.releases.update(made.id, "running").status == "running"
    assert fly.releases.update(made.id, "failed", error="a check failed").status == "failed"
    assert fly.releases.list("shop")[0].status == "failed"


def test_a_definition_nobody_knows_is_written_as_null_not_as_an_empty_one() -> None:
    sent: list[object] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content)["definition"])
        return httpx.Response(201, json={"release": {"id": "r1", "version": 43, "status": "pending"}})

    literal(reply).releases.create("shop", image="registry.fly.io/shop:v43", definition={})
    assert sent == [None]


def test_where_one_way_is_refused_history_comes_over_graphql() -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/graphql":
            assert json.loads(request.content)["variables"] == {"app": "shop", "limit": 25}
            return httpx.Response(200, json={"data": {"app": {"releases": {"nodes": NODES}}}})
        return httpx.Response(403, json={"error": "forbidden"})

    newest, older = literal(reply).releases.list("shop")
    assert asked == ["/api/v1/apps/shop/releases", "/graphql"]
    assert (newest.version, newest.is_complete, newest.user) == (2, True, "a@example.com")
    assert newest.image_ref == "registry.fly.io/shop:v2"
    assert (older.status, older.user, older.image_ref) == ("failed", "", "")


def test_both_ways_tell_the_same_history() -> None:
    sky = Sky()
    direct = sky.fly.releases.list("shop")
    sky.break_next("status", "GET", "/api/v1/apps/shop/releases", status=404)
    over_graphql = sky.fly.releases.list("shop")
    assert [(r.version, r.status, r.image_ref, r.created_at) for r in over_graphql] == [
        (r.version, r.status, r.image_ref, r.created_at) for r in direct
    ]
    sky.fly.releases.create("shop", image="registry.fly.io/shop:v43", definition={"app": "shop"})
    assert sky.fly.releases.definition("shop") == {"app": "shop"}


def test_an_app_without_a_release_has_no_current_one() -> None:
    assert literal(replying(404, {"error": "not found"})).releases.current("shop") is None
    assert literal(replying(200, {})).releases.current("shop") is None


def test_the_definition_of_the_newest_release() -> None:
    known = {"data": {"app": {"currentRelease": {"configDefinition": {"app": "shop"}}}}}
    assert literal(replying(200, known)).releases.definition("shop") == {"app": "shop"}
    assert literal(replying(200, {"data": {"app": {"currentRelease": None}}})).releases.definition("shop") == {}


def test_graphql_errors_come_with_status_200_and_are_errors_all_the_same() -> None:
    with pytest.raises(NotFound, match="Could not find App"):
        literal(replying(200, {"errors": [{"message": "Could not find App"}]})).releases.definition("shop")
    with pytest.raises(QueryFailed) as refused:
        literal(
            replying(200, {"errors": [{"message": "no", "extensions": {"code": "UNAUTHORIZED"}}]})
        ).releases.definition("shop")
    assert refused.value.details == {"cloud_code": "UNAUTHORIZED"}


def test_a_refused_record_is_a_warning() -> None:
    fly = literal(replying(403, {"error": "forbidden"}))
    made = fly.releases.try_create("shop", image="registry.fly.io/shop:v2")
    assert made.release is None
    assert "could not be recorded" in made.warning
    marked = fly.releases.try_update("r1", "complete")
    assert "could not be marked complete" in marked.warning
    assert fly.releases.try_update("", "complete") == Recorded()


def test_a_broken_connection_is_a_warning_too() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset", request=request)

    assert literal(reply).releases.try_create("shop", image="i").warning
    assert literal(reply).releases.try_update("r1", "failed", error="why").warning


def test_best_effort_returns_the_record_when_it_works() -> None:
    fly = Sky().fly
    made = fly.releases.try_create("shop", image="registry.fly.io/shop:v43")
    assert made.release is not None
    assert made.warning == ""
    assert fly.releases.try_update(made.release.id, "complete").release is not None


def test_an_older_record_of_the_same_image_is_not_taken_for_the_lost_one() -> None:
    sky = Sky()
    again = sky.fly.releases.list("shop")[0].image_ref
    sky.break_next("reset_before", "POST", "/api/v1/releases")
    assert sky.fly.releases.try_create("shop", image=again).release is None


def test_updates_are_repeated_when_the_api_has_a_bad_moment() -> None:
    answers = [503, 502, 200]
    clock = FakeClock()

    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(answers.pop(0), json={"id": "r1", "status": "complete"})

    assert literal(reply, clock).releases.update("r1", "complete").is_complete
    assert len(clock.slept) == 2
