"""Faults on request, and the log of what was asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hotops.sandbox.inprocess import Transport
from tests.twin.asking import Asker

MACHINES = "/v1/apps/shop/machines"
SECRETS = "/v1/apps/shop/secrets"


def client(sky: Asker, timeout_s: float = 5.0) -> httpx.Client:
    """A client whose requests go straight into the twin."""
    headers = {"authorization": f"Bearer {sky.token}"}
    return httpx.Client(
        transport=Transport(sky.twin, sky), base_url="https://api.machines.dev", headers=headers, timeout=timeout_s
    )


def effects(sky: Asker) -> list[tuple[str, bool]]:
    """Effect and whether it was applied, of every call."""
    return [(entry["effect"], entry["applied"]) for entry in sky.twin.calls.since(0)]


def test_a_client_meets_the_twin_through_its_transport(sky: Asker) -> None:
    with client(sky) as http:
        shown = http.get(f"{MACHINES}")
        assert shown.status_code == 200
        machine = shown.json()[0]["id"]
        before = sky.time
        expired = http.get(f"{MACHINES}/{machine}/wait", params={"state": "stopped", "timeout": 3})
        assert expired.status_code == 408
        assert sky.time - before == pytest.approx(3)


def test_a_client_timeout_shorter_than_the_wait_is_a_timeout(sky: Asker) -> None:
    machine = sky.machines()[0]["id"]
    with client(sky, timeout_s=2.0) as http, pytest.raises(httpx.ReadTimeout):
        http.get(f"{MACHINES}/{machine}/wait", params={"state": "stopped", "timeout": 30})


def test_a_reset_before_the_write_leaves_nothing(sky: Asker) -> None:
    sky.twin.faults.add({"kind": "reset_before", "match": {"method": "POST", "path": "*/secrets"}})
    with client(sky) as http, pytest.raises(httpx.ReadError):
        http.post(SECRETS, json={"values": {"A": "x"}})
    assert "A" not in {row["name"] for row in sky.get(SECRETS)["secrets"]}
    assert effects(sky)[0] == ("write", False)


def test_a_reset_after_the_write_leaves_its_effect(sky: Asker) -> None:
    sky.twin.faults.add({"kind": "reset_after", "match": {"method": "POST", "path": "*/secrets"}})
    with client(sky) as http, pytest.raises(httpx.ReadError):
        http.post(SECRETS, json={"values": {"A": "x"}})
    assert "A" in {row["name"] for row in sky.get(SECRETS)["secrets"]}
    assert effects(sky)[0] == ("write", True)


def test_a_truncated_body_is_a_broken_protocol(sky: Asker) -> None:
    sky.twin.faults.add({"kind": "truncate", "match": {"path": "*/machines"}})
    with client(sky) as http, pytest.raises(httpx.RemoteProtocolError):
        http.get(MACHINES)


def test_latency_passes_on_the_clock(sky: Asker) -> None:
    sky.twin.faults.add({"kind": "latency", "seconds": 2.5, "match": {"surface": "machines"}})
    before = sky.time
    with client(sky) as http:
        assert http.get(MACHINES).status_code == 200
    assert sky.time - before == pytest.approx(2.5)


def test_a_status_fault_answers_with_its_own_body_and_headers(sky: Asker) -> None:
    fault: dict[str, Any] = {
        "kind": "status",
        "status": 429,
        "headers": {"retry-after": "7"},
        "body": {"error": "slow"},
    }
    sky.twin.faults.add(fault)
    response = sky.ask("GET", MACHINES)
    assert (response.status, response.headers["retry-after"], response.json()) == (429, "7", {"error": "slow"})


def test_a_fault_counts_its_matches_and_fires_at_the_nth(sky: Asker) -> None:
    sky.twin.faults.add({"kind": "status", "status": 500, "nth": [2, 3], "match": {"path": MACHINES}})
    assert [sky.ask("GET", MACHINES).status for _ in range(4)] == [200, 500, 500, 200]
    assert sky.ask("GET", "/v1/apps/shop").status == 200


def test_a_fault_fires_only_so_many_times_and_can_be_removed(sky: Asker) -> None:
    sky.twin.faults.add({"id": "f", "kind": "status", "status": 503, "times": 1})
    assert [sky.ask("GET", MACHINES).status for _ in range(2)] == [503, 200]
    sky.twin.faults.add({"id": "g", "kind": "status", "status": 503})
    assert sky.twin.faults.remove("g") == 1
    assert sky.ask("GET", MACHINES).status == 200


def test_a_lease_conflict_looks_like_somebody_elses_lease(sky: Asker) -> None:
    sky.twin.faults.add({"kind": "lease_conflict", "match": {"path": "*/lease"}, "times": 1})
    response = sky.ask("POST", f"{MACHINES}/{sky.machines()[0]['id']}/lease?ttl=13")
    assert response.status == 409
    assert "lease currently held by" in response.json()["error"]


def test_no_capacity_comes_with_the_platforms_words_and_changes_nothing(sky: Asker) -> None:
    sky.twin.faults.add({"kind": "no_capacity", "match": {"method": "POST", "path": "*/machines/*"}})
    machine = sky.machines()[0]
    response = sky.ask("POST", f"{MACHINES}/{machine['id']}", {"config": machine["config"]})
    assert response.status == 409
    assert "could not reserve resource for machine" in response.json()["error"]
    assert sky.machines()[0]["instance_id"] == machine["instance_id"]


def test_a_late_create_is_not_listed_yet(sky: Asker) -> None:
    sky.twin.faults.add({"kind": "late", "seconds": 4, "match": {"method": "POST", "path": MACHINES}})
    made = sky.post(MACHINES, {"config": sky.machines()[0]["config"]})
    assert made["id"] not in {m["id"] for m in sky.machines()}
    sky.sleep(4)
    assert made["id"] in {m["id"] for m in sky.machines()}


def test_a_late_cordon_reaches_the_proxy_when_the_fault_says(sky: Asker) -> None:
    sky.twin.faults.add({"kind": "late", "seconds": 60, "match": {"path": "*/cordon"}})
    machine = sky.machines()[0]["id"]
    sky.post(f"{MACHINES}/{machine}/cordon")
    sky.sleep(30)
    assert machine in {sky.visit("shop.fly.dev").headers["fly-machine-id"] for _ in range(4)}
    sky.sleep(31)
    assert machine not in {sky.visit("shop.fly.dev").headers["fly-machine-id"] for _ in range(4)}


@pytest.mark.parametrize("wrong", [{"kind": "explode"}, {"kind": "status", "match": {"methods": "GET"}}])
def test_a_fault_that_cannot_be_read_is_refused(sky: Asker, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"kind|match"):
        sky.twin.faults.add(wrong)


def test_each_request_is_logged_with_its_effect(sky: Asker) -> None:
    machine = sky.machines()[0]["id"]
    sky.post(f"{MACHINES}/{machine}/exec", {"cmd": "true"})
    sky.post(f"{MACHINES}/{machine}/metadata/k", {"value": "v"})
    sky.post("/graphql", {"query": "query { viewer { __typename } }"}, host="api.fly.io")
    sky.ask("GET", "/v2/shop/manifests/v42", host="registry.fly.io")
    sky.get("/api/v1/apps/shop/logs", host="api.fly.io")
    sky.visit("shop.fly.dev", "/")
    entries = sky.twin.calls.since(0)
    assert [entry["effect"] for entry in entries] == ["none", "exec", "write", "none", "none", "none", "none"]
    surfaces = [entry["surface"] for entry in entries]
    assert surfaces == ["machines", "machines", "machines", "graphql", "registry", "logs", "proxy"]
    assert [entry["app"] for entry in entries] == ["shop", "shop", "shop", None, "shop", "shop", "shop"]
    assert [entry["n"] for entry in sky.twin.calls.since(5)] == [6, 7]


def test_a_refused_write_was_asked_but_not_applied(sky: Asker) -> None:
    sky.ask("POST", MACHINES, {"config": {}})
    assert effects(sky) == [("write", False)]
