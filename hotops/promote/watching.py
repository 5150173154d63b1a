"""What the watch sees: health, crashes and restarts of the apps that were changed, and their answers for the judge."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hotops.core.context import Context
from hotops.core.errors import ApiError, WireError
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.models import LogLine, Machine
from hotops.fly.states import is_managed, is_started
from hotops.health.answer_log import answers_in
from hotops.health.answers import SETTLES_S
from hotops.health.logs import scan
from hotops.health.machines import examine
from hotops.health.probe import HttpCheck, Prober
from hotops.health.release_verdict import Before, ReleaseJudge, Verdict
from hotops.health.routes import base_check
from hotops.promote.baseline import path_of
from hotops.promote.pairs import Pair
from hotops.promote.series import Series

PROBES_A_LOOK = 2


@dataclass
class AppWatch:
    """One app under watch: what was seen so far. `breaches` are in words; the first one decides.

    What is wrong for certain (a crash, a restart, a dead app, another image) is a breach at once. Shares and times are
    left to the judge, which knows how often chance alone looks like that.
    """

    pair: Pair
    digest: str
    since: float
    judge: ReleaseJudge
    check: HttpCheck | None = None
    misses: dict[str, int] = field(default_factory=dict)
    times_ms: list[float] = field(default_factory=list)
    read_until: float = 0.0
    read_ids: frozenset[str] = frozenset()
    verdict: Verdict | None = None
    failed_probes: int = 0
    probes: int = 0
    looks: int = 0
    unread: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    machines: tuple[Machine, ...] = ()
    series: Series = field(default_factory=Series)

    def look(self, context: Context) -> None:
        """Look once: one list of machines, some requests, the log since the last look. What can't be read is noted."""
        fly = context.client(Fly)
        now = context.clock.now()
        self.looks += 1
        try:
            if self.looks > 1 or not self.machines:  # the first look is at what the phase has just read
                self.machines = tuple(
                    machine
                    for machine in fly.machines.list(self.pair.target)
                    if is_managed(machine) and not marks.is_retired(machine)
                )
            self._judge_machines(now)
        except (ApiError, WireError) as error:
            self.unread.append(f"machines: {error.message}")
        self.check = self.check or base_check(self.pair.app.url, self.pair.app, self.machines)
        if self.check is not None:
            self._ask(context, self.check)
        try:
            # Lines come a little out of order, so the newest seconds are read once more.
            lines = list(fly.logs.read(self.pair.target, since=max(self.since, self.read_until - SETTLES_S)))
            self._judge_log([line for line in lines if line.id not in self.read_ids])
            self.read_until = max((line.at for line in lines), default=self.read_until)
            self.read_ids = frozenset(line.id for line in lines)
        except (ApiError, WireError) as error:
            self.unread.append(f"log: {error.message}")
        self.settle(now)

    def settle(self, until: float = math.inf) -> None:
        """Let the judge say what is known of all seconds before `until`."""
        self.judge.settle(until)
        self.verdict = self.judge.verdict()
        if self.verdict.kind == "bad":
            self._breach(self.verdict.says)

    @property
    def is_open(self) -> bool:
        """Whether it is still too thin to tell, and more of the same could tell."""
        return self.verdict is None or (self.verdict.kind == "too_thin" and bool(self.verdict.opinions))

    def _judge_machines(self, now: float) -> None:
        foreign = [machine.id for machine in self.machines if marks.digest_of(machine) != self.digest]
        if foreign or not self.machines:
            self._breach(f"{', '.join(foreign) or 'no machine'} does not run the deployed image")
        health = examine(self.pair.target, self.machines, now=now, since=self.since)
        limit = self.pair.app.watch.restarts
        if len(health.exits) > limit:
            last = health.exits[-1]
            kind = "out of memory" if last.oom else f"exit code {last.code}"
            self._breach(f"{last.machine} ended by itself ({kind}, {len(health.exits)} in all)")
        elif health.restarts > limit:
            self._breach(f"{health.restarts} restarts")
        bad = [f"{item.machine}: {item.says}" for item in health.failing_checks]
        down = [machine.id for machine in self.machines if _is_down(machine)]
        reasons = [*bad, *(f"{machine} is not running" for machine in down)]
        self._miss("machines", reasons, at_once=not self._any_started())

    def _ask(self, context: Context, check: HttpCheck) -> None:
        prober = context.client(Prober)
        wrong = []
        for _ in range(PROBES_A_LOOK):
            result = prober.probe(check)
            is_wrong = not result.ok and not result.over_budget
            # The first answers of a new machine are slow in any release: caches are cold.
            is_cold = self.probes < self.pair.app.warmup
            took_ms = result.took_ms if result.status is not None else None
            self.judge.asked(context.clock.now(), is_error=is_wrong, took_ms=None if is_cold else took_ms)
            self.probes += 1
            self.failed_probes += is_wrong
            self.times_ms += [] if took_ms is None else [took_ms]
            self.series.asked(context.clock.now(), took_ms, is_failed=is_wrong)
            wrong += [result.says] if is_wrong else []
        self._miss("requests", wrong[-1:] if len(wrong) == PROBES_A_LOOK else [])

    def _judge_log(self, lines: Sequence[LogLine]) -> None:
        ours = {machine.id for machine in self.machines}
        lines = [line for line in lines if not line.instance or line.instance in ours]
        for answer in answers_in(lines, besides=path_of(self.check)):
            self.judge.answered(answer.at, is_error=answer.is_error, source=answer.source)
            self.series.answered(answer.at, is_error=answer.is_error)
        seen = scan(lines)
        if seen.crashes or seen.ooms or seen.not_listening:
            example = next((signature.example for signature in seen.signatures), "")
            self._breach(f"the log shows a crash, an out-of-memory kill or a wrong port: {example}")

    def _miss(self, what: str, reasons: Sequence[str], *, at_once: bool = False) -> None:
        """Count looks in a row at which this was not well; machines that are well do not make up for dead requests."""
        self.misses[what] = self.misses.get(what, 0) + 1 if reasons else 0
        if reasons and (at_once or self.misses[what] >= self.pair.app.watch.misses):
            self._breach("; ".join(reasons[:2]))

    def _any_started(self) -> bool:
        return any(is_started(machine) for machine in self.machines)

    def _breach(self, text: str) -> None:
        self.breaches.append(text)

    def as_row(self) -> dict[str, object]:
        """What was seen, as plain data."""
        return {
            "looks": self.looks,
            "probes": self.probes,
            "failed_probes": self.failed_probes,
            "median_ms": round(statistics.median(self.times_ms), 1) if self.times_ms else None,
            "answers": self.judge.answers.now.answers,
            "answers_5xx": self.judge.answers.now.failed,
            "verdict": self.verdict.as_row() if self.verdict else None,
            "unread": sorted(set(self.unread)),
            "breaches": self.breaches,
        }


def _is_down(machine: Machine) -> bool:
    """Whether it should run and does not; one that was stopped before, or that its proxy may stop, rests."""
    may_rest = any(service.autostop != "off" for service in machine.known_config.services)
    ended = machine.state == "stopped" and marks.should_run(machine) and not may_rest
    return ended or machine.state in ("failed", "suspended")


def judge_of(pair: Pair, before: Mapping[str, Any] | None, level: float) -> ReleaseJudge:
    """The judge of one app: what was before, as the go verdict has it, and what the inventory tolerates."""
    limits = pair.app.watch
    known = Before.from_row(before)
    return ReleaseJudge(known, tolerated=limits.error_share, factor=limits.latency_factor, level=level)
