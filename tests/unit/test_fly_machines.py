"""Machines over the twin: what a method says is what the machine then is."""

from __future__ import annotations

import pytest

from hotops.core.errors import ApiError, LeaseHeld, NotFound, PreconditionFailed, RateLimited, WaitTimeout
from hotops.fly import states
from hotops.fly.errors import MachineGone, VersionChanged
from hotops.fly.models import Machine
from tests.unit.fly_worlds import Sky


@pytest.fixture
def sky() -> Sky:
    return Sky()


def web(sky: Sky) -> Machine:
    """A started machine of the group app."""
    return next(m for m in sky.fly.machines.list("shop") if m.process_group == "app" and m.state == "started")


def test_a_list_holds_what_a_deploy_needs_to_know(sky: Sky) -> None:
    machines = sky.fly.machines.list("shop")
    assert len(machines) == 3
    assert all(states.is_managed(m) and states.is_started(m) and states.checks_pass(m) for m in machines)
    assert len(states.digests(machines)) == 1
    assert {m.release_version for m in machines} == {42}


def test_lists_are_filtered(sky: Sky) -> None:
    assert {m.region for m in sky.fly.machines.list("shop", region="iad")} == {"iad"}
    assert sky.fly.machines.list("shop", states=["stopped", "suspended"]) == []
    workers = sky.fly.machines.list("shop", metadata={"fly_process_group": "worker"})
    assert [m.process_group for m in workers] == ["worker"]


def test_an_update_changes_the_version_and_keeps_the_id(sky: Sky) -> None:
    before = web(sky)
    assert before.config
    after = sky.fly.machines.update(
        "shop", before.id, before.config.with_env({"NEW": "1"}), current_version=before.instance_id
    )
    assert after.id == before.id
    assert after.instance_id != before.instance_id
    waited = sky.fly.machines.wait("shop", before.id, "started", version=after.instance_id)
    assert (waited.state, waited.version) == ("started", after.instance_id)
    now = sky.fly.machines.get("shop", before.id)
    assert now.config
    assert now.config.env["NEW"] == "1"


def test_an_update_of_a_version_that_is_gone_says_so(sky: Sky) -> None:
    before = web(sky)
    assert before.config
    sky.fly.machines.update("shop", before.id, before.config)
    with pytest.raises(VersionChanged, match="somebody else changed it"):
        sky.fly.machines.update("shop", before.id, before.config, current_version=before.instance_id)


def test_stop_start_and_suspend_are_safe_to_repeat(sky: Sky) -> None:
    machines, machine = sky.fly.machines, web(sky)
    for _ in range(2):
        machines.stop("shop", machine.id, signal="SIGTERM", timeout_s=5)
    assert machines.wait("shop", machine.id, "stopped").state == "stopped"
    for _ in range(2):
        machines.start("shop", machine.id)
    machines.wait("shop", machine.id)
    machines.suspend("shop", machine.id)
    assert machines.wait("shop", machine.id, ["suspended", "stopped"]).state == "suspended"


def test_a_refused_start_is_raised(sky: Sky) -> None:
    machine = web(sky)
    assert machine.config
    created = sky.fly.machines.create("shop", machine.config, key="k", skip_launch=True)
    with pytest.raises(PreconditionFailed):
        sky.fly.machines.start("shop", created.id)


def test_a_restart_keeps_the_version(sky: Sky) -> None:
    machine = web(sky)
    sky.fly.machines.restart("shop", machine.id, signal="SIGINT")
    sky.fly.machines.wait("shop", machine.id, "started")
    assert sky.fly.machines.get("shop", machine.id).instance_id == machine.instance_id


def test_cordon_takes_out_of_rotation_and_uncordon_puts_back(sky: Sky) -> None:
    machine = web(sky)
    sky.fly.machines.cordon("shop", machine.id)
    assert sky.fly.machines.get("shop", machine.id).cordoned
    assert not states.serves(sky.fly.machines.get("shop", machine.id))
    sky.fly.machines.uncordon("shop", machine.id)
    assert not sky.fly.machines.get("shop", machine.id).cordoned


def test_a_running_machine_is_destroyed_by_force_only_and_once_is_enough(sky: Sky) -> None:
    machine = web(sky)
    with pytest.raises(PreconditionFailed):
        sky.fly.machines.destroy("shop", machine.id)
    sky.fly.machines.destroy("shop", machine.id, force=True)
    assert sky.fly.machines.wait("shop", machine.id, "destroyed").state == "destroyed"
    sky.fly.machines.destroy("shop", machine.id)
    sky.fly.machines.destroy("shop", "d0000000000000")
    assert machine.id not in {m.id for m in sky.fly.machines.list("shop")}
    assert machine.id in {m.id for m in sky.fly.machines.list("shop", include_deleted=True)}


def test_waiting_longer_than_the_api_allows_is_many_waits(sky: Sky) -> None:
    machine, began = web(sky), sky.clock.now()
    with pytest.raises(WaitTimeout, match="was not stopped within 150 s; it is started"):
        sky.fly.machines.wait("shop", machine.id, "stopped", timeout_s=150)
    assert 150 <= sky.clock.now() - began < 152
    assert [call.status for call in sky.calls if call.path.endswith("/wait")] == [408, 408, 408]


