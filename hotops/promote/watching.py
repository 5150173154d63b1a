"""What the watch sees: health, 5xx, crashes, restarts and latency of the apps that were changed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from hotops.core.context import Context
from hotops.core.errors import ApiError, WireError
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.models import LogLine, Machine
from hotops.fly.states import is_managed, is_started
from hotops.health.logs import scan
from hotops.health.machines import examine
from hotops.health.probe import HttpCheck, Prober, ProbeResult
from hotops.health.routes import base_check
from hotops.promote.pairs import Pair

#: Fewer errors than this say nothing about a share.
LEAST_ERRORS = 3
#: Fewer answers than this say nothing about latency, and less than this many ms more is nothing a user feels.
LEAST_TIMES = 5
LEAST_SLOWDOWN_MS = 100.0
PROBES_A_LOOK = 2


@dataclass
class AppWatch:
    """One app under watch: what was seen so far. `breaches` are in words; the first one decides."""

    pair: Pair
    digest: str
    since: float
    baseline_ms: float | None
    check: HttpCheck | None = None
    misses: dict[str, int] = field(default_factory=dict)
    times_ms: list[float] = field(default_factory=list)
    answers: int = 0
    answers_5xx: int = 0
    read_until: float = 0.0
    read_ids: frozenset[str] = frozenset()
    failed_probes: int = 0
    probes: int = 0
    looks: int = 0
    unread: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    machines: tuple[Machine, ...] = ()

    def look(self, context: Context) -> None:
        """Look once: one list of machines, some requests, the log since the last look. What can't be read is noted."""
        fly, prober = context.client(Fly), context.client(Prober)
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
            self._judge_probes([prober.probe(self.check) for _ in range(PROBES_A_LOOK)])
        try:
            lines = list(fly.logs.read(self.pair.target, since=self.read_until or self.since))
            self._judge_log([line for line in lines if line.id not in self.read_ids])
            # The next page starts at the last line's moment, which other lines may share.
            self.read_until = max((line.at for line in lines), default=self.read_until)
            self.read_ids = frozenset(line.id for line in lines)
        except (ApiError, WireError) as error:
            self.unread.append(f"log: {error.message}")

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

    def _judge_probes(self, results: Sequence[ProbeResult]) -> None:
        for result in results:
            self.probes += 1
            self.failed_probes += not result.ok and not result.over_budget
            if result.took_ms is not None and result.status is not None:
                self.times_ms.append(result.took_ms)
        wrong = [result for result in results if not result.ok and not result.over_budget]
        whole_look = len(wrong) == len(results)
        self._miss("requests", [wrong[-1].says] if whole_look else [])
        if (
            not whole_look
            and self.failed_probes >= LEAST_ERRORS
            and self.failed_probes / self.probes > self.pair.app.watch.error_share
        ):
            self._breach(f"{self.failed_probes} of {self.probes} requests failed: {wrong[-1].says if wrong else ''}")
        if self.baseline_ms is not None and len(self.times_ms) >= LEAST_TIMES:
            middle = statistics.median(self.times_ms)
            limit = max(self.baseline_ms * self.pair.app.watch.latency_factor, self.baseline_ms + LEAST_SLOWDOWN_MS)
            if middle > limit:
                self._breach(f"half the answers take over {middle:.0f} ms; the p95 was {self.baseline_ms:.0f} ms")

    def _judge_log(self, lines: Sequence[LogLine]) -> None:
        ours = {machine.id for machine in self.machines}
        seen = scan(line for line in lines if not line.instance or line.instance in ours)
        self.answers += seen.requests
        self.answers_5xx += seen.errors_5xx
        if seen.crashes or seen.ooms or seen.not_listening:
            example = next((signature.example for signature in seen.signatures), "")
            self._breach(f"the log shows a crash, an out-of-memory kill or a wrong port: {example}")
        # Fly's proxy logs failures only: a share means something only where good answers are logged too.
        limit = self.pair.app.watch.error_share
        known = self.answers > self.answers_5xx
        if known and self.answers_5xx >= LEAST_ERRORS and self.answers_5xx / self.answers > limit:
            share = self.answers_5xx / self.answers
            self._breach(f"{self.answers_5xx} of {self.answers} answers were 5xx ({share:.1%}, tolerated {limit:.1%})")

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
            "baseline_p95_ms": self.baseline_ms,
            "answers": self.answers,
            "answers_5xx": self.answers_5xx,
            "unread": sorted(set(self.unread)),
            "breaches": self.breaches,
        }


def _is_down(machine: Machine) -> bool:
    """Whether it should run and does not; one that was stopped before, or that its proxy may stop, rests."""
    may_rest = any(service.autostop != "off" for service in machine.known_config.services)
    ended = machine.state == "stopped" and marks.should_run(machine) and not may_rest
    return ended or machine.state in ("failed", "suspended")
