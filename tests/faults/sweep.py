"""The sweep: one operation with each of its calls broken in each way, and killed before each of its moments.

An operation gets it by naming itself: how a world is made for it, how it is run, and what its end has to look like.

    MIRROR = Sweep(
        "secrets_mirror",
        world=a_stage,                                 # a fresh one for each case: Path -> Stage
        run=lambda stage, run: mirror(stage, run),     # raises what the operation raises
        state=lambda stage: secrets_of(stage),         # all that counts, comparable with ==
        wanted=lambda state: state == EXPECTED,
        left_behind=leftovers,                         # sentences about what nobody may find afterwards
    )

    def test_whatever_breaks_the_mirror_ends_wanted_or_as_before(tmp_path):
        MIRROR.all_hold(tmp_path, short=40)

Every case has a number that is the same in each run. `HOTOPS_SOAK=1` runs all; else `short` cases are drawn, each way
of breaking in turn, writes as often as looks, by `HOTOPS_SWEEP_SEED` (default 1). `HOTOPS_SWEEP=NAME:NUMBER` runs that
one case and no other. `pytest -s` prints a line for each.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import httpx
import pytest

from hotops.core.errors import HotopsError
from hotops.core.journal import Journal, NoJournal
from hotops.core.parallel import max_workers
from tests.stage import StageClock

FIRST = "20260101T000000Z-promote-stage"
AGAIN = "20260101T000100Z-promote-stage"
#: How a call is broken: faults as the twin's control interface takes them.
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "429": {"kind": "status", "status": 429},
    "408": {"kind": "status", "status": 408},
    "reset before": {"kind": "reset_before"},
    "reset after": {"kind": "reset_after"},
    "truncated": {"kind": "truncate"},
    "slow": {"kind": "latency", "seconds": 25},
}
#: What a cloud that is well may answer too. Each is another error to a client, and so another way on.
REFUSALS: Mapping[str, Mapping[str, Any]] = {
    str(status): {"kind": "status", "status": status} for status in (401, 403, 404, 409, 422)
}
EVERY: Mapping[str, Mapping[str, Any]] = {**FAULTS, **REFUSALS}
KILL = "killed"
#: Leases that nobody gave back are over by then, a dead run's and one whose end was asked for in vain.
UNTIL_RERUN_S = 20.0
#: What a run that compensates, or that refuses to begin, ends with: everything is as it was, and it says so.
NOTHING_CHANGED, PROVEN_BACK, NOT_RESTORED = 3, 6, 7


class World(Protocol):
    """What the sweep needs of a world; `tests.stage.Stage` is one."""

    clock: StageClock
    wrap: Callable[[httpx.BaseTransport], httpx.BaseTransport]
    journal: Journal

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any: ...


W = TypeVar("W", bound=World)


class Killed(BaseException):
    """The process ends here; nothing of it runs on, as with SIGKILL."""


@dataclass
class Moments:
    """Counts the moments of a run (before a call, before a line of the journal) and ends it at one of them.

    A dead run stays dead: whatever a `finally` still tries is not done.
    """

    dies_at: int | None = None
    #: What happens right before call number so and so.
    at_call: tuple[int, Callable[[], object]] | None = None
    passed: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def moment(self, what: str) -> None:
        self.passed.append(what)
        if self.dies_at is not None and len(self.passed) >= self.dies_at:
            raise Killed

    def call(self, request: httpx.Request) -> None:
        name = f"{request.method} {request.url.host}{request.url.path}"
        self.calls.append(name)
        self.moment(name)
        if self.at_call is not None and len(self.calls) == self.at_call[0]:
            self.at_call[1]()


class CountingTransport(httpx.BaseTransport):
    """Passes requests on, each a moment."""

    def __init__(self, inner: httpx.BaseTransport, moments: Moments) -> None:
        self._inner, self._moments = inner, moments

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._moments.call(request)
        return self._inner.handle_request(request)


class CountingJournal(NoJournal):
    """Keeps nothing; before and after each step is a moment, so that steps without calls can be killed too."""

    def __init__(self, moments: Moments) -> None:
        self._moments = moments

    def intent(self, operation: str, step: str, target: str, **_fields: Any) -> int:
        self._moments.moment(f"step {operation} {step}")
        return super().intent(operation, step, target, before=None, after=None, action="")

    def outcome(self, intent: int, status: str, **_fields: Any) -> None:
        self._moments.moment(f"outcome {status}")


@dataclass(frozen=True)
class Case:
    """One way to break one run: a fault at a call, or a kill before a moment; both count from 1."""

    number: int
    how: str
    at: int
    where: str

    @property
    def is_a_look(self) -> bool:
        """Whether it breaks a reading. There are many more of them than of writes, which are what matters."""
        return self.where.startswith(("GET ", "HEAD "))

    def __str__(self) -> str:
        place = "before moment" if self.how == KILL else "at call"
        return f"#{self.number} {self.how} {place} {self.at} ({self.where})"


@dataclass(frozen=True)
class Ending:
    """How a case ended: its first run, its re-run (if there was one), and what is wrong with that."""

    case: Case
    first: str
    rerun: str
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        then = f", re-run: {self.rerun}" if self.rerun else ""
        bad = f" WRONG: {'; '.join(self.wrong)}" if self.wrong else ""
        return f"{self.case} → {self.first}{then}{bad}"


def nothing(_world: Any) -> Iterable[str]:
    """No sentence."""
    return ()


@dataclass(frozen=True)
class Sweep(Generic[W]):
    """One operation, and what may become of it whatever breaks."""

    #: As in `HOTOPS_SWEEP=NAME:NUMBER`.
    name: str
    #: A world right before the operation, each time the same.
    world: Callable[[Path], W]
    #: Runs the operation under a run's name, to its end or its error; the second time with the same wish.
    run: Callable[[W, str], object]
    #: All that counts of the world, comparable: what it was before is "exactly the old state".
    state: Callable[[W], Any]
    #: Whether a state is the one that the operation is to reach.
    wanted: Callable[[Any], bool]
    #: What is left that nobody may find 20 s after all is over: leases, locks, marks, temporary files.
    left_behind: Callable[[W], Iterable[str]] = nothing
    #: What has to hold right after the first run, however it ended: that visitors are answered, say.
    meanwhile: Callable[[W], Iterable[str]] = nothing
    #: Whether the re-run may end with the old state, proven and said (a dead promotion that is undone).
    may_end_old: bool = False
    #: Whether a broken run may end half-way if it says so by exit code 7 (a fire exit, which has no way back).
    may_stop_half_way: bool = False
    #: Whether it is a state between, of things that stand by themselves: an error may leave it, claiming nothing.
    half_way: Callable[[Any], bool] = lambda _state: False
    #: The failure code that says which part of it is there, where parts stand by themselves.
    may_end_partly: str = ""
    faults: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: FAULTS)

    def cases(self, folder: Path) -> list[Case]:
        """Every case, in an order that each run has; the operation runs once, unbroken, to learn its calls."""
        moments = Moments()
        world = self._fresh(folder)
        self._watched(world, moments)
        self._run(world, FIRST)
        assert self.wanted(self.state(world)), f"{self.name}: an unbroken run does not do what is wanted"
        found = [(how, at, where) for how in self.faults for at, where in enumerate(moments.calls, start=1)] + [
            (KILL, at, where) for at, where in enumerate(moments.passed, start=1)
        ]
        return [Case(number, *what) for number, what in enumerate(found, start=1)]

    def chosen(self, cases: Sequence[Case], short: int) -> list[Case]:
        """The cases to run: the one asked for, all (soak), or `short` of them, each way of breaking in turn."""
        name, _, number = os.environ.get("HOTOPS_SWEEP", "").rpartition(":")
        if name:
            asked = [case for case in cases if (name, number) == (self.name, str(case.number))]
            assert asked or name != self.name, f"{self.name} has no case {number}, but 1 to {len(cases)}"
            return asked
        if os.environ.get("HOTOPS_SOAK"):
            return list(cases)
        drawn = list(cases)
        # A fixed seed makes a fixed selection: nothing secret, nothing to guess.
        seed = f"{self.name} {os.environ.get('HOTOPS_SWEEP_SEED', '1')}"
        random.Random(seed).shuffle(drawn)
        # However few are drawn, a kill is among them.
        faults = sorted(self.faults, key=lambda how: str(random.Random(f"{seed} {how}").random()))
        ways = itertools.product((KILL, *faults), (False, True))
        kinds = [[case for case in drawn if (case.how, case.is_a_look) == way] for way in ways]
        in_turn = [case for turn in itertools.zip_longest(*kinds) for case in turn if case is not None]
        return sorted(in_turn[:short], key=lambda case: case.number)

    def ending(self, case: Case, folder: Path) -> Ending:
        """Break one run as the case says, run again where it was not done, and judge both."""
        world = self._fresh(folder)
        before = self.state(world)
        self._watched(world, Moments(dies_at=case.at) if case.how == KILL else self._breaking(world, case))
        first = self._run(world, FIRST)
        world.control("DELETE", "faults")
        self._watched(world, Moments())
        wrong = [*self._wrong_with_first(first, self.state(world), before), *self.meanwhile(world)]
        world.clock.sleep(UNTIL_RERUN_S)
        rerun: HotopsError | str | None = None
        if first != "done":
            rerun = self._run(world, AGAIN)
            wrong += self._wrong_with_rerun(rerun, self.state(world), before)
        wrong += self.left_behind(world)
        return Ending(case, _told(first), _told(rerun), tuple(wrong))

    def all_hold(self, tmp_path: Path, *, short: int) -> Counter[str]:
        """Run the chosen cases, print a line for each, and fail with every one that ended wrong."""
        began = time.monotonic()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state-0"))
            # What dies here is a process, not the computer: what was written is there. A third of a case's time.
            patch.setattr(os, "fsync", lambda _descriptor: None)
            cases = self.cases(tmp_path / "0")
            endings = []
            for case in self.chosen(cases, short):
                patch.setenv("HOTOPS_STATE_DIR", str(tmp_path / f"state-{case.number}"))
                endings.append(self.ending(case, tmp_path / str(case.number)))
                print(f"{self.name} {endings[-1]}")
        counted = Counter(f"{ending.first} then {ending.rerun}" if ending.rerun else ending.first for ending in endings)
        took = time.monotonic() - began
        print(f"{self.name}: {len(endings)} of {len(cases)} cases in {took:.0f} s: {dict(counted)}")
        wrong = [f"HOTOPS_SWEEP={self.name}:{ending.case.number}  {ending}" for ending in endings if ending.wrong]
        assert not wrong, "\n".join(wrong)
        return counted

    def _fresh(self, folder: Path) -> W:
        folder.mkdir(parents=True, exist_ok=True)
        return self.world(folder)

    def _watched(self, world: W, moments: Moments) -> None:
        world.wrap = lambda transport: CountingTransport(transport, moments)
        world.journal = CountingJournal(moments)

    def _breaking(self, world: W, case: Case) -> Moments:
        """A fault for one call; it comes right before that call, so that what a test asks itself is never broken."""
        fault = {**self.faults[case.how], "match": {}, "times": 1}
        return Moments(at_call=(case.at, lambda: world.control("POST", "faults", fault)))

    def _run(self, world: W, run: str) -> HotopsError | str:
        """`done`, `killed`, or the error; calls go out in one order."""
        token = max_workers.set(1)
        try:
            self.run(world, run)
        except HotopsError as error:
            return error
        except Killed:
            return KILL
        finally:
            max_workers.reset(token)
        return "done"

    def _wrong_with_first(self, ended: HotopsError | str, state: Any, before: Any) -> list[str]:
        if ended == KILL or (self.may_stop_half_way and _exit(ended) == NOT_RESTORED):
            return []
        if ended == "done":
            return [] if self.wanted(state) else [f"it says done and is {state}"]
        if _exit(ended) == NOT_RESTORED:
            return [f"one broken call ended in {_told(ended)}: {ended}"]
        if self.may_end_partly and isinstance(ended, HotopsError) and ended.failure_code == self.may_end_partly:
            return []  # `meanwhile` says whether each part is whole
        if _exit(ended) in (NOTHING_CHANGED, PROVEN_BACK):
            return [] if state == before else [f"it says that the old state is there ({ended}) and is {state}"]
        if self.half_way(state):
            return []
        return [] if state == before or self.wanted(state) else [f"half-way after {ended}: {state}"]

    def _wrong_with_rerun(self, ended: HotopsError | str, state: Any, before: Any) -> list[str]:
        if ended == "done":
            return [] if self.wanted(state) else [f"the re-run says done and is {state}"]
        if self.may_end_old and _exit(ended) in (NOTHING_CHANGED, PROVEN_BACK) and state == before:
            return []
        return [f"the re-run ended in {_told(ended)}: {ended}; it is {state}, was {before}"]


def _exit(ended: HotopsError | str) -> int | None:
    return int(ended.failure_exit) if isinstance(ended, HotopsError) else None


def _told(ended: HotopsError | str | None) -> str:
    if isinstance(ended, HotopsError):
        return f"{ended.failure_code} ({int(ended.failure_exit)})"
    return ended or ""
