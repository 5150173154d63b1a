"""A whole promotion from a script: the same phases in the same order, and the same way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotops.core.context import Context
from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError, NotRestored, RolledBack
from hotops.promote.apart import PartlyPromoted
from hotops.promote.phase import PHASES, PromotePhase
from hotops.promote.phases import PhaseName, PhaseWant

#: The phases of a promotion that goes well, in order.
ORDER: tuple[PhaseName, ...] = tuple(name for name in PHASES if name != "compensate")
#: The phases of one that does not.
ENDING: tuple[PhaseName, ...] = ("compensate", "notify")


def promote(
    context: Context,
    *,
    image: str | None = None,
    version: str | None = None,
    approve: str | None = None,
    check: bool = False,
    on_phase: Callable[[PhaseName, Outcome], None] = lambda _name, _outcome: None,
) -> dict[PhaseName, Outcome]:
    """Promote the selected apps of `context.environment`; returns each phase's outcome.

    Raises what the phases raise (NoGo, RolledBack, NotRestored …); by then whatever this run changed is brought back.
    """
    outcomes: dict[PhaseName, Outcome] = {}
    verdict: dict[str, Any] | None = None
    apart: dict[str, Any] | None = None
    try:
        for name in ORDER:
            want = PhaseWant(phase=name, image=image, version=version, verdict=verdict, approve=approve, apart=apart)
            outcomes[name] = drive(PromotePhase(want, context), check=check)
            verdict = outcomes[name].result.get("verdict", verdict)
            apart = outcomes[name].result.get("apart", apart)
            on_phase(name, outcomes[name])
    except HotopsError as error:
        _end(context, error, check=check)
        raise
    return outcomes


def _end(context: Context, error: HotopsError, *, check: bool) -> None:
    """Bring back what the run changed, then tell. Raises RolledBack or NotRestored where that is how the run ended.

    Whatever else goes wrong here stands beside `error` and does not hide it.
    """
    failure = {"failed": True, "msg": str(error), "failure": error.as_failure()}
    back: dict[str, Any] = {}
    for name in ENDING:
        try:
            outcome = drive(PromotePhase(PhaseWant(phase=name, failure=failure), context), check=check)
        except NotRestored:
            raise
        except HotopsError as other:
            error.details[f"{name}_failed"] = other.as_failure()
        else:
            back = back or outcome.result
    if back.get("restored"):
        kind = PartlyPromoted if back["code"] == PartlyPromoted.code else RolledBack
        raise kind(str(back["message"]), details={"cause": error.as_failure()}) from error
