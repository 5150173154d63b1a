"""Predicates over machines."""

from __future__ import annotations

from typing import Any

import pytest

from hotops.fly import states
from hotops.fly.models import Machine

MANAGED = {"fly_platform_version": "v2", "fly_process_group": "web"}


def machine(state: str = "started", metadata: dict[str, str] | None = None, **more: Any) -> Machine:
    config = {"image": "a/b", "metadata": MANAGED if metadata is None else metadata, **more.pop("config", {})}
    return Machine.model_validate({"id": "m1", "state": state, "config": config, **more})


def exit_event(at_ms: int, restarts: int = 0, nested: bool = False, **found: Any) -> dict[str, Any]:
    payload: dict[str, Any] = {"exit_event": found}
    request = {"MonitorEvent": payload} if nested else payload
    return {"type": "exit", "timestamp": at_ms, "request": {**request, "restart_count": restarts}}


@pytest.mark.parametrize("state", ["created", "started", "stopped", "suspended", "failed", "destroyed"])
def test_states_that_last_are_settled(state: str) -> None:
    assert states.is_settled(machine(state))


@pytest.mark.parametrize("state", sorted(states.TRANSIENT))
def test_states_that_pass_are_not(state: str) -> None:
    assert not states.is_settled(machine(state))


def test_deploys_own_marked_living_machines_that_are_no_helpers() -> None:
    assert states.is_managed(machine())
    assert states.is_managed(machine("stopped"))
    assert not states.is_managed(machine("destroyed"))
    assert not states.is_managed(machine(metadata={}))
    for group in states.HELPER_GROUPS:
        assert not states.is_managed(machine(metadata={**MANAGED, "fly_process_group": group}))
    assert not states.is_managed(machine(metadata={"fly_platform_version": "v2", "process_group": "release_command"}))


def test_a_managed_machine_on_a_dead_host_still_counts() -> None:
    lost = Machine.model_validate(
        {
            "id": "m",
            "state": "started",
            "config": None,
            "incomplete_config": {"metadata": MANAGED},
            "host_status": "unknown",
        }
    )
    assert states.is_managed(lost)
    assert not states.is_reachable(lost)


def test_checks_pass_only_when_every_configured_check_has_reported() -> None:
    two = {"checks": {"alive": {}}, "services": [{"checks": [{"path": "/"}]}]}
    rows = [{"name": "alive", "status": "passing"}, {"name": "servicecheck-00-http-8080", "status": "passing"}]
    compatible = {"name": "bg_deployments_compat_0", "status": "critical"}
    assert states.checks_pass(machine(config=two, checks=[*rows, compatible]))
    assert not states.checks_pass(machine(config=two, checks=[rows[0], compatible]))
    assert states.checks_pass(machine())
    failing = machine(config=two, checks=[rows[0], {"name": "web", "status": "critical"}])
    assert not states.checks_pass(failing)
    assert states.failing_checks(failing) == ["web"]


@pytest.mark.parametrize("nested", [False, True])
def test_exits_are_found_in_both_places(nested: bool) -> None:
    found = machine(
        events=[
            exit_event(2000, nested=nested, exit_code=137, oom_killed=True),
            exit_event(1000, nested=nested, exit_code=0, requested_stop=True),
            {"type": "start", "timestamp": 500, "request": None},
        ]
    )
    assert [event.timestamp for event, _ in states.exits_since(found, 0)] == [2000, 1000]
    assert [event.timestamp for event, _ in states.crashes_since(found, 0)] == [2000]
    assert states.was_oom_killed(found)
    assert not states.was_oom_killed(found, 2001)
    assert states.exits_since(found, 1500)[0][1].exit_code == 137


def test_a_crash_loop_is_a_crash_that_is_restarted_again() -> None:
    def seen(**found: Any) -> Machine:
        count = found.pop("restarts", 2)
        return machine(events=[exit_event(1000, count, **found)])

    assert states.is_crash_looping(seen(exit_code=1, restarting=True))
    assert not states.is_crash_looping(seen(exit_code=1, restarting=True, restarts=1))
    assert not states.is_crash_looping(seen(exit_code=1, restarting=False))
    assert not states.is_crash_looping(seen(exit_code=0, restarting=True))
    assert not states.is_crash_looping(seen(exit_code=1, restarting=True, requested_stop=True))
    assert not states.is_crash_looping(machine())


def test_restarts_are_counted_without_those_that_were_asked_for() -> None:
    found = machine(
        events=[
            exit_event(3000, 2, exit_code=1, restarting=True),
            exit_event(2000, 1, exit_code=0, restarting=True),
            exit_event(1000, exit_code=0, restarting=True, requested_stop=True),
        ]
    )
    assert states.restarts_since(found, 0) == 2
    assert states.restarts_since(found, 2500) == 1


def test_a_process_started_when_its_newest_start_is_newer_than_launch_and_exit() -> None:
    assert states.started_at(machine(events=[{"type": "start", "timestamp": 3000}])) == 3.0
    assert states.started_at(machine(events=[exit_event(4000), {"type": "start", "timestamp": 3000}])) is None
    assert states.started_at(machine()) is None


def test_a_passing_state_that_lasts_too_long_is_stuck() -> None:
    stuck = machine("stopping", updated_at="2026-01-01T00:00:00Z")
    assert stuck.updated_at is not None
    assert states.is_stuck(stuck, stuck.updated_at + 301)
    assert not states.is_stuck(stuck, stuck.updated_at + 299)
    assert not states.is_stuck(machine("started", updated_at="2026-01-01T00:00:00Z"), 9e9)


def test_a_machine_serves_when_it_is_started_in_rotation_and_has_a_service() -> None:
    service = {"services": [{"internal_port": 8080}]}
    assert states.serves(machine(config=service))
    assert not states.serves(machine(config=service, cordoned=True))
    assert not states.serves(machine("stopped", config=service))
    assert not states.serves(machine())


def test_two_digests_are_seen() -> None:
    one, two = ({"repository": "shop", "digest": f"sha256:{letter * 64}"} for letter in "ab")
    assert len(states.digests([machine(image_ref=one), machine(image_ref=two), machine()])) == 2


def test_a_standby_is_known_by_its_config() -> None:
    assert states.is_standby(machine("stopped", config={"standbys": ["m2"]}))
    assert states.is_started(machine())
    assert not states.is_standby(machine())
