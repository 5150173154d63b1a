"""Which machines a rollback is about: whose change was never accepted, by which run, and what is left behind."""

from __future__ import annotations

from collections.abc import Sequence

from hotops.deploy import marks
from hotops.fly.models import Machine


def goes_back(machine: Machine, machines: Sequence[Machine]) -> bool:
    """Whether a machine was never accepted, or was changed by a run that left one unaccepted: no app stays mixed."""
    if marks.is_pending(machine) or marks.is_cordoned_by_run(machine):
        return True
    unaccepted = {marks.run_of(other) for other in machines if marks.is_pending(other)}
    return marks.run_of(machine) in unaccepted and marks.RESTORED_BY not in machine.metadata


def changed_by(machine: Machine) -> str:
    """The run that last touched the machine: put its configuration there, or put a green in its place."""
    return machine.metadata.get(marks.REPLACED_BY) or marks.run_of(machine) or ""


def left_behind(machines: Sequence[Machine]) -> Sequence[Machine]:
    """The machines whose image goes: those of the newest run; if it died half-way the others are as they were."""
    newest = max((marks.run_of(machine) or "" for machine in machines), default="")
    return [machine for machine in machines if newest and marks.run_of(machine) == newest] or machines
