"""Machines as the twin runs them: states, versions, conflicts."""

from __future__ import annotations

from tests.twin.asking import Asker


def test_an_update_replaces_the_vm_and_keeps_the_id(sky: Asker) -> None:
    sky.push("v43")
    before = sky.machines()[0]
    after = sky.update(before, "v43")
    assert after["state"] == "replacing"
    assert after["id"] == before["id"]
    assert after["instance_id"] != before["instance_id"]
    waited = sky.get(f"/v1/apps/shop/machines/{before['id']}/wait?state=started&timeout=60")
    assert waited["state"] == "started"
    machine = sky.get(f"/v1/apps/shop/machines/{before['id']}")
    assert machine["image_ref"]["tag"] == "v43"
    kinds = [event["type"] for event in machine["events"]]
    assert kinds[:4] == ["start", "launch", "update", "exit"]
    assert sky.visit("shop.fly.dev", "/health").status == 200
