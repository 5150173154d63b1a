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


def left_behind(machines: Sequence[Machine]) -> Sequence[Machine]:
    """The machines whose image goes: those of the newest run; if it died half-way the others are as they were.

    What an earlier try brought back already runs where the rest is to go: its image is not the one to leave.
    """
    there = [machine for machine in machines if marks.RESTORED_BY not in machine.metadata]
    newest = max((marks.run_of(machine) or "" for machine in there), default="")
    return [machine for machine in there if newest and marks.run_of(machine) == newest] or machines
