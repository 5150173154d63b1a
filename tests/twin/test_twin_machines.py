"""Machines as the twin runs them: states, versions, conflicts, waits."""

from __future__ import annotations

import pytest

from tests.twin.asking import START, Asker, Make

MACHINES = "/v1/apps/shop/machines"


def test_an_update_replaces_the_vm_and_keeps_the_id(sky: Asker) -> None:
    sky.push("v43")
    before = sky.machines()[0]
    after = sky.update(before, "v43")
    assert after["state"] == "replacing"
    assert after["id"] == before["id"]
    assert after["instance_id"] != before["instance_id"]
    waited = sky.get(f"{MACHINES}/{before['id']}/wait?state=started&timeout=60")
    assert (waited["ok"], waited["state"], waited["version"]) == (True, "started", after["instance_id"])
    machine = sky.get(f"{MACHINES}/{before['id']}")
    assert machine["image_ref"]["tag"] == "v43"
    kinds = [event["type"] for event in machine["events"]]
    assert kinds[:4] == ["start", "launch", "update", "exit"]
    stamps = [event["timestamp"] for event in machine["events"]]
    assert stamps == sorted(stamps, reverse=True)
    assert stamps[0] > 1e12


def test_an_update_takes_the_full_config_and_forgets_what_is_left_out(sky: Asker) -> None:
    machine = sky.machines()[0]
    sky.post(f"{MACHINES}/{machine['id']}", {"config": {"image": machine["config"]["image"]}})
    after = sky.get(f"{MACHINES}/{machine['id']}")
    assert "services" not in after["config"]
    assert after["config"]["guest"] == {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}


def test_an_update_of_an_older_version_is_refused(sky: Asker) -> None:
    machine = sky.machines()[0]
    body = {"config": machine["config"], "current_version": "01OLD"}
    response = sky.ask("POST", f"{MACHINES}/{machine['id']}", body)
    assert response.status == 412
    assert response.json()["error"].startswith("failed_precondition: machine version mismatch")
    assert sky.machines()[0]["instance_id"] == machine["instance_id"]


@pytest.mark.parametrize(("key", "value"), [("region", "ams"), ("name", "another")])
def test_region_and_name_of_a_machine_never_change(sky: Asker, key: str, value: str) -> None:
    machine = sky.machines()[0]
    response = sky.ask("POST", f"{MACHINES}/{machine['id']}", {"config": machine["config"], key: value})
    assert response.status == 400


def test_scaling_a_stopped_machine_starts_it_unless_the_launch_is_skipped(make: Make) -> None:
    sky = make()
    first, second = sky.machines()
    for machine in (first, second):
        sky.post(f"{MACHINES}/{machine['id']}/stop", {})
        sky.get(f"{MACHINES}/{machine['id']}/wait?state=stopped&timeout=10")
    sky.post(f"{MACHINES}/{first['id']}", {"config": first["config"]})
    sky.post(f"{MACHINES}/{second['id']}", {"config": second["config"], "skip_launch": True})
    sky.sleep(10)
    assert [machine["state"] for machine in sky.machines()] == ["started", "stopped"]


def test_a_machine_created_without_launch_rests_at_stopped(sky: Asker) -> None:
    config = sky.machines()[0]["config"]
    made = sky.post(MACHINES, {"config": config, "skip_launch": True, "name": "spare"})
    assert made["state"] == "created"
    refused = sky.ask("POST", f"{MACHINES}/{made['id']}/start")
    assert refused.status == 412
    assert refused.json()["error"] == "failed_precondition: unable to start machine from current state: 'created'"
    settled = sky.get(f"{MACHINES}/{made['id']}/wait?state=settled&timeout=10")
    assert settled["state"] == "stopped"
    assert sky.post(f"{MACHINES}/{made['id']}/start")["previous_state"] == "stopped"
    assert sky.get(f"{MACHINES}/{made['id']}/wait?state=started")["state"] == "started"


