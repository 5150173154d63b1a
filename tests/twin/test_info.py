"""The readings of Fly: always lists, sorted, plain data, never a value of a secret, few calls."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.errors import HotopsError
from hotops.core.limiter import NoLimiter
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.fly.client import Fly
from hotops.info.fleet import drift, fleet
from hotops.registry import operation
from hotops.sandbox.inprocess import Transport
from tests.twin.asking import Asker, Make, app_seed


def context_on(sky: Asker) -> Context:
    return Context(
        world=World("sandbox", {}, {}, tokens={"fly": Secret(sky.twin.tokens["fly"])}),
        clock=sky,
        transport=Transport(sky.twin, sky),
        limiter_of=lambda cloud, identity: NoLimiter(),
    )


def read(sky: Asker, name: str, **options: Any) -> dict[str, Any]:
    kind = operation(name)
    with context_on(sky) as context:
        outcome = drive(kind(kind.Want.model_validate(options), context))
    assert outcome.changed is False
    assert set(outcome.result) == set(kind.docs.returns)
    json.dumps(outcome.result)
    return outcome.result


def calls_of(sky: Asker, name: str, **options: Any) -> list[str]:
    kind = operation(name)
    with context_on(sky) as context:
        drive(kind(kind.Want.model_validate(options), context))
        return [f"{call.method} {call.path}" for call in context.calls]


def test_one_app_or_all_of_an_organisation(make: Make) -> None:
    sky = make(app_seed("shop-web"), app_seed("shop-api"))
    assert [app["name"] for app in read(sky, "fly_app_info", org="personal")["apps"]] == ["shop-api", "shop-web"]
    (app,) = read(sky, "fly_app_info", app="shop-web")["apps"]
    assert (app["status"], app["org"], app["hostname"]) == ("deployed", "personal", "shop-web.fly.dev")


@pytest.mark.parametrize("options", [{}, {"app": "shop", "org": "personal"}])
def test_exactly_one_of_app_and_org(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="exactly one of app and org"):
        operation("fly_app_info").Want.model_validate(options)


def test_machines_with_what_they_run(sky: Asker) -> None:
    found = read(sky, "fly_machine_info", app="shop")["machines"]
    assert [machine["process_group"] for machine in found] == ["app", "app", "worker"]
    first = found[0]
    assert (first["state"], first["memory_mb"], first["release_version"]) == ("started", 1024, 42)
    assert first["managed"]
    assert first["reachable"]
    assert first["image"]["tag"] == "v42"
    assert first["image"]["digest"].startswith("sha256:")
    assert first["started_at"].endswith("Z")
    assert "DATABASE_URL" not in str(found)


def test_machines_of_a_group_and_of_a_region(sky: Asker) -> None:
    assert len(read(sky, "fly_machine_info", app="shop", process_group="worker")["machines"]) == 1
    assert {m["region"] for m in read(sky, "fly_machine_info", app="shop", region="iad")["machines"]} == {"iad"}


def test_releases_newest_first_and_no_more_than_asked_for(sky: Asker) -> None:
    assert [release["version"] for release in read(sky, "fly_release_info", app="shop")["releases"]] == [42, 41]
    (newest,) = read(sky, "fly_release_info", app="shop", limit=1)["releases"]
    assert (newest["status"], newest["strategy"]) == ("complete", "rolling")


def test_secrets_by_name_digest_and_state(make: Make) -> None:
    value = secrets.token_hex(12)
    sky = make(app_seed("shop", secrets={"SESSION": value}, staged_secrets={"NEW_FLAG": value}))
    said = read(sky, "fly_secret_info", app="shop", names=["SESSION", "NEW_FLAG", "ABSENT"])
    assert {item["name"]: item["state"] for item in said["secrets"]} == {"NEW_FLAG": "staged", "SESSION": "deployed"}
    assert len({item["digest"] for item in said["secrets"]}) == 1
    assert said["missing"] == ["ABSENT"]
    assert value not in str(said)


def test_the_number_of_calls(sky: Asker) -> None:
    assert calls_of(sky, "fly_app_info", app="shop") == ["GET /v1/apps/shop"]
    assert calls_of(sky, "fly_machine_info", app="shop") == ["GET /v1/apps/shop/machines"]
    assert calls_of(sky, "fly_release_info", app="shop") == ["GET /api/v1/apps/shop/releases"]
    assert calls_of(sky, "fly_secret_info", app="shop") == [
        "GET /v1/apps/shop/secrets",
        "GET /v1/apps/shop/machines",
        "GET /api/v1/apps/shop/releases",
    ]


def test_an_app_that_is_not_there(sky: Asker) -> None:
    with pytest.raises(HotopsError, match="There is no app shpo on Fly"):
        read(sky, "fly_app_info", app="shpo")


def test_a_fleet_and_its_drift(make: Make) -> None:
    sky = make(app_seed("shop-web"), app_seed("stray"))
    with context_on(sky) as context:
        web, stray = fleet(context.client(Fly), "personal")
        assert (web.regions, web.machines, web.started) == (("iad", "ord"), 3, 3)
        assert fleet(context.client(Fly), "personal", with_machines=False)[1].machines is None
    found = drift([web.name, stray.name], ["shop-web", "shop-api"])
    assert (found.undeclared, found.missing) == (("stray",), ("shop-api",))
