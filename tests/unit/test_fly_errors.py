"""Fly's error texts, as its users saw them, and what they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from hotops.core.errors import (
    ApiError,
    Conflict,
    Forbidden,
    LeaseHeld,
    NoCapacity,
    NotFound,
    PreconditionFailed,
    Unauthorized,
    WireError,
)
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.errors import NameTaken, SecretsNotThere, VersionChanged
from hotops.fly.image import ImageRef
from tests.unit.fly_worlds import literal, replying

CONFIG = MachineConfig({"image": str(ImageRef(repository="shop", tag="v1"))})
LEASED_NOW = "aborted: machine ID d5683 lease currently held by ab12@tokens.fly.io, expires at 2026-03-01T10:00:05Z"
LEASED_BEFORE = "machine ID d5683 lease currently held by someone@example.com, expires at 2026-03-01T10:00:05Z"


def refused(status: int, body: Any) -> ApiError:
    """What an update that is answered like this raises."""
    fly = literal(replying(status, body, **{"fly-request-id": "01REQ-ord"}))
    with pytest.raises(ApiError) as caught:
        fly.machines.update("name-taken-shop", "d5683", CONFIG)
    assert caught.value.request_id == "01REQ-ord"
    assert caught.value.status == status
    return caught.value


@pytest.mark.parametrize(
    ("body", "owner"),
    [
        ({"error": LEASED_NOW}, "ab12@tokens.fly.io"),
        ({"status": "error", "message": LEASED_BEFORE, "code": "invalid"}, "someone@example.com"),
    ],
)
def test_both_forms_of_a_held_lease(body: dict[str, str], owner: str) -> None:
    error = refused(409, body)
    assert isinstance(error, LeaseHeld)
    assert error.expires_at == 1_772_359_205.0
    assert error.details["owner"] == owner


def test_a_held_lease_without_a_time() -> None:
    error = refused(409, {"error": "aborted: lease currently held by another"})
    assert isinstance(error, LeaseHeld)
    assert error.expires_at is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (412, {"error": "insufficient resources to create new machine with existing volume 'vol_1'"}),
        (409, {"error": "aborted: could not reserve resource for machine: insufficient memory available to fulfill"}),
        (
            403,
            {"error": 'organization "X" is using 9 MB of memory in ord which is over the allowed quota'},
        ),
        (400, {"error": "no capacity"}),
        (422, {"error": "cannot place", "status": "insufficient_capacity"}),
        (422, {"error": "cannot place", "status": "volume_placement_capacity"}),
    ],
)
def test_a_lack_of_room_in_every_status_it_comes_with(status: int, body: dict[str, str]) -> None:
    error = refused(status, body)
    assert isinstance(error, NoCapacity)
    assert error.remedy


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (412, {"error": "failed_precondition: machine version mismatch: current version is 01X"}, VersionChanged),
        (412, {"error": "min_secrets_version 9 is not available yet"}, SecretsNotThere),
        (412, {"error": "failed_precondition: machine getting replaced, refusing to start"}, PreconditionFailed),
        (409, {"error": "already_exists: unique machine name violation"}, NameTaken),
        (422, {"error": "Validation failed: Name has already been taken", "status": "name_taken"}, NameTaken),
        (409, {"error": "aborted: something else"}, Conflict),
        (401, {"error": "unauthorized"}, Unauthorized),
        (403, {"error": "forbidden"}, Forbidden),
        (404, "machine not found", NotFound),
    ],
)
def test_each_refusal_is_its_own_error(status: int, body: Any, kind: type[ApiError]) -> None:
    assert type(refused(status, body)) is kind


def test_an_apps_name_is_not_read_as_the_clouds_words() -> None:
    assert type(refused(422, {"error": "invalid config"})) is ApiError


def test_an_answer_that_is_no_json_is_said_to_be() -> None:
    with pytest.raises(WireError, match="not the JSON"):
        literal(replying(200, "<html>")).machines.list("shop")


def test_an_answer_in_an_unknown_form_says_which_part_and_shows_no_value() -> None:
    with pytest.raises(WireError, match=r"Machine.*state") as refused:
        literal(replying(200, [{"id": "m", "state": {"canary": "planted"}}])).machines.list("shop")
    assert "planted" not in str(refused.value)


#: What a log-in page in between, a cut connection or a half-dead interface answers with status 200, and a redirect.
TELL_NOTHING = {
    "an empty body": lambda: httpx.Response(200),
    "no content": lambda: httpx.Response(204),
    "an error with status 200": lambda: httpx.Response(200, json={"error": "log in first"}),
    "words": lambda: httpx.Response(200, json="log in first"),
    "a redirect": lambda: httpx.Response(302, headers={"location": "https://login.example.com/?token=1"}),
}
LISTS: Mapping[str, Callable[[Fly], object]] = {
    "machines": lambda fly: fly.machines.list("shop"),
    "versions": lambda fly: fly.machines.versions("shop", "m1"),
    "events": lambda fly: fly.machines.events("shop", "m1"),
    "secrets": lambda fly: fly.secrets.list("shop"),
    "releases": lambda fly: fly.releases.list("shop"),
    "definition": lambda fly: fly.releases.definition("shop"),
    "apps": lambda fly: fly.apps.list("personal"),
    "logs": lambda fly: fly.logs.newest("shop"),
    "certificates": lambda fly: fly.certificates.list("shop"),
    "volumes": lambda fly: fly.volumes.list("shop"),
    "metrics": lambda fly: fly.metrics.query("personal", "up"),
    "tokens": lambda fly: fly.tokens.current(),
}


@pytest.mark.parametrize("answered", TELL_NOTHING.values(), ids=TELL_NOTHING)
@pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
def test_an_answer_that_tells_nothing_is_never_an_empty_list(
    read: Callable[[Fly], object], answered: Callable[[], httpx.Response]
) -> None:
    with pytest.raises(WireError) as unreadable:
        read(literal(lambda request: answered()))
    assert unreadable.value.failure_code in ("unknown_reply", "redirected")
    assert "token=1" not in str(unreadable.value)


@pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
def test_a_list_of_another_thing_is_no_bug(read: Callable[[Fly], object]) -> None:
    with pytest.raises(WireError):
        read(literal(lambda request: httpx.Response(200, json=["words"])))


def test_a_list_with_nothing_in_it_is_empty() -> None:
    assert literal(lambda request: httpx.Response(200, json=[])).machines.list("shop") == []
    assert literal(lambda request: httpx.Response(200, text="null")).machines.list("shop") == []
    assert literal(lambda request: httpx.Response(200, json={"secrets": None})).secrets.list("shop") == []
    assert literal(lambda request: httpx.Response(200, json={})).secrets.list("shop") == []


def test_the_registry_is_believed_only_where_it_names_the_digest_that_was_asked_for() -> None:
    page = literal(lambda request: httpx.Response(200, text="<html>log in</html>"))
    with pytest.raises(WireError, match="something else"):
        page.registry.resolve(f"registry.fly.io/shop@sha256:{'0' * 64}")