def test_a_machine_that_is_being_replaced_refuses_to_start(sky: Asker) -> None:
    machine = sky.machines()[0]
    sky.update(machine, "v41")
    response = sky.ask("POST", f"{MACHINES}/{machine['id']}/start")
    assert response.status == 412
    assert response.json()["error"] == "failed_precondition: machine getting replaced, refusing to start"


def test_creating_is_not_idempotent_but_names_are_unique(sky: Asker) -> None:
    config = sky.machines()[0]["config"]
    sky.post(MACHINES, {"config": config, "name": "green-1"})
    again = sky.ask("POST", MACHINES, {"config": config, "name": "green-1"})
    assert again.status == 409
    assert "unique machine name violation" in again.json()["error"]
    assert len(sky.machines()) == 3


def test_a_name_is_free_again_once_its_machine_is_destroyed(sky: Asker) -> None:
    config = sky.machines()[0]["config"]
    made = sky.post(MACHINES, {"config": config, "name": "green-1"})
    sky.ask("DELETE", f"{MACHINES}/{made['id']}?force=true")
    sky.get(f"{MACHINES}/{made['id']}/wait?state=destroyed&timeout=10")
    assert sky.ask("POST", MACHINES, {"config": config, "name": "green-1"}).status == 200


@pytest.mark.parametrize("tag", ["v999", "v43-gone"])
def test_an_image_the_registry_has_not_is_refused(make: Make, tag: str) -> None:
    sky = make(images=[{"repository": "shop", "tag": "v43-gone", "pruned": True}])
    machine = sky.machines()[0]
    config = {**machine["config"], "image": f"registry.fly.io/shop:{tag}"}
    response = sky.ask("POST", f"{MACHINES}/{machine['id']}", {"config": config})
    assert response.status == 400
    assert "manifest unknown" in response.json()["error"]
    assert sky.machines()[0]["instance_id"] == machine["instance_id"]


@pytest.mark.parametrize(
    ("guest", "word"),
    [
        ({"cpu_kind": "performance", "cpus": 1, "memory_mb": 1024}, "minimum required 2048 MiB"),
        ({"cpu_kind": "shared", "cpus": 1, "memory_mb": 4096}, "at most 2048 MiB"),
        ({"cpu_kind": "shared", "cpus": 3}, "cpus"),
        ({"cpu_kind": "shared", "cpus": 1, "memory_mb": 300}, "multiple of 256"),
    ],
)
def test_a_size_that_does_not_exist_is_refused(sky: Asker, guest: dict[str, object], word: str) -> None:
    machine = sky.machines()[0]
    response = sky.ask("POST", f"{MACHINES}/{machine['id']}", {"config": {**machine["config"], "guest": guest}})
    assert response.status == 400
    assert word in response.json()["error"]


def test_a_running_machine_is_destroyed_only_by_force_and_stays_readable(sky: Asker) -> None:
    machine = sky.machines()[0]
    refused = sky.ask("DELETE", f"{MACHINES}/{machine['id']}")
    assert refused.status == 412
    assert sky.ask("DELETE", f"{MACHINES}/{machine['id']}?kill=true").json() == {"ok": True}
    sky.get(f"{MACHINES}/{machine['id']}/wait?state=destroyed&timeout=10")
    assert sky.get(f"{MACHINES}/{machine['id']}")["state"] == "destroyed"
    assert machine["id"] not in [m["id"] for m in sky.machines()]
    assert machine["id"] in [m["id"] for m in sky.get(MACHINES + "?include_deleted=true")]


@pytest.mark.parametrize("timeout", ["0", "61", "300", "-1", "1m"])
def test_a_wait_timeout_outside_a_minute_is_refused_with_the_known_text(sky: Asker, timeout: str) -> None:
    machine = sky.machines()[0]
    response = sky.ask("GET", f"{MACHINES}/{machine['id']}/wait?state=started&timeout={timeout}")
    assert response.status == 400
    text = "invalid_argument: invalid WaitMachineRequest.Timeout: value must be inside range [1s, 1m0s]"
    assert response.json() == {"error": text}


