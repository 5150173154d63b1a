"""The dead man's handle: another process that tidies up when the one that drills dies.

A killed run neither undoes nor cleans anything. So before the first fault a second process is started that holds one
end of a pipe: when the pipe closes without a word of farewell, the drill is dead, and it carries the rollbacks out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from hotops.drill.exercise import Exercise
    from hotops.drill.experiment import Activity

FAREWELL = b"done\n"
LOG = "deadman.log"
#: How long it waits before it tries again what a cloud refused; then the next drill brings back what is left.
PATIENCE_S = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0)
#: All that it needs: the sandbox's tokens stand in its state file, and no exported credential is any of its business.
_HANDED = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "HOTOPS_STATE_DIR", "HOTOPS_CACHE_DIR"})


class DeadMan:
    """The handle, held by the process that drills. `let_go` ends it in peace."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    def grip(cls, inventory: Path, record: Path, scenario: str, run: str, *, handed: Iterable[str] = ()) -> Self:
        """Start the second process; it is no child that a terminal's Ctrl-C or a dying parent takes along.

        `handed` names variables that its rollbacks need, such as the one with the restore's connection string.
        """
        known = _HANDED.union(handed)
        path = record.parent / LOG
        with path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "hotops.drill.deadman", str(inventory), str(record), scenario, run],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if name in known},
            )
        return cls(process, path)

    @property
    def pid(self) -> int:
        return self._process.pid

    def let_go(self) -> None:
        """The drill ended by itself: nothing is left to do. Safe to repeat."""
        if self._process.stdin is None or self._process.stdin.closed:
            return
        try:
            self._process.stdin.write(FAREWELL)
            self._process.stdin.close()
        except BrokenPipeError:
            return  # it ended before: there was nothing that it could still have done
        self._process.wait(timeout=30)
        if self._log.stat().st_size == 0:
            self._log.unlink()  # it had nothing to do and nothing to tell


def watch(inventory: str, record: str, scenario: str, run: str) -> int:
    """Wait for the end of the pipe; then carry the scenario's rollbacks out, if nobody said farewell."""
    if sys.stdin.buffer.read() == FAREWELL:
        return 0
    from hotops.core.clock import rfc3339
    from hotops.core.context import Context
    from hotops.core.world import World
    from hotops.drill import unfinished
    from hotops.drill.exercise import Exercise
    from hotops.drill.experiment import load
    from hotops.drill.record import Record
    from hotops.inventory.listing import load_environment

    environment = load_environment(inventory)
    with Context(world=World.of(environment.env_kind), environment=environment, run=run) as context:
        exercise = Exercise(context, environment, tuple(environment.in_order()), Record(context.clock, Path(record)))
        sys.stderr.write(f"{rfc3339(context.clock.now())} the drill {run} died: tidying up\n")
        for activity in load(scenario).rollbacks:
            told = _tried(exercise, activity)
            sys.stderr.write(f"{rfc3339(context.clock.now())} {activity.name}: {told}\n")
        exercise.record.note(tidied_up_by="the dead man's handle")
        unfinished.end(run)
    return 0


def _tried(exercise: Exercise, activity: Activity) -> object:
    """One rollback, again and again while a cloud refuses it: nobody else looks. Raises what it said last."""
    from hotops.core.errors import HotopsError
    from hotops.drill.provided import ACTIVITIES

    clock = exercise.context.clock
    for pause_s in (*PATIENCE_S, None):
        try:
            return ACTIVITIES[activity.provider.func](exercise, **activity.provider.arguments)
        except HotopsError as error:
            if pause_s is None:
                raise
            sys.stderr.write(f"not yet: {error.message} Again in {pause_s:g} s.\n")
            clock.sleep(pause_s)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    sys.exit(watch(*sys.argv[1:5]))
