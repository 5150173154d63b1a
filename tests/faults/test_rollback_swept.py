"""The fire exit with any of its calls broken, or killed anywhere: after an accepted promotion, and after a dead one."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.core.driver import Outcome, drive
from hotops.deploy.deploy import STRATEGIES
from hotops.deploy.rollback import Rollback, RollbackWant
from tests.faults.fleets import fleet, left_on_machines, quiet, runs, unserved_soon
from tests.faults.sweep import Killed, Sweep
from tests.stage import Stage

#: Cases of each short form.
SHORT = 6
EARLIER = "20251231T230000Z-promote-stage"


def promoted(folder: Path, strategy: str) -> Stage:
    stage = quiet(folder, deploy_strategy=strategy)
    stage.promote(EARLIER)
    stage.clock.sleep(30)
    return stage


def died_before_its_watch(folder: Path, strategy: str) -> Stage:
    """Everything is new, nothing is accepted, and nobody is there any more."""

    def die(phase: str, _outcome: Outcome) -> None:
        if phase == "verify":
            raise Killed

    stage = quiet(folder, deploy_strategy=strategy)
    with pytest.raises(Killed):
        stage.promote(EARLIER, on_phase=die)
    stage.clock.sleep(30)
    return stage


def roll_back(stage: Stage, run: str) -> None:
    with stage.context(run) as context:
        drive(Rollback(RollbackWant(), context))


def sweep(name: str, strategy: str) -> Sweep[Stage]:
    world = {"accepted": promoted, "died": died_before_its_watch}[name]
    return Sweep(
        f"rollback/{name}/{strategy}",
        world=lambda folder: world(folder, strategy),
        run=roll_back,
        state=fleet,
        wanted=runs("v41"),
        left_behind=left_on_machines,
        meanwhile=unserved_soon,
        may_stop_half_way=True,
    )


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@pytest.mark.parametrize("name", ["accepted", "died"])
def test_a_broken_or_killed_rollback_is_finished_by_a_rerun(tmp_path: Path, name: str, strategy: str) -> None:
    sweep(name, strategy).all_hold(tmp_path, short=SHORT)