def test_a_wait_that_expires_answers_408_after_its_timeout(sky: Asker) -> None:
    machine = sky.machines()[0]
    response = sky.ask("GET", f"{MACHINES}/{machine['id']}/wait?state=stopped&timeout=30")
    assert response.status == 408
    text = "machine failed to reach desired state, stopped, currently started"
    assert response.json()["error"] == f"deadline_exceeded: {text}"
    assert sky.time == START + 30


def test_a_wait_takes_several_states_repeated_or_with_commas(sky: Asker) -> None:
    machine = sky.machines()[0]
    for query in ("state=stopped,started", "state=stopped&state=started"):
        assert sky.get(f"{MACHINES}/{machine['id']}/wait?{query}&timeout=5")["state"] == "started"


def test_a_machine_that_removes_itself_is_gone_for_waiters_but_its_exit_can_be_read(sky: Asker) -> None:
    base = sky.machines()[0]["config"]
    config = {
        "image": base["image"],
        "auto_destroy": True,
        "restart": {"policy": "no"},
        "env": {"RELEASE_COMMAND": "1"},
    }
    made = sky.post(MACHINES, {"config": config, "skip_launch": True})
    sky.get(f"{MACHINES}/{made['id']}/wait?state=stopped&timeout=10")
    sky.post(f"{MACHINES}/{made['id']}/start")
    assert sky.get(f"{MACHINES}/{made['id']}/wait?state=destroyed&timeout=60")["state"] == "destroyed"
    events = sky.get(f"{MACHINES}/{made['id']}")["events"]
    exits = [event for event in events if event["type"] == "exit"]
    assert exits[0]["request"]["exit_event"]["exit_code"] == 0
    sky.sleep(60)
    assert sky.ask("GET", f"{MACHINES}/{made['id']}/wait?state=destroyed&timeout=1").status == 404


def test_a_list_is_filtered_by_state_region_and_metadata(sky: Asker) -> None:
    first = sky.machines()[0]
    sky.post(f"{MACHINES}/{first['id']}/metadata/hotops_run", {"value": "r1"})
    assert [m["id"] for m in sky.get(MACHINES + "?metadata.hotops_run=r1")] == [first["id"]]
    assert {m["region"] for m in sky.get(MACHINES + "?region=iad")} == {"iad"}
    assert sky.get(MACHINES + "?state=stopped,suspended") == []
    assert "config" not in sky.get(MACHINES + "?summary=true")[0]


def test_every_version_of_a_machine_is_kept_with_its_config(sky: Asker) -> None:
    machine = sky.machines()[0]
    sky.post(f"{MACHINES}/{machine['id']}/metadata/later", {"value": "x"})
    versions = sky.get(f"{MACHINES}/{machine['id']}/versions")
    assert "later" not in versions[0]["user_config"]["metadata"]
    images = [version["user_config"]["image"].split(":")[1].split("@")[0] for version in versions]
    assert images == ["v42", "v41"]
    assert versions[0]["version"] == machine["instance_id"]
    assert versions[1]["user_config"]["metadata"]["fly_release_version"] == "41"


def test_suspend_needs_a_small_machine_and_stop_drops_the_snapshot(make: Make) -> None:
    sky = make()
    first = sky.machines()[0]
    sky.post(f"{MACHINES}/{first['id']}/suspend")
    assert sky.get(f"{MACHINES}/{first['id']}/wait?state=suspended&timeout=5")["state"] == "suspended"
    sky.post(f"{MACHINES}/{first['id']}/stop", {"timeout": "0s"})
    assert sky.get(f"{MACHINES}/{first['id']}")["state"] == "stopped"
    large = {**first["config"], "guest": {"cpu_kind": "shared", "cpus": 2, "memory_mb": 4096}}
    sky.post(f"{MACHINES}/{first['id']}", {"config": large})
    sky.get(f"{MACHINES}/{first['id']}/wait?state=started")
    assert sky.ask("POST", f"{MACHINES}/{first['id']}/suspend").status == 412


