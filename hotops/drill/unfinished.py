"""Drills that were begun and did not end: who still tidies up, and what the next drill has to."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from hotops.core.clock import rfc3339
from hotops.core.errors import NoGo
from hotops.core.state import private_folder, process_is_alive, process_started, read_json, state_dir, write_atomically
from hotops.drill.exercise import Exercise
from hotops.drill.experiment import load
from hotops.drill.provided import ACTIVITIES
from hotops.drill.record import Record
from hotops.inventory.schema import Environment
from hotops.promote.holding import let_go


@dataclass(frozen=True)
class Begun:
    """A drill that was begun: what it is, where its record lies, and the two processes that could bring all back."""

    run: str
    environment: str
    env_kind: str
    scenario: str
    record: str
    pids: tuple[int, int]
    started: tuple[float | None, float | None] = field(default=(None, None))

    @property
    def is_drilling(self) -> bool:
        return process_is_alive(self.pids[0], self.started[0])

    @property
    def is_tidied_up(self) -> bool:
        """Whether its dead man's handle is at work."""
        return process_is_alive(self.pids[1], self.started[1])


def begin(environment: Environment, run: str, scenario: str, record: Path, handle_pid: int) -> None:
    """Keep that a drill is about to break something."""
    pids = (os.getpid(), handle_pid)
    begun = Begun(
        run, environment.name, environment.env_kind, scenario, str(record.absolute()), pids,
        (process_started(pids[0]), process_started(pids[1])),
    )  # fmt: skip
    write_atomically(_file(run), json.dumps(asdict(begun)))


def end(run: str) -> None:
    """All is as before: nothing of this drill is left. Safe to repeat."""
    _file(run).unlink(missing_ok=True)


def dead(environment: Environment) -> list[Begun]:
    """The environment's drills that died and were not brought back by their handle, the oldest first.

    Raises NoGo while a handle still tidies up: two that bring the same back would get in each other's way.
    """
    found = []
    for path in sorted(_folder().glob("*.begun")):
        kept = read_json(path)
        if kept is None:  # ended meanwhile
            continue
        begun = Begun(**{**kept, "pids": tuple(kept["pids"]), "started": tuple(kept["started"])})
        if (begun.environment, begun.env_kind) != (environment.name, environment.env_kind) or begun.is_drilling:
            continue
        if begun.is_tidied_up:
            raise NoGo(
                f"The drill {begun.run} died, and its dead man's handle is tidying up.",
                remedy=f"Run it again when that has ended; what it does stands in {Path(begun.record).parent}.",
                code="tidying_up",
            )
        found.append(begun)
    return found


def bring_back(present: Exercise, begun: Begun) -> list[str]:
    """Carry the rollbacks of a dead drill out, as its handle would have. Safe to repeat; what was done, a line each.

    It is done in the dead run's name, by which what that made is found; so the lock is in that name meanwhile.
    """
    context, environment, told = present.context, present.environment, list[str]()
    if present.is_locked:
        let_go(context, environment)
    with replace(context, run=begun.run) as mine:
        record = Record(context.clock, Path(begun.record))
        exercise = Exercise(mine, environment, present.apps, record, is_locked=present.is_locked)
        exercise.hold_again()
        try:
            for activity in load(begun.scenario).rollbacks:
                answer = ACTIVITIES[activity.provider.func](exercise, **activity.provider.arguments)
                told.append(f"{rfc3339(context.clock.now())} {activity.name}: {answer}")
        finally:
            let_go(mine, environment)
            present.hold_again()
    end(begun.run)
    return told


def _file(run: str) -> Path:
    return _folder() / f"{run}.begun"


def _folder() -> Path:
    return private_folder(state_dir() / "drills")
