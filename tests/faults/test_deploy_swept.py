"""A deploy by itself, every strategy, with any of its calls broken or killed anywhere: all new, or as before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hotops.core.driver import drive
from hotops.deploy import marks
from hotops.deploy.deploy import STRATEGIES, Deploy
from hotops.deploy.release_command import GROUP
from hotops.deploy.target import DeployWant, Target
from hotops.deploy.verdict import issue
from tests.faults.fleets import Fleet, fleet, leases, unserved
from tests.faults.sweep import Sweep, nothing
from tests.stage import Stage
from tests.twin.stages import APP

#: Cases of the short form.
SHORT = {"rolling": 12, "bluegreen": 12, "canary": 8, "immediate": 6}
SHORT_OF_COMMAND = {"rolling": 8, "bluegreen": 4, "canary": 3, "immediate": 3}


def deploying(stage: Stage, run: str, strategy: str) -> None:
    """Decide what is to be there, sign it, and carry it out: what a script would do with gates of its own."""
    image = next(str(machine.image_ref) for machine in stage.machines("shop-staging"))
    target = Target(app=APP, image=image, strategy=strategy, drain_s=6)
    with stage.context(run) as context:
        looking = Deploy(DeployWant(targets=(target,)), context)
        looking.canary_watch = lambda _app: None
        verdict = issue(
            run=run,
            environment="stage",
            env_kind="sandbox",
            plan_id=looking.plan(looking.observe()).id,
            images={APP: image},
            baseline_ms={},
            now=stage.clock.now(),
            valid_s=900,
        )
        deploy = Deploy(DeployWant(targets=(target,), verdict=verdict.signed()), context)
        deploy.canary_watch = lambda _app: None
        drive(deploy)


def is_deployed(seen: Fleet) -> bool:
    """Two machines serve, both new; beside them at most the two old ones, which wait, stopped, for a verdict."""
    serving = [machine for machine in seen[APP] if machine.state != "stopped"]
    waiting = [machine for machine in seen[APP] if machine.state == "stopped"]
    return (
        [(machine.tag, machine.state, machine.cordoned) for machine in serving] == [("v42", "started", False)] * 2
        and {(machine.tag, machine.cordoned) for machine in waiting} <= {("v41", True)}
        and len(waiting) in (0, 2)
    )


def with_command(folder: Path) -> Stage:
    """Before its machines, the app has a release command to run."""
    return Stage(folder, sandbox={"release_command": "bin/warm"})


def commands_left(stage: Stage) -> list[str]:
    """Leases, machines of release commands, ended or not, and marks of one that began."""
    began = [machine.id for machine in stage.living_machines() if marks.BEGAN in machine.metadata]
    left = [machine.id for machine in stage.living_machines() if machine.process_group == GROUP]
    said = [f"{machine} says that a run began" for machine in began]
    return leases(stage) + said + [f"machine {machine} of a release command is left" for machine in left]


def deploy(strategy: str, world: Callable[[Path], Stage] = Stage) -> Sweep[Stage]:
    has_command = world is with_command
    return Sweep(
        f"deploy/{strategy}{'/command' if has_command else ''}",
        world=world,
        run=lambda stage, run: deploying(stage, run, strategy),
        state=fleet,
        wanted=is_deployed,
        left_behind=commands_left,
        meanwhile=nothing if strategy == "immediate" else unserved,
    )


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_a_broken_or_killed_deploy_is_all_new_or_as_before_after_a_rerun(tmp_path: Path, strategy: str) -> None:
    deploy(strategy).all_hold(tmp_path, short=SHORT[strategy])


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_a_deploy_whose_release_command_breaks_or_dies_is_all_new_or_as_before(tmp_path: Path, strategy: str) -> None:
    deploy(strategy, with_command).all_hold(tmp_path, short=SHORT_OF_COMMAND[strategy])
