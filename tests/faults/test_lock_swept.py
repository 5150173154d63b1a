"""A lock that is broken, a freeze and a thaw, any call broken or killed anywhere: nobody is shut out for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hotops.core.lock import Holder
from hotops.github.lock import SharedLock, holder_in
from hotops.promote.holding import hold, let_go, lock_of
from tests.faults.repositories import a_world, carries_out, references, repository
from tests.faults.sweep import EVERY, FIRST, Sweep
from tests.stage import Stage

GONE = "20251231T000000Z-promote-stage"
BREAK: Mapping[str, Any] = {"action": "break", "reason": "its runner is gone"}
FREEZE: Mapping[str, Any] = {"state": "frozen", "reason": "holidays"}
OTHER: Mapping[str, Any] = {"state": "frozen", "reason": "an audit"}
THAW: Mapping[str, Any] = {"state": "thawed", "reason": "everybody is back"}


class Seen(NamedTuple):
    """What a colleague on another computer is told: who holds the environment, and why it is frozen."""

    held_by: str | None
    frozen_for: str | None


def seen(stage: Stage) -> Seen:
    """Read in the twin's own books."""
    repo, told = repository(stage), {}
    for kind in ("lock", "freeze"):
        sha = repo.refs.get(f"refs/hotops/{kind}/stage")
        told[kind] = holder_in(_Tag(sha, repo.tags[sha].message)) if sha else None  # type: ignore[arg-type]
    lock, freeze = told["lock"], told["freeze"]
    return Seen(lock and lock.run, freeze and freeze.reason)


class _Tag(NamedTuple):
    sha: str
    message: str


def held_elsewhere(folder: Path) -> Stage:
    """A world whose lock another computer's run has; nothing here tells whether that lives."""
    stage = a_world(folder)
    with stage.context() as context:
        store = lock_of(context, stage.environment)
        assert isinstance(store, SharedLock)
        mine = Holder.of(GONE, "a hotfix", 1, stage.clock)
        assert store.shared.create(replace(mine, host="a runner", place="elsewhere"))
    return stage


def held_here(folder: Path) -> Stage:
    """A world whose lock a run of this computer has, which ended without giving it back."""
    stage = a_world(folder)
    with stage.context(GONE) as context:
        hold(context, stage.environment)
    return stage


def frozen(folder: Path) -> Stage:
    stage = a_world(folder)
    carries_out("freeze", FREEZE)(stage, FIRST)
    return stage


def can_be_taken_and_broken(stage: Stage) -> Iterable[str]:
    """Whoever comes next, on any computer, has the lock at once, and it can be broken at once: as on the first day."""
    for again in (1, 2):
        with stage.context(f"next-{again}") as context:
            hold(context, stage.environment)
            if seen(stage).held_by != f"next-{again}":
                yield f"it is held by {seen(stage).held_by}, not by the run that took it"
        carries_out("lock", BREAK)(stage, f"break-{again}")
        if seen(stage).held_by is not None:
            yield "it can't be broken"
    yield from (f"{name} is left" for name in references(stage) if "/freeze/" not in name)


def can_be_frozen_and_thawed(stage: Stage) -> Iterable[str]:
    for options, expected in ((OTHER, "an audit"), (THAW, None)):
        carries_out("freeze", options)(stage, "next")
        if seen(stage).frozen_for != expected:
            yield f"it is frozen for {seen(stage).frozen_for}, not {expected}"
    with stage.context("a promotion") as context:
        hold(context, stage.environment)
        let_go(context, stage.environment)
    yield from (f"{name} is left" for name in references(stage))


def never_open(stage: Stage) -> Iterable[str]:
    if seen(stage).frozen_for is None:
        yield "promotions are let through while one freeze takes the place of another"


def sweep(name: str, options: Mapping[str, Any], world: Callable[[Path], Stage], **how: Any) -> Sweep[Stage]:
    return Sweep(name, world=world, run=carries_out(name.partition("/")[0], options), state=seen, faults=EVERY, **how)


def frozen_for(reason: str | None) -> Callable[[Seen], bool]:
    return lambda state: state.frozen_for == reason


SWEEPS = (
    *(
        sweep(
            f"lock/{world.__name__}", BREAK, world, wanted=lambda state: state.held_by is None,
            left_behind=can_be_taken_and_broken,
        )
        for world in (held_elsewhere, held_here)
    ),
    sweep("freeze/first", FREEZE, a_world, wanted=frozen_for("holidays"), left_behind=can_be_frozen_and_thawed),
    sweep(
        "freeze/other", OTHER, frozen, wanted=frozen_for("an audit"), left_behind=can_be_frozen_and_thawed,
        meanwhile=never_open,
    ),
    sweep("freeze/thaw", THAW, frozen, wanted=frozen_for(None), left_behind=can_be_frozen_and_thawed),
)  # fmt: skip


@pytest.mark.parametrize("swept", SWEEPS, ids=lambda swept: swept.name)
def test_whatever_breaks_the_next_one_is_not_shut_out(tmp_path: Path, swept: Sweep[Stage]) -> None:
    swept.all_hold(tmp_path, short=8)
