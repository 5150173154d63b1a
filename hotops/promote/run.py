"""A whole promotion from a script: the same phases in the same order, and the same way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotops.core.context import Context
from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError, RolledBack
from hotops.promote.phase import PHASES, PromotePhase
from hotops.promote.phases import PhaseName, PhaseWant

#: The phases of a promotion that goes well, in order.
ORDER: tuple[PhaseName, ...] = tuple(name for name in PHASES if name != "compensate")


def promote(
    context: Context,
    *,
    image: str | None = None,
    version: str | None = None,
    check: bool = False,
    on_phase: Callable[[PhaseName, Outcome], None] = lambda _name, _outcome: None,
) -> dict[PhaseName, Outcome]:
    """Promote the selected apps of `context.environment`; returns each phase's outcome.

    Raises what the phases raise (NoGo, RolledBack, NotRestored …); by then whatever this run changed is brought back.
    """
    outcomes: dict[PhaseName, Outcome] = {}
    verdict: dict[str, Any] | None = None
    try:
        for name in ORDER:
            want = PhaseWant(phase=name, image=image, version=version, verdict=verdict)
            outcomes[name] = drive(PromotePhase(want, context), check=check)
            verdict = outcomes[name].result.get("verdict", verdict)
            on_phase(name, outcomes[name])
    except HotopsError as error:
        failure = {"failed": True, "msg": str(error), "failure": error.as_failure()}
        back = drive(PromotePhase(PhaseWant(phase="compensate", failure=failure), context), check=check).result
        drive(PromotePhase(PhaseWant(phase="notify", failure=failure), context), check=check)
        if back["restored"]:
            raise RolledBack(str(back["message"]), details={"cause": error.as_failure()}) from error
        raise
    return outcomes
