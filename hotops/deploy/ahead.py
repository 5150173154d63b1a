"""What a deploy does ahead of an app's machines: its release record and its release command, and in which phases."""

from __future__ import annotations

from collections.abc import Sequence

from hotops.core.operation import Step
from hotops.deploy import marks
from hotops.deploy.release_command import ReleaseCommand
from hotops.deploy.target import Target
from hotops.fly.models import Machine

#: How the step that runs a release command is named, behind its app.
COMMAND = "/release-command"
#: The phases of release commands; it sorts before all levels.
FIRST = "000-first"


def in_phases(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps in the order of their phases' names, which are made to sort."""
    return tuple(sorted(steps, key=lambda step: step.phase))


def release_step(target: Target, machines: Sequence[Machine], first: str, *, is_first: bool) -> Step:
    """The record of an app's release; `is_first` says that a release command follows it, ahead of all machines."""
    images = sorted({str(marks.image_of(machine)) for machine in machines})
    return Step(
        f"{target.app}/release",
        target.app,
        "create",
        before={"image": ", ".join(images), "first": first},
        after={"image": target.image},
        phase=f"{FIRST}/{target.level:03}/a-release" if is_first else f"{target.level:03}/a-release",
    )


def command_step(target: Target, command: ReleaseCommand) -> Step:
    """All release commands come before all machines, in the train's order: one that fails costs nobody anything."""
    return Step(
        f"{target.app}{COMMAND}",
        target.app,
        "create",
        after={"release_command": command.shown},
        needs=(f"{target.app}/release",),
        phase=f"{FIRST}/{target.level:03}/b-command",
    )