def test_metadata_is_written_without_a_lease_and_makes_no_new_version(sky: Asker) -> None:
    machine = sky.machines()[0]
    place = f"{MACHINES}/{machine['id']}"
    sky.post(f"{place}/lease?ttl=60")
    assert sky.ask("POST", f"{place}/metadata/k", {"value": "v"}).status == 204
    assert sky.get(f"{place}/metadata/k") == {"value": "v"}
    assert sky.ask("PATCH", f"{place}/metadata", {"metadata": {"k": None, "j": "w"}}).status == 204
    assert sky.ask("GET", f"{place}/metadata/k").status == 404
    stale = sky.ask("PATCH", f"{place}/metadata", {"metadata": {"j": "x"}, "machine_version": "01OLD"})
    assert stale.status == 412
    after = sky.get(place)
    assert after["config"]["metadata"]["j"] == "w"
    assert after["instance_id"] == machine["instance_id"]


def test_the_published_limits_hold_and_can_be_switched_off(make: Make) -> None:
    sky = make(limits=True)
    machine = sky.machines()[0]["id"]
    statuses = [sky.ask("GET", f"{MACHINES}/{machine}").status for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    listed = [sky.ask("GET", MACHINES).status for _ in range(3)]
    assert listed == [200, 200, 429]
    assert sky.ask("GET", MACHINES).json() == {"error": "resource_exhausted: rate limit exceeded"}
    sky.sleep(1.0)
    assert sky.ask("GET", MACHINES).status == 200
    sky.twin.limits = False
    assert {sky.ask("GET", MACHINES).status for _ in range(20)} == {200}


def test_a_wait_in_progress_is_counted_once_by_limits_and_log(make: Make) -> None:
    sky = make(limits=True)
    machine = sky.machines()[0]
    sky.update(machine, "v41")
    sky.get(f"{MACHINES}/{machine['id']}/wait?state=started&timeout=60")
    waits = [entry for entry in sky.twin.calls.since(0) if entry["path"].endswith("/wait")]
    assert len(waits) == 1


def test_autostop_comes_back_as_the_api_spells_it(sky: Asker) -> None:
    machine = sky.machines()[0]
    assert machine["config"]["services"][0]["autostop"] is False
    service = {**machine["config"]["services"][0], "autostop": "stop"}
    config = {**machine["config"], "services": [service]}
    after = sky.post(f"{MACHINES}/{machine['id']}", {"config": config})
    assert after["config"]["services"][0]["autostop"] is True
    check = {"type": "tcp", "port": 8080, "interval": 15_000_000_000}
    after = sky.post(f"{MACHINES}/{machine['id']}", {"config": {**config, "checks": {"tcp": check}}})
    assert after["config"]["checks"]["tcp"]["interval"] == "15s"


def test_a_faster_platform_does_not_shorten_leases_or_waits(sky: Asker) -> None:
    sky.twin.settings.speed = 100.0
    machine = sky.machines()[0]
    sky.update(machine, "v41")
    sky.get(f"{MACHINES}/{machine['id']}/wait?state=started&timeout=5")
    assert sky.time - START < 0.1
    lease = sky.post(f"{MACHINES}/{machine['id']}/lease?ttl=30")["data"]
    assert lease["expires_at"] == pytest.approx(sky.time + 30, abs=1)


def test_a_lost_host_shows_an_incomplete_config_and_refuses_changes(sky: Asker) -> None:
    machine = sky.machines()[0]
    sky.twin.world.apps["shop"].machines[machine["id"]].host_status = "unreachable"
    shown = sky.get(f"{MACHINES}/{machine['id']}")
    assert shown["config"] is None
    assert shown["incomplete_config"]["image"] == machine["config"]["image"]
    assert sky.ask("POST", f"{MACHINES}/{machine['id']}/stop").status == 503
