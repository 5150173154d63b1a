"""Volumes of the sandbox's Fly: where they are, whose they are, and what comes back from a snapshot."""

from __future__ import annotations

from typing import Any

import pytest

from hotops.sandbox.twin import Twin
from hotops.sandbox.wire import Request, Response

NOW = 1_900_000_000.0
GB = 2**30


@pytest.fixture
def twin() -> Twin:
    group = {"count": 1, "volume": {"size_gb": 4, "snapshot_age_s": 3600}}
    seed = {"fly": {"apps": [{"name": "search", "groups": {"app": group}}]}}
    made = Twin(seed, now=NOW)
    made.limits = False
    return made


def ask(twin: Twin, method: str, path: str, payload: Any = None) -> Response:
    headers = {"authorization": f"Bearer {twin.tokens['fly']}"}
    target = f"/v1/apps/search{path}"
    answer = twin.handle(Request.to(method, "api.machines.dev", target, headers=headers, payload=payload), NOW)
    assert isinstance(answer, Response)
    return answer


def test_each_machine_has_a_volume_of_its_own_and_snapshots(twin: Twin) -> None:
    (volume,) = ask(twin, "GET", "/volumes").json()
    (machine,) = ask(twin, "GET", "/machines").json()
    assert volume["attached_machine_id"] == machine["id"]
    assert machine["config"]["mounts"] == [{"volume": volume["id"], "path": "/data", "name": "data"}]
    snapshots = ask(twin, "GET", f"/volumes/{volume['id']}/snapshots").json()
    assert [each["status"] for each in snapshots] == ["created"] * 5
    assert snapshots[0]["created_at"] > snapshots[1]["created_at"]
    assert ask(twin, "GET", f"/volumes/{volume['id']}").json() == volume


def test_a_volume_is_made_of_a_snapshot_and_mounted_by_a_new_machine(twin: Twin) -> None:
    (volume,) = ask(twin, "GET", "/volumes").json()
    (machine,) = ask(twin, "GET", "/machines").json()
    newest = ask(twin, "GET", f"/volumes/{volume['id']}/snapshots").json()[0]
    small = {"name": "back", "region": "ord", "size_gb": 3, "snapshot_id": newest["id"]}
    refused = ask(twin, "POST", "/volumes", small)
    assert (refused.status, "smaller than the snapshot size (4 GiB)" in refused.json()["error"]) == (400, True)
    made = ask(twin, "POST", "/volumes", {**small, "size_gb": 4}).json()
    config = {**machine["config"], "mounts": [{"volume": made["id"], "path": "/data"}]}
    elsewhere = ask(twin, "POST", "/machines", {"config": config, "region": "iad"})
    assert (elsewhere.status, "in region ord" in elsewhere.json()["error"]) == (400, True)
    second = ask(twin, "POST", "/machines", {"config": config, "region": "ord"}).json()
    taken = ask(twin, "POST", "/machines", {"config": config, "region": "ord"})
    assert (taken.status, second["id"] in taken.json()["error"]) == (412, True)


def test_a_volume_in_use_is_not_destroyed_and_a_destroyed_one_keeps_its_snapshots(twin: Twin) -> None:
    (volume,) = ask(twin, "GET", "/volumes").json()
    assert ask(twin, "DELETE", f"/volumes/{volume['id']}").status == 412
    ask(twin, "DELETE", f"/machines/{volume['attached_machine_id']}?force=true")
    assert ask(twin, "DELETE", f"/volumes/{volume['id']}").json()["state"] == "pending_destroy"
    assert len(ask(twin, "GET", f"/volumes/{volume['id']}/snapshots").json()) == 5


@pytest.mark.parametrize(
    ("payload", "status"),
    [({"name": "Not Good"}, 400), ({}, 400), ({"name": "data", "snapshot_id": "vs_none"}, 404)],
)
def test_what_could_never_be_made_is_refused(twin: Twin, payload: Any, status: int) -> None:
    assert ask(twin, "POST", "/volumes", payload).status == status
    assert ask(twin, "GET", "/volumes/vol_none").status == 404
