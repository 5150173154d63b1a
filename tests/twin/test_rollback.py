"""The fire exit: which release comes back, with what, of which apps, and what it does when half the cloud is away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.deploy.rollback import Rollback, RollbackWant
from hotops.fly import Fly
from tests.documented import as_documented
from tests.stage import Stage
from tests.twin.stages import APP, SECOND, THIRD, calls, ended, forget_calls, in_one_order, refused, told, wrong_with

pytestmark = pytest.mark.usefixtures("own_state")

TWO_APPS: Mapping[str, Any] = {
    "shop-api": {"promote_from": "api-staging"},
    "shop-web": {"promote_from": "web-staging", "after": ["shop-api"]},
}


def rollback(stage: Stage, run: str = SECOND, **want: Any) -> Outcome:
    with in_one_order(), stage.context(run) as context:
        return as_documented("fly_rollback", drive(Rollback(RollbackWant(**want), context)))


def promoted(tmp_path: Path, **declared: Any) -> Stage:
    stage = Stage(tmp_path, **declared)
    stage.promote()
    forget_calls(stage)
    return stage


def broken(stage: Stage, surface: str, status: int = 500) -> None:
    stage.control("POST", "faults", {"kind": "status", "status": status, "match": {"surface": surface}})


def scaled(stage: Stage, memory_mb: int, env: dict[str, str]) -> None:
    """Somebody changes size and environment of all machines, beside hotops."""
    with stage.context() as context:
        fly = context.client(Fly)
        for machine in stage.machines():
            config = machine.known_config.with_guest(memory_mb=memory_mb).with_env(env)
            fly.machines.update(APP, machine.id, config)
    stage.clock.sleep(20)


def test_the_release_before_the_promotion_comes_back_and_the_records_say_so(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    outcome = rollback(stage)
    assert outcome.changed
    assert outcome.result["apps"][APP]["version"] == 41
    assert told(stage)[:3] == [(43, "complete", "v41"), (42, "failed", "v42"), (41, "complete", "v41")]
    assert wrong_with(stage, tag="v41") == []


def test_failed_and_running_releases_are_passed_over_and_named(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    app = stage.twin.world.apps[APP]
    app.releases[-2].status = "failed"
    app.releases[-3].status = "running"
    outcome = rollback(stage, apps=(APP,))
    assert outcome.result["apps"][APP]["version"] == 38
    assert outcome.result["apps"][APP]["passed_over"] == ["v40 is failed", "v39 is running"]
    assert wrong_with(stage, tag="v38") == []


def test_an_image_that_the_registry_has_pruned_is_passed_over(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    stage.control("POST", "prune", {"app": APP, "tag": "v41"})
    outcome = rollback(stage)
    assert outcome.result["apps"][APP]["version"] == 40
    assert "is gone from the registry" in outcome.result["apps"][APP]["passed_over"][0]
    assert wrong_with(stage, tag="v40") == []


def test_the_present_image_under_another_release_is_no_way_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.push("v41", app=APP, age_s=0)  # deployed again: release 42 has the image of 41
    stage.clock.sleep(20)
    outcome = rollback(stage, apps=(APP,))
    assert outcome.result["apps"][APP]["version"] == 40
    assert outcome.result["apps"][APP]["passed_over"] == ["v41 is the image that runs now"]


def test_memory_and_environment_that_were_changed_after_the_promotion_come_back_too(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    before = {machine.id: machine.known_config for machine in stage.machines()}
    stage.promote()
    scaled(stage, 2048, {"FEATURE": "on"})
    rollback(stage)
    for machine in stage.machines():
        config = machine.known_config
        assert config.guest.memory_mb == before[machine.id].guest.memory_mb == 1024
        assert config.env == before[machine.id].env
        assert config.services == before[machine.id].services
    assert wrong_with(stage, tag="v41") == []


def test_memory_that_was_changed_before_the_promotion_is_kept(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    scaled(stage, 2048, {"FEATURE": "on"})
    stage.promote()
    rollback(stage)
    assert {machine.known_config.guest.memory_mb for machine in stage.machines()} == {2048}
    assert {machine.known_config.env["FEATURE"] for machine in stage.machines()} == {"on"}


def test_secrets_written_since_are_named_since_they_do_not_come_back(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    stage.clock.sleep(5)
    stage.control("POST", "secrets", {"app": APP, "set": {"SESSION_SECRET": "other"}, "staged": True})
    result = rollback(stage).result
    assert result["apps"][APP]["secrets_changed"] == ["SESSION_SECRET"]
    assert result["warnings"] == [
        f"{APP}: secrets written since that release stay as they are: SESSION_SECRET.",
    ]


def test_only_the_apps_of_the_last_promotion_are_touched(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=TWO_APPS)
    stage.promote()
    stage.push("v43", app="api-staging")
    with stage.context(SECOND, selection=("shop-api",)) as context:
        from hotops.promote.run import promote

        promote(context)
    assert (stage.tags("shop-api"), stage.tags("shop-web")) == ({"v43"}, {"v42"})
    outcome = rollback(stage, THIRD)
    assert (outcome.result["undone_run"], list(outcome.result["apps"])) == (SECOND, ["shop-api"])
    assert wrong_with(stage, "shop-api", tag="v42") == []
    assert wrong_with(stage, "shop-web", tag="v42") == []


def test_a_named_release_comes_back_though_it_is_not_the_newest(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    assert rollback(stage, version=39).result["apps"][APP]["version"] == 39
    assert wrong_with(stage, tag="v39") == []


def test_a_release_that_there_is_not_is_an_error_and_nothing_moves(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    error = refused(rollback, stage, version=7)
    assert ended(error) == ("no_way_back", 1)
    assert "release v7" in error.message
    assert stage.writes() == []


def test_where_nothing_was_promoted_there_is_nothing_to_roll_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    error = refused(rollback, stage)
    assert ended(error) == ("nothing_to_roll_back", 1)
    assert "hotops rollback ENV shop-production " in error.remedy
    assert stage.writes() == []


def test_without_an_older_release_there_is_no_way_back_and_that_is_said(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    for release in stage.twin.world.apps[APP].releases[:-1]:
        release.status = "failed"
    error = refused(rollback, stage)
    assert ended(error) == ("no_way_back", 1)
    assert "v41 is failed" in error.message
    assert stage.writes() == []
    assert wrong_with(stage, tag="v42") == []


def test_a_second_rollback_does_not_flip_back_to_what_was_left(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    rollback(stage)
    forget_calls(stage)
    again = rollback(stage, THIRD)
    assert not again.changed
    assert f"brought back already by run {SECOND}" in again.result["hotops_screen"][0]
    assert stage.writes() == []
    assert wrong_with(stage, tag="v41") == []
    assert rollback(stage, THIRD, apps=(APP,)).result["apps"][APP]["version"] == 40
    assert told(stage)[:3] == [(44, "complete", "v40"), (43, "complete", "v41"), (42, "failed", "v42")]
    assert (41, "complete", "v41") in told(stage), "what was good before is not called failed"


def test_after_a_rollback_the_mended_image_can_be_promoted_and_rolled_back_again(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    rollback(stage)
    stage.push("v43")
    stage.promote(THIRD)
    assert wrong_with(stage, tag="v43") == []
    assert rollback(stage, "20260101T030000Z-rollback-stage").result["apps"][APP]["version"] == 43
    assert wrong_with(stage, tag="v41") == []


def test_without_release_records_the_machines_own_history_is_the_way_back(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    broken(stage, "uiex")
    broken(stage, "graphql")
    result = rollback(stage).result
    stage.control("DELETE", "faults")
    assert wrong_with(stage, tag="v41") == []
    assert any("the machines' own history" in warning for warning in result["warnings"])
    assert any("could not be recorded" in warning for warning in result["warnings"])


def test_without_release_records_a_named_release_can_not_be_found_and_nothing_moves(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    broken(stage, "uiex", 503)
    error = refused(rollback, stage, version=40)
    assert ended(error) == ("server_error", 1)
    assert stage.writes() == []


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_registry_that_does_not_answer_holds_nothing_up(tmp_path: Path, status: int) -> None:
    stage = promoted(tmp_path)
    broken(stage, "registry", status)
    began = stage.clock.now()
    rollback(stage)
    moved = next(e for e in stage.control("GET", "log")["entries"] if e["effect"] == "write")
    assert moved["at"] - began <= 5
    assert wrong_with(stage, tag="v41") == []


def test_a_registry_that_hangs_does_not_keep_the_first_machine_longer_than_five_seconds(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    stage.control("POST", "faults", {"kind": "latency", "seconds": 60, "match": {"surface": "registry"}})
    began = stage.clock.now()
    rollback(stage)
    moved = next(e for e in stage.control("GET", "log")["entries"] if e["effect"] == "write")
    assert moved["at"] - began <= 5


def test_stopped_machines_get_the_older_release_and_stay_stopped(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    resting = stage.machines()[0].id
    stage.control("POST", "machines", {"app": APP, "id": resting, "do": "stop"})
    stage.clock.sleep(20)
    stage.promote()
    rollback(stage)
    assert stage.tags() == {"v41"}
    assert {machine.state for machine in stage.machines() if machine.id == resting} == {"stopped"}
    assert {machine.state for machine in stage.machines() if machine.id != resting} == {"started"}


def test_a_machine_that_crashed_for_good_comes_back_started(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    with stage.context() as context:
        machine = stage.machines()[0]
        stage.control("POST", "push", {"app": APP, "tag": "v44-crash", "deploy": False})
        image = f"registry.fly.io/{APP}:v44-crash"
        context.client(Fly).machines.update(APP, machine.id, machine.known_config.with_image(image))
    stage.clock.sleep(600)
    assert "stopped" in {machine.state for machine in stage.machines()}
    rollback(stage)
    assert wrong_with(stage, tag="v41") == []


def test_a_machine_that_can_not_be_brought_back_wakes_someone(tmp_path: Path) -> None:
    stage = promoted(tmp_path)
    broken_machine = stage.machines()[0].id
    match = {"surface": "machines", "method": "POST", "path": f"*/machines/{broken_machine}"}
    stage.control("POST", "faults", {"kind": "status", "status": 400, "match": match})
    error = refused(rollback, stage)
    assert ended(error) == ("not_restored", 7)
    assert broken_machine in error.message
    stage.control("DELETE", "faults")
    assert not [machine.id for machine in stage.machines() if machine.cordoned], "what still runs serves on"
    rollback(stage, THIRD)
    assert wrong_with(stage, tag="v41") == []


def test_a_train_goes_out_in_order_and_one_failure_brings_all_of_it_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=TWO_APPS)
    stage.push("v43-prod-crash", app="web-staging")
    error = refused(stage.promote)
    assert ended(error) == ("rolled_back", 6)
    assert wrong_with(stage, "shop-api", tag="v41") == []
    assert wrong_with(stage, "shop-web", tag="v41") == []
    for app, tag in (("shop-api", "v42"), ("shop-web", "v43-prod-crash")):
        assert (42, "failed", tag) in told(stage, app)


def test_a_train_waits_for_each_app_before_the_next_and_comes_back_whole(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=TWO_APPS)
    forget_calls(stage)
    stage.promote()
    updates = [call for call in calls(stage) if call.endswith("/machines/ID") and call.startswith("POST")]
    apps = [call.split("/apps/")[1].split("/")[0] for call in updates]
    assert apps == ["shop-api", "shop-api", "shop-web", "shop-web"]
    outcome = rollback(stage)
    assert set(outcome.result["apps"]) == {"shop-api", "shop-web"}
    assert wrong_with(stage, "shop-api", tag="v41") == []
    assert wrong_with(stage, "shop-web", tag="v41") == []
