"""The fire exit by hand after a promotion killed anywhere: back to what ran before that one, and no further."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from hotops.core.driver import drive
from hotops.core.parallel import max_workers
from hotops.deploy import marks
from hotops.deploy.deploy import STRATEGIES
from hotops.deploy.rollback import Rollback, RollbackWant
from hotops.fly.states import is_managed, is_started
from tests.faults.fleets import leases, left_on_machines, unserved_soon
from tests.faults.sweep import FIRST, CountingJournal, CountingTransport, Killed, Moments
from tests.stage import Stage

EARLIER = "20251231T230000Z-promote-stage"
BY_HAND = "20260101T001000Z-rollback-stage"
AND_AGAIN = "20260101T002000Z-rollback-stage"
#: Moments of the short form, beside all between the beginning and the first machine.
SHORT = 2


def promoted_once(folder: Path, strategy: str, command: str) -> Stage:
    """v42 is accepted, staging has v43, and the app has a release command or none."""
    folder.mkdir(parents=True)
    sandbox = {"traffic_rps": 0, **({"release_command": command} if command else {})}
    stage = Stage(folder, sandbox=sandbox, deploy_strategy=strategy)
    stage.promote(EARLIER)
    stage.push("v43")
    stage.clock.sleep(30)
    return stage


def killed_at(stage: Stage, moment: int | None) -> Moments:
    """The second promotion, which dies before that moment; 20 s later its leases are over."""
    moments = Moments(dies_at=moment)
    stage.wrap, stage.journal = lambda inner: CountingTransport(inner, moments), CountingJournal(moments)
    if moment is None:
        stage.promote(FIRST)
    else:
        with pytest.raises(Killed):
            stage.promote(FIRST)
    plain = Moments()
    stage.wrap, stage.journal = lambda inner: CountingTransport(inner, plain), CountingJournal(plain)
    stage.clock.sleep(20)
    return moments


def roll_back(stage: Stage, run: str) -> str:
    """The run that the rollback says it undid."""
    token = max_workers.set(1)
    try:
        with stage.context(run) as context:
            return str(drive(Rollback(RollbackWant(), context)).result["undone_run"])
    finally:
        max_workers.reset(token)


def first_turn(passed: list[str], begins: int, strategy: str, command: str) -> int:
    """The moment at which the first machine's turn begins: its lease, or the making of the first green."""
    word = "/machines" if strategy == "bluegreen" else "/lease"
    turns = [at for at, what in enumerate(passed, 1) if at > begins and what[:5] == "POST " and what.endswith(word)]
    return turns[1 if command and strategy == "bluegreen" else 0]


def wrong_after(stage: Stage, begun: bool) -> list[str]:
    """What is not as it has to be once somebody rolled back by hand, and then once more."""
    undone = roll_back(stage, BY_HAND)
    wrong = [] if undone == (FIRST if begun else EARLIER) else [f"it undid {undone}"]
    wanted = {"v42"} if begun else {"v41"}
    wrong += unserved_soon(stage) + left_on_machines(stage) + leases(stage)
    # A release command's machine that was made and never started serves nobody; the next promotion's look removes it.
    runs = {m.image_ref.tag for m in stage.machines() if m.image_ref and is_managed(m)}
    wrong += [] if runs == wanted else [f"it runs {runs}, not {wanted}"]
    wrong += [f"{m.id} runs beside the app's machines" for m in stage.machines() if not is_managed(m) and is_started(m)]
    wrong += [f"{m.id} says that a run began" for m in stage.machines() if marks.BEGAN in m.metadata]
    return wrong


#: The others differ from these in their machines' turns alone, which the long form has.
SHORT_OF = (("rolling", ""), ("rolling", "bin/warm"), ("bluegreen", "bin/warm"))
EACH = [
    pytest.param(strategy, command, marks=() if (strategy, command) in SHORT_OF else pytest.mark.soak)
    for strategy in sorted(STRATEGIES)
    for command in ("", "bin/warm")
]


@pytest.mark.parametrize(("strategy", "command"), EACH)
def test_a_rollback_after_a_killed_promotion_undoes_that_one(tmp_path: Path, strategy: str, command: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state-0"))
        passed = killed_at(promoted_once(tmp_path / "0", strategy, command), None).passed
        begins = next(at for at, what in enumerate(passed, 1) if what.endswith(f"/metadata/{marks.BEGAN}"))
        first = first_turn(passed, begins, strategy, command)
        every = range(begins, len(passed) + 1)
        drawn = random.Random(f"{strategy} {command}").sample(every[first - begins :], SHORT)
        near = {begins, begins + 1, first}
        chosen = list(every) if os.environ.get("HOTOPS_SOAK") else sorted({*near, *drawn})
        wrong: list[str] = []
        for moment in chosen:
            patch.setenv("HOTOPS_STATE_DIR", str(tmp_path / f"state-{moment}"))
            stage = promoted_once(tmp_path / str(moment), strategy, command)
            killed_at(stage, moment)
            found = wrong_after(stage, begun=moment > begins)
            told = f"killed before moment {moment} ({passed[moment - 1]})"
            wrong += [f"{told}: {'; '.join(found)}"] if found else []
    print(f"rollback/killed/{strategy}{'/command' if command else ''}: {len(chosen)} of {len(every)} moments")
    assert not wrong, "\n".join(wrong)