def test_waiting_for_a_machine_that_is_destroyed_meanwhile(sky: Sky) -> None:
    machine = web(sky)
    sky.fly.machines.destroy("shop", machine.id, force=True)
    with pytest.raises(MachineGone):
        sky.fly.machines.wait("shop", machine.id, "stopped", timeout_s=30)
    assert sky.fly.machines.wait("shop", "d0000000000000", "destroyed").state == "destroyed"


def test_a_wait_outlives_a_bad_moment_of_the_api(sky: Sky) -> None:
    machine = web(sky)
    sky.break_next("status", "GET", "*/wait", status=500)
    assert sky.fly.machines.wait("shop", machine.id).state == "started"


def test_a_wait_that_only_meets_errors_raises_the_last(sky: Sky) -> None:
    sky.twin.faults.add({"kind": "reset_before", "match": {"method": "GET", "path": "*/wait"}})
    with pytest.raises(Exception, match="broke"):
        sky.fly.machines.wait("shop", web(sky).id, timeout_s=20)


def test_a_wait_that_expires_at_once_does_not_spin(sky: Sky) -> None:
    machine = web(sky)
    sky.twin.faults.add({"kind": "status", "status": 408, "match": {"path": "*/wait"}})
    with pytest.raises(WaitTimeout, match="it is unknown"):
        sky.fly.machines.wait("shop", machine.id, timeout_s=30)
    assert len([call for call in sky.calls if call.path.endswith("/wait")]) == 30


def test_a_wait_that_the_api_does_not_take_is_raised_at_once(sky: Sky) -> None:
    with pytest.raises(ApiError, match="unknown state"):
        sky.fly.machines.wait("shop", web(sky).id, "asleep")


def test_versions_hold_the_config_to_go_back_to(sky: Sky) -> None:
    before = web(sky)
    assert before.config
    sky.fly.machines.update("shop", before.id, before.config.with_env({"NEW": "1"}))
    newest, older = sky.fly.machines.versions("shop", before.id)[:2]
    assert newest.user_config.env["NEW"] == "1"
    assert older.version == before.instance_id
    assert "NEW" not in older.user_config.env


def test_events_come_newest_first(sky: Sky) -> None:
    machine = web(sky)
    sky.fly.machines.stop("shop", machine.id)
    sky.fly.machines.wait("shop", machine.id, "stopped")
    events = sky.fly.machines.events("shop", machine.id, limit=5)
    assert events[0].at >= events[-1].at
    exits = [event.exit for event in events if event.exit]
    assert exits
    assert exits[0].requested_stop
    assert not exits[0].is_crash


def test_a_command_runs_inside_a_machine_unless_it_is_leased(sky: Sky) -> None:
    machine = web(sky)
    command = ["curl", "-sf", "http://localhost:8080/health"]
    assert sky.fly.machines.exec("shop", machine.id, command, timeout_s=5, stdin="").exit_code == 0
    with sky.fly.machines.lease("shop", machine.id) as lease:
        with pytest.raises(LeaseHeld):
            sky.fly.machines.exec("shop", machine.id, command)
        assert sky.fly.machines.exec("shop", machine.id, command, nonce=lease.nonce).exit_code == 0


def test_metadata_is_written_without_a_new_version(sky: Sky) -> None:
    machines, machine = sky.fly.machines, web(sky)
    machines.set_metadata("shop", machine.id, "hotops_run", "r1")
    machines.patch_metadata("shop", machine.id, {"hotops_verdict": "good", "hotops_run": None})
    machines.set_metadata("shop", machine.id, "hotops_no_such", None)
    found = machines.metadata("shop", machine.id)
    assert found["hotops_verdict"] == "good"
    assert "hotops_run" not in found
    assert found["fly_platform_version"] == "v2"
    assert machines.get("shop", machine.id).instance_id == machine.instance_id


def test_metadata_meant_for_another_version_is_refused(sky: Sky) -> None:
    machine = web(sky)
    with pytest.raises(VersionChanged):
        sky.fly.machines.patch_metadata("shop", machine.id, {"a": "b"}, machine_version="01OTHER")


def test_an_unknown_machine_is_not_found_and_its_request_is_named(sky: Sky) -> None:
    with pytest.raises(NotFound) as refused:
        sky.fly.machines.get("shop", "d0000000000000")
    assert refused.value.request_id


def test_the_published_limits_are_kept_so_none_is_met() -> None:
    sky = Sky(limits=True)
    fly = sky.client(limited=True)
    machine = fly.machines.list("shop")[0]
    for _ in range(25):
        fly.machines.get("shop", machine.id)
    for _ in range(6):
        fly.machines.list("shop")
        fly.machines.set_metadata("shop", machine.id, "a", "1")
        fly.machines.patch_metadata("shop", machine.id, {"b": "1"})
    assert 429 not in {call.status for call in sky.calls}


def test_without_the_limiter_the_cloud_says_stop_and_the_client_waits() -> None:
    sky = Sky(limits=True)
    for _ in range(8):
        sky.fly.machines.list("shop")
    assert 429 in {call.status for call in sky.calls}
    sky.twin.faults.add({"kind": "status", "status": 429, "match": {"path": "*/machines"}})
    with pytest.raises(RateLimited):
        sky.fly.machines.list("shop")
