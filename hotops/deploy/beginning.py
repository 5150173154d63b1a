"""The first thing that a deploy writes: on one machine, that it has begun, so that no rollback goes too far for it.

Between that and the first machine's turn lies a release command of minutes, or less than a second: whoever pulls the
fire exit then wants what ran before this promotion, and that still runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hotops.core.operation import Step
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.models import Machine


def first_of(steps: Iterable[Step], machines: Iterable[Machine]) -> str:
    """The machine that says so: the first that changes (or is replaced), whose turn ends the mark by itself."""
    ids = {machine.id for machine in machines}
    return next(name for step in steps for name in (step.target, str(step.after.get("blue"))) if name in ids)


def say_begun(fly: Fly, app: str, machine_id: str, run: str, machines: Sequence[Machine]) -> None:
    """Mark the machine, and take the mark of a dead run from any other."""
    fly.machines.set_metadata(app, machine_id, marks.BEGAN, run)
    for machine in machines:
        if marks.BEGAN in machine.metadata and machine.id != machine_id:
            fly.machines.set_metadata(app, machine.id, marks.BEGAN, None)


def unsay_begun(fly: Fly, app: str, run: str) -> None:
    """Take the run's own mark away: everything is as before."""
    for machine in fly.machines.list(app):
        if machine.metadata.get(marks.BEGAN) == run:
            fly.machines.set_metadata(app, machine.id, marks.BEGAN, None)
