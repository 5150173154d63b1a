"""A canary serves among the old machines while it is watched: worse ones go back before the rest is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stage import Stage

RUN = "20260101T000000Z-promote-stage"


def canary_stage(tmp_path: Path, **more: object) -> Stage:
    settings = {"deploy_strategy": "canary", "watch_s": 600, "watch": {"interval_s": 10}, **more}
    return Stage(tmp_path, **settings)


def second_machine_was_left_alone(stage: Stage) -> bool:
    """Whether only the first machine was ever updated."""
    updates = [write for write in stage.writes() if write.startswith("POST") and write.count("/") == 5]
    return len({write for write in updates if "/machines/" in write}) == 1


def test_a_good_canary_is_followed_by_the_rest(tmp_path: Path) -> None:
    stage = canary_stage(tmp_path)
    stage.promote(RUN)
    assert stage.tags() == {"v42"}


@pytest.mark.parametrize("fault", ["error3pct", "slow", "oom", "crash", "wrong-path"])
def test_a_bad_canary_goes_back_alone(tmp_path: Path, fault: str) -> None:
    # Two requests a second are thin: one error in 33 is told from chance in some ten minutes.
    stage = canary_stage(tmp_path, watch_s=1800 if fault == "error3pct" else 600)
    stage.push(f"v43-prod-{fault}")
    before = stage.clock.now()
    failure = stage.failure_of_promotion(RUN)
    assert failure is not None, f"{fault} was not noticed in {stage.clock.now() - before:.0f} s"
    assert failure.failure_code == "rolled_back"
    assert stage.tags() == {"v41"}
    assert second_machine_was_left_alone(stage)
    assert {machine.state for machine in stage.machines()} == {"started"}


def test_a_slow_canary_is_told_by_its_own_answer_times(tmp_path: Path) -> None:
    stage = canary_stage(tmp_path)
    stage.push("v43-prod-slow")
    failure = stage.failure_of_promotion(RUN)
    assert failure is not None
    cause = str(failure.details["cause"])
    assert "canary_worse" in cause
    assert "ms before" in cause


def test_a_group_with_one_machine_has_no_canary(tmp_path: Path) -> None:
    stage = canary_stage(tmp_path)
    stage.control("POST", "machines", {"app": "shop-production", "id": stage.machines()[1].id, "do": "stop"})
    failure = stage.failure_of_promotion(RUN)
    assert failure is not None
    assert failure.failure_code == "strategy_refused"
    assert stage.writes() == []
