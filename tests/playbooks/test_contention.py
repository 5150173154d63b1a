"""Two runners of CI and a laptop, each a process, contend for an environment's lock: one wins, every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from hotops.core.lock import LONGEST_HOLD_S
from tests.playbooks.project import ROOT
from tests.sandbox_fixture import RunningSandbox

REPO = "acme/shop"
WHO = ("ci-runner-1", "ci-runner-2", "laptop")
#: Rounds with a free lock, and with a dead run's.
LONG = pytest.param(300, 40, marks=pytest.mark.soak, id="long")
#: A lock is gone when its holder's time is over: longer than any clock's error.
OVER_S = LONGEST_HOLD_S + 60
SCRIPT = Path(__file__).with_name("lock_contender.py")


class Computer:
    """A process that believes to be on a computer of its own."""

    def __init__(self, name: str, state: Path, repo: str) -> None:
        environ = {**os.environ, "HOTOPS_STATE_DIR": str(state), "PYTHONPATH": str(ROOT)}
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), name, repo], env=environ, cwd=state, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, **words: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        return dict(json.loads(self.line()))

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> None:
        """As `kill -9` ends it: nothing is given back."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def three(sandbox: RunningSandbox, folder: Path, repo: str) -> Iterator[list[Computer]]:
    """All have the one sandbox; each has a state of its own, or, without a repository, all are on one computer."""
    with ExitStack() as stack:
        found = []
        for name in WHO:
            state = folder / (name if repo else "shared")
            state.mkdir(exist_ok=True)
            if not (state / "sandbox").exists():
                (state / "sandbox").symlink_to(sandbox.state_dir / "sandbox")
            found.append(Computer(name if repo else "laptop", state, repo))
            stack.callback(found[-1].end)
        for each in found:
            assert each.line() == "ready\n"
        yield found


def contend(computers: list[Computer], number: int, **more: Any) -> tuple[list[Computer], list[dict[str, Any]]]:
    """All take the lock at once; those who have it, and what each was told."""
    for place, each in enumerate(computers):
        each.ask(do="take", run=f"run-{number}-{place}", **more)
    told = [each.answer() for each in computers]
    return [each for each, said in zip(computers, told, strict=True) if "took" in said], told


def given_back(winner: Computer, **more: Any) -> None:
    winner.ask(do="release", **more)
    assert "released" in winner.answer()


def dies(one: Computer, run: str, **more: Any) -> None:
    """A run takes the lock there and is gone."""
    one.ask(do="die", run=run, **more)
    assert one.answer()["took"] == run


def tells_of(dead: str, told: list[dict[str, Any]]) -> bool:
    """Whether it is said that a dead run's lock was taken over: by who has it now, or by who removed it and was slower.

    Of two who find it at the same moment the slower one may remove nothing; it is then told who has it.
    """
    return any(said.get("from") == dead or f"The lock of dead run {dead}" in said.get("refused", "") for said in told)


@pytest.mark.parametrize(("rounds", "dead"), [(12, 2), LONG])
@pytest.mark.parametrize("repo", [REPO, ""], ids=["in the repository", "on one computer"])
def test_two_runners_and_a_laptop_contend_and_one_wins_every_time(
    sandbox: RunningSandbox, tmp_path: Path, repo: str, rounds: int, dead: int, record_property: Any
) -> None:
    """A free lock, and a dead run's: at once on its own computer, else when its time is over, and never in silence."""
    won: Counter[str] = Counter()
    with three(sandbox, tmp_path, repo) as computers:
        for number in range(rounds):
            winners, told = contend(computers, number)
            assert len(winners) == 1, told
            refused = [said["refused"] for said in told if "refused" in said]
            assert all("held by run" in message for message in refused), refused
            won[WHO[computers.index(winners[0])]] += 1
            given_back(winners[0])
        for number in range(dead):
            gone = f"gone-here-{number}"
            dies(computers[-1], gone)
            winners, told = contend(computers, number)
            assert len(winners) == 1, told
            assert winners[0].name == "laptop", "the runners can't know that it is dead"
            assert tells_of(gone, told), told
            given_back(winners[0])
        for number in range(dead if repo else 0):
            gone, now_s = f"gone-elsewhere-{number}", (2 * number + 1) * OVER_S
            dies(computers[0], gone, on="ci-runner-9", later_s=now_s - OVER_S)
            winners, told = contend(computers, number, later_s=now_s - OVER_S)
            assert winners == [], told
            assert all(f"held by run {gone}" in said["refused"] for said in told)
            winners, told = contend(computers, number, later_s=now_s)
            assert len(winners) == 1, told
            assert tells_of(gone, told), told
            given_back(winners[0], later_s=now_s)
    record_property(
        "told",
        f"{repo or 'one computer'}: {rounds} rounds of three processes, one won each {dict(won)}; "
        f"{dead} dead runs here, one took over each"
        + (f"; {dead} dead runners elsewhere, nobody before their time was over, then one each" if repo else ""),
    )
