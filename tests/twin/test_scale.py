"""Scaling an app's machines: what changes, what stays, what it refuses before it asks for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.core.errors import UsageError
from hotops.core.secret import Secret
from hotops.fly import Fly
from hotops.fly.models import Machine
from tests.scale_stage import GROUPS, apps_with, scale, sizes, unwell
from tests.stage import Stage
from tests.twin.stages import APP, FIRST, SECOND, calls, ended, forget_calls, lock_holder, refused

pytestmark = pytest.mark.usefixtures("own_state")

BIG = "shared-1x 2048 MB"
SMALL = "shared-1x 512 MB"


def stage_of(tmp_path: Path, groups: Any = GROUPS, **declared: Any) -> Stage:
    stage = Stage(tmp_path, apps=apps_with(groups, **declared))
    forget_calls(stage)
    return stage


def by_group(stage: Stage, group: str) -> list[Machine]:
    return [machine for machine in stage.living_machines() if machine.process_group == group]


def test_the_floor_of_the_inventory_is_given_to_every_group_and_the_second_run_changes_nothing(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, memory_floor_mb=2048)
    outcome = scale(stage)
    assert outcome.changed
    assert sizes(stage) == {"web": [BIG, BIG], "worker": [BIG]}
    assert unwell(stage) == []
    assert lock_holder(stage) is None
    assert outcome.result["apps"][APP]["worker"]["before"] == [SMALL]
    assert outcome.result["yearly_usd"] == pytest.approx(3 * 12 * 7.5)
    away, *undone = outcome.result["warnings"]
    assert away == f"{APP}/worker runs one machine: it is away while it is replaced."
    assert len(undone) == 2
    assert all("the next deploy undoes this" in said for said in undone)
    stage.clock.sleep(10)  # our own looks used the limit up
    forget_calls(stage)
    again = scale(stage, SECOND)
    assert (again.changed, again.result["yearly_usd"], again.result["warnings"]) == (False, 0, [])
    assert stage.writes() == []
    assert calls(stage) == [f"GET api.machines.dev/v1/apps/{APP}/machines"]


def test_the_plan_is_told_and_nothing_is_written_in_check_mode(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, process_groups={"web": {"count": 3}, "worker": {"memory_mb": 1024}})
    outcome = scale(stage, check=True)
    assert stage.writes() == []
    screen = "\n".join(outcome.result["hotops_screen"])
    assert f"+ {APP}/web/3 (like " in screen
    assert "memory_mb 512 → 1024" in screen
    assert "1 to change, 1 to add, 0 to destroy. Nothing was written." in screen
    assert "USD a year" in screen


def test_a_stopped_machine_gets_its_memory_and_stays_stopped(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    resting = by_group(stage, "web")[1]
    with stage.context() as context:
        context.client(Fly).machines.stop(APP, resting.id)
    stage.clock.sleep(10)
    scale(stage, app=APP, process_group="web", memory_mb=1024)
    assert sizes(stage)["web"] == ["shared-1x 1024 MB"] * 2
    assert unwell(stage, resting=1) == []
    assert {m.id for m in by_group(stage, "web") if m.state == "stopped"} == {resting.id}


def test_only_the_named_group_is_touched_with_the_calls_of_a_deploys_turn(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    before = {machine.id: machine.instance_id for machine in by_group(stage, "worker")}
    forget_calls(stage)
    scale(stage, app=APP, process_group="web", cpus=2, memory_mb=1024)
    assert sizes(stage) == {"web": ["shared-2x 1024 MB"] * 2, "worker": [SMALL]}
    assert {machine.id: machine.instance_id for machine in by_group(stage, "worker")} == before
    machine = f"POST api.machines.dev/v1/apps/{APP}/machines/ID"
    turn = ["/lease", "/metadata/hotops_cordoned_by", "/cordon", "", "/uncordon"]
    asked = [call for call in calls(stage) if call.startswith("POST api.machines.dev")]
    learn = f"POST api.machines.dev/v1/apps/{APP}/secrets"
    assert [call for call in asked if not call.endswith("/lease")] == [
        learn,
        *[f"{machine}{part}" for part in turn[1:]],
        *[f"{machine}{part}" for part in turn[1:]],
    ]


def test_more_machines_are_made_like_the_first_and_fewer_are_drained_the_youngest_first(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    old = {machine.id for machine in by_group(stage, "web")}
    scale(stage, app=APP, process_group="web", count=4, memory_mb=1024)
    made = by_group(stage, "web")
    assert [m.known_config.guest.memory_mb for m in made] == [1024] * 4
    assert unwell(stage) == []
    first = next(machine for machine in made if machine.id in old)
    new = next(machine for machine in made if machine.id not in old)
    assert new.known_config.services == first.known_config.services
    assert new.metadata["fly_process_group"] == "web"
    assert new.metadata["fly_release_version"] == first.metadata["fly_release_version"]
    stage.clock.sleep(60)
    scale(stage, SECOND, app=APP, process_group="web", count=2)
    assert {machine.id for machine in by_group(stage, "web")} == old
    assert unwell(stage) == []


def test_when_machines_rest_is_a_matter_of_their_services(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    scale(stage, app=APP, process_group="web", autostop="suspend", autostart=True, min_machines_running=1)
    services = [service for machine in by_group(stage, "web") for service in machine.known_config.services]
    assert {(s.autostop, s.autostart, s.min_machines_running) for s in services} == {("suspend", True, 1)}
    assert not scale(stage, SECOND, app=APP, process_group="web", autostop="suspend", autostart=True).changed
    error = refused(scale, stage, SECOND, app=APP, process_group="worker", autostop="stop")
    assert ended(error) == ("scale_refused", 3)
    assert "means nothing without a service" in error.message


@pytest.mark.parametrize(
    ("want", "says", "remedy"),
    [
        ({"memory_mb": 1000}, "no size of Fly's has 1000 MB", "nearest"),
        (
            {"memory_mb": 4096, "cpus": 1, "cpu_kind": "shared"},
            "shared-1x has not 4096 MB",
            "4096 MB goes with shared-2x",
        ),
        ({"cpus": 3}, "no machine has 3 CPUs", "1, 2, 4, 6, 8"),
        ({"cpu_kind": "performance", "memory_mb": 1024}, "performance has not 1024 MB", "2048"),
    ],
)
def test_a_size_that_fly_does_not_have_is_refused_before_any_call(
    tmp_path: Path, want: dict[str, Any], says: str, remedy: str
) -> None:
    stage = stage_of(tmp_path)
    error = refused(scale, stage, app=APP, **want)
    assert ended(error) == ("invalid_size", 2)
    assert says in error.message
    assert remedy in error.remedy
    assert calls(stage) == []


def test_a_size_that_does_not_go_with_what_runs_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    error = refused(scale, stage, app=APP, memory_mb=4096)
    assert ended(error) == ("invalid_size", 2)
    assert f"{APP}, group web: shared-1x has not 4096 MB" in error.message
    assert stage.writes() == []


def test_less_than_the_declared_floor_is_refused(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, memory_floor_mb=2048)
    error = refused(scale, stage, app=APP, process_group="worker", memory_mb=1024)
    assert ended(error) == ("below_floor", 2)
    assert calls(stage) == []


def test_nothing_wanted_two_forms_and_unknown_groups_are_refused(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    assert ended(refused(scale, stage)) == ("nothing_wanted", 2)
    assert "it has web, worker" in refused(scale, stage, app=APP, process_group="jobs", memory_mb=512).message
    with pytest.raises(ValueError, match="not both"):
        scale(stage, app=APP, targets=[{"app": APP, "memory_mb": 512}])
    assert stage.writes() == []


def test_an_app_with_an_unaccepted_promotion_is_left_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.phase("check_ready")
    stage.phase("find_source")
    verdict = stage.phase("ask_gates").result["verdict"]
    stage.phase("deploy", verdict=verdict)
    error = refused(scale, stage, FIRST, app=APP, memory_mb=2048)
    assert ended(error) == ("scale_refused", 3)
    assert "was not accepted yet" in error.message


def test_secrets_that_wait_for_a_deploy_are_named_before_they_reach_a_machine(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=apps_with())
    with stage.context() as context:
        context.client(Fly).secrets.set(APP, "SMTP_PASSWORD", Secret("made-up"))
    said = scale(stage, app=APP, memory_mb=1024, check=True).result["warnings"]
    assert any("SMTP_PASSWORD" in text and "wait for a deploy" in text for text in said)


def test_a_host_without_room_ends_with_the_old_sizes(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    machines = stage.living_machines()
    body = "aborted: could not reserve resource for machine: insufficient memory available to fulfill request"
    match = {"method": "POST", "path": f"/v1/apps/{APP}/machines/{by_group(stage, 'web')[1].id}"}
    stage.control(
        "POST", "faults", {"kind": "status", "status": 409, "body": {"error": body}, "match": match, "times": 1}
    )
    error = refused(scale, stage, app=APP, memory_mb=2048)
    assert ended(error) == ("rolled_back", 6)
    assert sizes(stage) == {"web": [SMALL, SMALL], "worker": [SMALL]}
    assert {machine.id for machine in stage.living_machines()} == {machine.id for machine in machines}
    assert unwell(stage) == []
    assert lock_holder(stage) is None


def test_options_are_those_of_one_app_or_of_several(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    targets = [
        {"app": APP, "process_group": "web", "memory_mb": 1024},
        {"app": APP, "process_group": "worker", "memory_mb": 2048},
    ]
    scale(stage, targets=targets)
    assert sizes(stage) == {"web": ["shared-1x 1024 MB"] * 2, "worker": [BIG]}
    with pytest.raises(UsageError):
        scale(stage, targets=[{"app": APP, "memory_mb": 300}])
