"""The control interface: moving the twin from outside the clouds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hotops.sandbox.control import Control, control
from hotops.sandbox.wire import Request
from tests.twin.asking import Asker, Make, app_seed, fly_seed


def do(sky: Asker, method: str, path: str, payload: Any = None, *, status: int = 200) -> Any:
    """One control call that must end with this status."""
    body = b"" if payload is None else json.dumps(payload).encode()
    response = control(sky.twin, method, f"/_sandbox/{path}", body, sky.time)
    assert response.status == status, response.body
    return response.json()


def test_status_tells_what_runs(sky: Asker) -> None:
    told = do(sky, "GET", "status")
    app = told["apps"][0]
    assert (app["name"], app["release"]) == ("shop", 42)
    assert {machine["tag"] for machine in app["machines"]} == {"v42"}
    assert {machine["state"] for machine in app["machines"]} == {"started"}
    assert "shop.fly.dev" in told["hostnames"]


def test_a_push_makes_the_app_run_an_image_since_an_age(sky: Asker) -> None:
    made = do(sky, "POST", "push", {"app": "shop", "tag": "v43", "age_s": 3600})
    assert made["release"] == 43
    machines = sky.machines()
    assert {machine["image_ref"]["tag"] for machine in machines} == {"v43"}
    assert {machine["config"]["metadata"]["fly_release_version"] for machine in machines} == {"43"}
    assert {machine["state"] for machine in machines} == {"started"}
    assert sky.visit("shop.fly.dev", "/health").json()["release"] == "v43"


def test_a_push_without_deploy_only_fills_the_registry(sky: Asker) -> None:
    do(sky, "POST", "push", {"app": "shop", "tag": "v43", "deploy": False})
    assert sky.machines()[0]["image_ref"]["tag"] == "v42"
    assert sky.ask("HEAD", "/v2/shop/manifests/v43", host="registry.fly.io").status == 200
    do(sky, "POST", "prune", {"app": "shop", "tag": "v43"})
    assert sky.ask("HEAD", "/v2/shop/manifests/v43", host="registry.fly.io").status == 404
    do(sky, "POST", "prune", {"app": "shop", "tag": "v43"}, status=404)


@pytest.mark.parametrize(
    ("deed", "state"), [("stop", "stopped"), ("suspend", "suspended"), ("kill", "started"), ("host_down", "started")]
)
def test_machines_meet_what_is_asked_for(sky: Asker, deed: str, state: str) -> None:
    machine = sky.machines()[0]["id"]
    do(sky, "POST", "machines", {"app": "shop", "id": machine, "do": deed})
    sky.sleep(5)
    assert sky.get(f"/v1/apps/shop/machines/{machine}")["state"] == state


def test_a_killed_process_leaves_137_and_starts_again(sky: Asker) -> None:
    machine = sky.machines()[0]["id"]
    do(sky, "POST", "machines", {"app": "shop", "id": machine, "do": "kill"})
    events = sky.get(f"/v1/apps/shop/machines/{machine}")["events"]
    assert events[0]["request"]["exit_event"]["exit_code"] == 137


def test_a_lost_machine_is_gone_from_every_answer(sky: Asker) -> None:
    machine = sky.machines()[0]["id"]
    do(sky, "POST", "machines", {"app": "shop", "id": machine, "do": "lose"})
    missing = sky.ask("GET", f"/v1/apps/shop/machines/{machine}")
    assert (missing.status, missing.json()["error"]) == (404, "machine not found")
    assert machine not in [m["id"] for m in sky.get("/v1/apps/shop/machines?include_deleted=true")]


def test_secrets_are_staged_or_deployed_from_outside(sky: Asker) -> None:
    do(sky, "POST", "secrets", {"app": "shop", "set": {"FLAG": "on"}, "staged": True})
    place = sky.twin.world.apps["shop"].machines
    assert all("FLAG" not in machine.current.given for machine in place.values())
    do(sky, "POST", "secrets", {"app": "shop", "set": {"FLAG": "on"}, "staged": False})
    assert all(machine.current.given["FLAG"] == "on" for machine in place.values())


def test_the_log_is_read_from_a_number_on_and_cleared(sky: Asker) -> None:
    sky.machines()
    sky.machines()
    assert [entry["n"] for entry in do(sky, "GET", "log?since=1")["entries"]] == [2]
    do(sky, "DELETE", "log")
    assert do(sky, "GET", "log")["entries"] == []


def test_faults_are_listed_added_and_removed(sky: Asker) -> None:
    made = do(sky, "POST", "faults", {"kind": "status", "status": 500})
    assert do(sky, "GET", "faults")["faults"][0]["id"] == made["id"]
    assert do(sky, "DELETE", f"faults/{made['id']}") == {"removed": 1}
    do(sky, "POST", "faults", {"kind": "explode"}, status=400)


def test_a_reset_starts_over_and_keeps_the_token(sky: Asker) -> None:
    sky.update(sky.machines()[0], "v41")
    do(sky, "POST", "reset")
    assert {machine["image_ref"]["tag"] for machine in sky.machines()} == {"v42"}
    do(sky, "POST", "reset", fly_seed(app_seed("other-app")))
    assert sky.machines("other-app")[0]["state"] == "started"


@pytest.mark.parametrize(
    ("path", "payload", "status"),
    [
        ("nothing", {}, 404),
        ("push", {"tag": "v1"}, 400),
        ("push", {"app": "unknown", "tag": "v1"}, 404),
        ("machines", {"app": "shop", "do": "explode"}, 400),
        ("machines", {"app": "shop", "id": "none", "do": "stop"}, 404),
        ("tokens", {"access": "all"}, 400),
        ("settings", {"colour": "red"}, 400),
    ],
)
def test_a_wrong_control_call_says_what_is_wrong(sky: Asker, path: str, payload: Any, status: int) -> None:
    assert do(sky, "POST", path, payload, status=status)["error"]


def test_control_calls_are_not_in_the_log(make: Make) -> None:
    sky = make()
    answer = Control(sky.twin).handle(Request.to("GET", "127.0.0.1", "/_sandbox/log?since=0"), sky.time)
    assert answer.json() == {"entries": [], "last": 0}
