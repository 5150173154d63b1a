"""Whether the moment still says no to a run that waits for it: asked by the library, which starts no playbook."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from hotops.core.clock import Clock, rfc3339
from hotops.core.errors import ExitCode
from hotops.core.runs import RunOpening
from hotops.inventory.schema import Environment
from hotops.invocation import invoke
from hotops.registry import operation
from hotops.surroundings import surroundings

#: What a run waits for beside gates: the end of a freeze that stops other things than promotions, and of a lock.
FROZEN, LOCK = "frozen", "lock"
#: How often it is looked whether what is waited for has come.
LOOK_EVERY_S = 300.0
LOCK_EVERY_S = 20.0
#: A hold that goes on says so this often, and at once where it holds for something else.
SAID_EVERY_S = 1800.0
#: Asks whether what is waited for still says no, and why; empty where the run may be started.
Look = Callable[[Environment, Collection[str], tuple[str, ...]], str]


@dataclass(frozen=True)
class Pause:
    """Why one could wait, for the end of what, how long until the first look, and then between looks."""

    why: str
    waits_for: frozenset[str]
    seconds: float
    every_s: float = LOOK_EVERY_S


@dataclass
class Hold:
    """Holds a run until the moment allows it, or until its time is over."""

    environment: Environment
    selection: tuple[str, ...]
    clock: Clock
    progress: Callable[[str], None]
    look: Look
    until: float
    waited_s: float = 0.0

    def ends_well(self, pause: Pause) -> bool:
        """Wait; whether the run is to be started then. Says what it waits for, and that it still does."""
        clock, why, every, said_at = self.clock, pause.why, pause.seconds, 0.0
        while clock.now() < self.until:
            seconds = max(1.0, min(every, self.until - clock.now()))
            if clock.now() - said_at >= SAID_EVERY_S:
                at, until = rfc3339(clock.now() + seconds), rfc3339(self.until)
                self.progress(f"{why}; looking again at {at}, waiting until {until} at most")
                said_at = clock.now()
            clock.sleep(seconds)
            self.waited_s += seconds
            still = self.look(self.environment, pause.waits_for, self.selection)
            if not still:
                return True
            again = f"It still says no ({still})"
            said_at = said_at if why in (again, pause.why) else 0.0
            why, every = again, pause.every_s
        self.progress(f"{why}; nothing was started, and the time to wait is over.")
        return False


def still_says_no(environment: Environment, waits_for: Collection[str], selection: tuple[str, ...]) -> str:
    """Why the run would come no further than before, in words; empty where it may be started.

    Only what it waits for is asked: a few reads, no evidence. A cloud that does not answer is no reason to start, since
    the run itself would ask the same; a run that the gates can't be asked for without itself is started.
    """
    if LOCK in waits_for:
        seen = _asked(environment, "lock", {"action": "show"}, selection)
        return _failure(seen) or ("held" if seen.get("held") and not seen["holder"]["dead"] else "")
    names = sorted({"freeze"} if FROZEN in waits_for else waits_for)
    seen = _asked(environment, "gate", {"names": names, "stop": False}, selection)
    blocking = sorted({row["gate"] for row in seen.get("gates", ()) if row["blocks"]})
    return _failure(seen) or ", ".join(blocking)


def _failure(seen: dict[str, Any]) -> str:
    failed = seen.get("failed") and seen["failure"]["exit_code"] != ExitCode.USAGE
    return str(seen["failure"]["message"]) if failed else ""


def _asked(environment: Environment, name: str, options: dict[str, Any], selection: tuple[str, ...]) -> dict[str, Any]:
    kind = operation(name)
    opening = RunOpening(environment.evidence_path, name, environment.name, environment.env_kind)
    return invoke(
        kind,
        options,
        lambda want: surroundings(
            kind,
            want,
            env_kind=environment.env_kind,
            opening=opening,
            environment=environment,
            selection=selection,
            holder_pid=os.getpid(),
            check=False,
            recorded=False,
        ),
    ).result
