"""Whole rollouts against the twin, call by call as a deploy tool makes them, with visitors all the while."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hotops.sandbox.wire import Pending, Request
from tests.twin.asking import START, Asker

MACHINES = "/v1/apps/shop/machines"
HOST = "shop.fly.dev"


class Visitors:
    """Fifty visits a second, made while time passes."""

    def __init__(self, sky: Asker) -> None:
        self.sky = sky
        self.statuses: list[int] = []

    def for_seconds(self, seconds: float) -> None:
        until = self.sky.time + seconds
        while self.sky.time < until:
            self.statuses.append(self.sky.visit(HOST, "/").status)
            self.sky.sleep(0.02)

    def until_passing(self, machine_id: str, limit_s: float = 60.0) -> bool:
        """Visit until all checks of a machine pass; False if they do not within the limit."""
        until = self.sky.time + limit_s
        while self.sky.time < until:
            machine = self.sky.get(f"{MACHINES}/{machine_id}")
            if machine["state"] == "started" and all(row["status"] == "passing" for row in machine["checks"]):
                return True
            self.for_seconds(1.0)
        return False


def replace_one(sky: Asker, visitors: Visitors, machine: dict[str, Any], image: str) -> bool:
    """Cordon, drain, update under a lease, wait for the checks, uncordon."""
    place = f"{MACHINES}/{machine['id']}"
    nonce = sky.post(f"{place}/lease?ttl=120")["data"]["nonce"]
    sky.post(f"{place}/cordon", nonce=nonce)
    visitors.for_seconds(10)
    config = {**machine["config"], "image": image}
    sky.post(place, {"config": config, "current_version": machine["instance_id"]}, nonce=nonce)
    healthy = visitors.until_passing(machine["id"])
    sky.post(f"{place}/uncordon", nonce=nonce)
    sky.ask("DELETE", f"{place}/lease", nonce=nonce)
    return healthy


def test_a_careful_rolling_update_loses_no_visit(sky: Asker) -> None:
    sky.push("v43")
    visitors = Visitors(sky)
    for machine in sky.machines():
        assert replace_one(sky, visitors, machine, "registry.fly.io/shop:v43")
        visitors.for_seconds(5)
    visitors.for_seconds(10)
    assert {machine["image_ref"]["tag"] for machine in sky.machines()} == {"v43"}
    assert set(visitors.statuses) == {200}


def test_taking_the_next_machine_out_before_the_last_is_back_leaves_nobody(sky: Asker) -> None:
    sky.push("v43")
    visitors = Visitors(sky)
    for machine in sky.machines():
        replace_one(sky, visitors, machine, "registry.fly.io/shop:v43")
    # The proxy hears of the uncordon late: flyctl too waits between its uncordon and its cordon.
    assert 503 in visitors.statuses


def test_a_bad_first_machine_is_taken_back_and_no_visit_is_lost(sky: Asker) -> None:
    sky.push("v43-no-db")
    visitors = Visitors(sky)
    first = sky.machines()[0]
    assert not replace_one(sky, visitors, first, "registry.fly.io/shop:v43-no-db")
    before = sky.get(f"{MACHINES}/{first['id']}/versions")[1]["user_config"]
    sky.post(f"{MACHINES}/{first['id']}", {"config": before})
    assert visitors.until_passing(first["id"])
    assert {machine["image_ref"]["digest"] for machine in sky.machines()} == {first["image_ref"]["digest"]}
    assert set(visitors.statuses) == {200}


def test_an_uncordoned_bad_machine_still_gets_no_visits_while_its_checks_fail(sky: Asker) -> None:
    sky.push("v43-wrong-path")
    sky.update(sky.machines()[0], "v43-wrong-path")
    sky.sleep(10)
    visitors = Visitors(sky)
    visitors.for_seconds(5)
    assert set(visitors.statuses) == {200}


def test_greens_beside_blues_take_over_without_losing_a_visit(sky: Asker) -> None:
    sky.push("v43")
    visitors = Visitors(sky)
    blues = sky.machines()
    greens = []
    for blue in blues:
        config = {**blue["config"], "image": "registry.fly.io/shop:v43"}
        made = sky.post(MACHINES, {"config": config, "skip_service_registration": True, "region": blue["region"]})
        greens.append(made["id"])
    for green in greens:
        assert visitors.until_passing(green)
        sky.post(f"{MACHINES}/{green}/uncordon")
    visitors.for_seconds(10)
    for blue in blues:
        sky.post(f"{MACHINES}/{blue['id']}/cordon")
    visitors.for_seconds(10)
    for blue in blues:
        sky.post(f"{MACHINES}/{blue['id']}/stop", {})
        sky.get(f"{MACHINES}/{blue['id']}/wait?state=stopped&timeout=10")
        assert sky.ask("DELETE", f"{MACHINES}/{blue['id']}?kill=true").status == 200
    visitors.for_seconds(5)
    assert sorted(machine["id"] for machine in sky.machines()) == sorted(greens)
    assert set(visitors.statuses) == {200}


def test_an_ambiguous_create_is_found_by_its_metadata(sky: Asker) -> None:
    config = sky.machines()[0]["config"]
    config["metadata"]["hotops_step"] = "web/green/1"
    sky.twin.faults.add({"kind": "reset_after", "match": {"method": "POST", "path": MACHINES}, "times": 1})
    assert sky.ask("POST", MACHINES, {"config": config, "name": "green-1"}).reset == "after"
    found = sky.get(MACHINES + "?metadata.hotops_step=web/green/1")
    assert [machine["name"] for machine in found] == ["green-1"]


def test_many_threads_may_ask_at_once(sky: Asker) -> None:
    machine = sky.machines()[0]["id"]
    ready = threading.Barrier(8)
    authorization = {"authorization": f"Bearer {sky.token}"}

    def lease(number: int) -> int:
        request = Request.to("POST", "api.machines.dev", f"{MACHINES}/{machine}/lease?ttl=60", headers=authorization)
        ready.wait()
        answer = sky.twin.handle(request, START + number / 1000)
        assert not isinstance(answer, Pending)
        return answer.status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lease, range(8)))
    assert statuses == [201] + [409] * 7
