"""App secrets: written, told apart as deployed and staged, never shown."""

from __future__ import annotations

import json
import secrets

import httpx
import pytest

from hotops.core.errors import Conflict, LeaseHeld
from hotops.core.secret import Secret
from hotops.fly.models import AppSecret, Machine, Release
from hotops.fly.secrets import deployed_state
from tests.unit.fly_worlds import FakeClock, Sky, literal


def machine(version: int | None, **more: object) -> Machine:
    metadata = {"fly_platform_version": "v2", **({"fly_release_version": str(version)} if version else {})}
    return Machine.model_validate({"id": "m", "state": "started", "config": {"metadata": metadata}, **more})


def secret(updated_at: str | None) -> AppSecret:
    return AppSecret.model_validate({"name": "A", "updated_at": updated_at})


def release(version: int, created_at: str) -> Release:
    return Release.model_validate({"version": version, "created_at": created_at})


OLD, NEW = release(1, "2026-01-01T00:00:00Z"), release(2, "2026-01-03T00:00:00Z")
BETWEEN = secret("2026-01-02T00:00:00Z")


@pytest.mark.parametrize(
    ("machines", "state"),
    [
        ([machine(2), machine(2)], "deployed"),
        ([machine(1), machine(1)], "staged"),
        ([machine(1), machine(2)], "partial"),
        ([], "staged"),
        ([machine(2, state="destroyed")], "staged"),
        ([machine(None)], "unknown"),
        ([machine(2), machine(7)], "unknown"),
        ([machine(1), machine(2), machine(7)], "partial"),
        ([machine(2)] * 101, "unknown"),
    ],
)
def test_the_state_of_a_secret_follows_the_machines_releases(machines: list[Machine], state: str) -> None:
    assert deployed_state([BETWEEN], machines, [OLD, NEW]) == {"A": state}


def test_a_secret_without_a_date_is_unknown_and_one_of_the_same_moment_deployed() -> None:
    assert deployed_state([secret(None)], [machine(2)], [NEW]) == {"A": "unknown"}
    assert deployed_state([secret("2026-01-03T00:00:00Z")], [machine(2)], [NEW]) == {"A": "deployed"}


def test_a_write_is_staged_until_machines_are_updated_with_a_release() -> None:
    sky = Sky()
    fly = sky.fly
    wrote = fly.secrets.set("shop", "NEW_FLAG", Secret(secrets.token_hex(8)))
    found = fly.secrets.list("shop", min_version=wrote.version)
    assert {s.name for s in wrote.secrets} == {s.name for s in found} == {"APP_ENV", "DATABASE_URL", "NEW_FLAG"}
    state = deployed_state(found, fly.machines.list("shop"), fly.releases.list("shop"))
    assert state == {"APP_ENV": "deployed", "DATABASE_URL": "deployed", "NEW_FLAG": "staged"}
    sky.clock.sleep(5)
    made = fly.releases.create("shop", image="registry.fly.io/shop:v42")
    for number, one in enumerate(fly.machines.list("shop")):
        assert one.config
        stamped = one.config.with_metadata({"fly_release_version": str(made.version)})
        fly.machines.update("shop", one.id, stamped, min_secrets_version=wrote.version)
        after = deployed_state(found, fly.machines.list("shop"), fly.releases.list("shop"))
        assert after["NEW_FLAG"] == ("partial" if number < 2 else "deployed")


def test_equal_values_have_equal_digests_and_deleting_twice_is_fine() -> None:
    fly, value = Sky().fly, Secret(secrets.token_hex(8))
    wrote = fly.secrets.bulk("shop", {"A": value, "B": value, "C": Secret("another")})
    digests = {s.name: s.digest for s in wrote.secrets}
    assert digests["A"] == digests["B"] != digests["C"]
    for _ in range(2):
        fly.secrets.delete("shop", ["A", "B"])
    assert "A" not in {s.name for s in fly.secrets.list("shop")}


def test_the_version_is_learnt_without_changing_a_secret() -> None:
    fly = Sky().fly
    wrote = fly.secrets.set("shop", "A", Secret("value-one"))
    before = fly.secrets.list("shop")
    assert fly.secrets.learn_version("shop") > wrote.version
    assert fly.secrets.list("shop") == before


def test_writers_that_meet_wait_for_each_other() -> None:
    clock, answers = FakeClock(), [409, 409, 200]

    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(answers.pop(0), json={"Version": 7, "secrets": None})

    assert literal(reply, clock).secrets.bulk("shop", {"A": None}).version == 7
    assert clock.slept == [0.5, 1.0]


def test_writers_that_never_stop_are_an_error() -> None:
    with pytest.raises(Conflict):
        literal(lambda request: httpx.Response(409, json={"error": "busy"})).secrets.delete("shop", ["A"])
    leased = {"error": "lease currently held by x"}
    with pytest.raises(LeaseHeld):
        literal(lambda request: httpx.Response(409, json=leased)).secrets.delete("shop", ["A"])


def test_a_value_is_in_the_body_and_nowhere_else() -> None:
    value, seen = secrets.token_hex(12), []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(400, json={"error": "invalid"}, headers={"fly-request-id": "r"})

    with pytest.raises(Exception, match="400") as refused:
        literal(reply).secrets.set("shop", "A", Secret(value))
    assert json.loads(seen[0].content) == {"values": {"A": value}}
    assert value not in f"{refused.value!r} {refused.value} {seen[0].url} {seen[0].headers}"
