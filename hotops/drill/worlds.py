"""Where a fault may be made: the controls of the sandbox, and nothing else."""

from __future__ import annotations

from hotops.core.errors import UsageError
from hotops.core.sandbox_control import ControlClient
from hotops.core.world import sandbox_state
from hotops.drill.exercise import Exercise


class FaultRefused(UsageError):
    """This fault is not made in this world."""

    code = "fault_refused"


def sandbox_control(exercise: Exercise, what: str) -> ControlClient:
    """The controls of the sandbox. Raises FaultRefused on live clouds: there such a thing only happens by itself."""
    state = sandbox_state() if exercise.environment.env_kind == "sandbox" else None
    if state is None:
        raise FaultRefused(
            f"hotops does not {what} on live clouds.",
            remedy="Run this scenario on a sandbox inventory; on live ones drill a restore into an isolated target.",
        )
    return ControlClient(state)
