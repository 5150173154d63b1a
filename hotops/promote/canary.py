"""The canary's watch: an app's new machines among its old ones, until they are as good, or are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotops.core.context import Context
from hotops.core.errors import ApiError, HotopsError, WireError
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import is_managed, is_started
from hotops.health.answer_log import answers_in
from hotops.health.answers import SETTLES_S, Answers
from hotops.health.errors_compared import ErrorsBeside
from hotops.health.machines import examine
from hotops.health.probe import HttpCheck, Prober
from hotops.health.release_verdict import LEVEL
from hotops.health.routes import base_check
from hotops.health.times_compared import TimesCompared
from hotops.promote.pairs import Pair

#: The part of a watch's false alarms that its canary may use up; the watch of all machines has the rest.
CANARY_PART = 0.3
#: How that is split between visitors' answers and answer times.
ERRORS_PART, TIMES_PART = 0.7, 0.3
#: Requests to the old machines that the new ones' times are compared with.
OLD_TIMES = 20
#: Requests to the new machines at each look.
PROBES_A_LOOK = 2
#: Fly's proxy sends a request with this header to that machine (Fly docs, dynamic request routing).
TO_MACHINE = "fly-force-instance-id"


class CanaryWorse(HotopsError):
    """The new machines are not as good as the old ones beside them; the deploy goes back."""

    code = "canary_worse"


@dataclass
class CanaryWatcher:
    """Watches the canaries of a promotion's apps. Half of an app's watch is for them, the rest for all machines."""

    context: Context
    pairs: Mapping[str, Pair]

    def __call__(self, app: str) -> None:
        """Watch the app's canaries. Raises CanaryWorse; too thin to tell goes on, since the whole watch follows."""
        pair, clock = self.pairs[app], self.context.clock
        level = LEVEL * CANARY_PART / len(self.pairs)
        beside = Beside(pair, clock.now(), ErrorsBeside(pair.app.watch.error_share, level * ERRORS_PART))
        pause_s = min(pair.app.watch.interval_s, max(pair.app.watch_s / 10, 0.2))
        end = clock.now() + pair.app.watch_s / 2
        beside.measure_old(self.context, level * TIMES_PART)
        while clock.now() < end:
            beside.look(self.context)
            clock.sleep(min(pause_s, max(0.0, end - clock.now())))
        beside.look(self.context, is_last=True)
        opinions = [beside.judge.opinion(), beside.times.opinion() if beside.times else None]
        text = f"canary: {'; '.join(opinion.words for opinion in opinions if opinion)}"
        self.context.journal.event("observation", app=app, subject="canary", text=text)


@dataclass
class Beside:
    """What is seen of new machines among old ones. `since` in unix seconds."""

    pair: Pair
    since: float
    judge: ErrorsBeside
    answers: Answers = field(default_factory=Answers)
    read_until: float = 0.0
    read_ids: frozenset[str] = frozenset()
    times: TimesCompared | None = None

    def measure_old(self, context: Context, level: float) -> None:
        """Ask the old machines, each directly: what the new ones' times are compared with is of the same minute."""
        try:
            machines = [m for m in context.client(Fly).machines.list(self.pair.target) if is_managed(m)]
        except (ApiError, WireError) as error:
            context.journal.event("note", text=f"{self.pair.target}: answer times are not compared: {error.message}")
            return
        old = [m for m in machines if is_started(m) and not m.cordoned and not marks.is_pending(m)]
        check = base_check(self.pair.app.url, self.pair.app, old)
        if check is None or not old:
            return
        for machine in old:
            for _ in range(self.pair.app.warmup):
                _asked(context, check, machine)
        took = [_asked(context, check, old[number % len(old)]) for number in range(OLD_TIMES)]
        self.times = TimesCompared([ms for ms in took if ms is not None], self.pair.app.watch.latency_factor, level)
        for machine in (m for m in machines if marks.is_pending(m) and is_started(m)):
            for _ in range(self.pair.app.warmup):
                _asked(context, check, machine)

    def _measure_new(self, context: Context, canaries: list[Machine]) -> None:
        check = base_check(self.pair.app.url, self.pair.app, canaries)
        running = [machine for machine in canaries if is_started(machine)]
        if self.times is None or check is None or not running:
            return
        for number in range(PROBES_A_LOOK):
            took_ms = _asked(context, check, running[number % len(running)])
            if took_ms is not None:
                self.times.take(took_ms)
        opinion = self.times.opinion()
        if opinion is not None and opinion.kind == "bad":
            raise CanaryWorse(
                f"{self.pair.target}: {opinion.says}.",
                remedy="The new release answers more slowly than the old one beside it: see what it does on a request.",
            )

    def look(self, context: Context, *, is_last: bool = False) -> None:
        """Look once: one list of machines and the log since the last look. Raises CanaryWorse."""
        fly, app, now = context.client(Fly), self.pair.target, context.clock.now()
        try:
            machines = [machine for machine in fly.machines.list(app) if is_managed(machine)]
            canaries = [machine for machine in machines if marks.is_pending(machine)]
            since = max(self.since, self.read_until - SETTLES_S)
            lines = list(fly.logs.read(app, since=since))
        except (ApiError, WireError) as error:
            context.journal.event("note", text=f"{app}: the canary could not be looked at: {error.message}")
            return
        self._judge_machines(canaries, now)
        self._measure_new(context, canaries)
        new = {machine.id for machine in canaries}
        for line in lines:
            if line.id in self.read_ids or not line.instance:
                continue
            for answer in answers_in([line]):
                is_new = line.instance in new
                self.answers.add(answer.at, is_new=is_new, is_error=answer.is_error, source=answer.source)
        self.read_until = max((line.at for line in lines), default=self.read_until)
        self.read_ids = frozenset(line.id for line in lines)
        for second in self.answers.settle() if is_last else self.answers.settle(now - SETTLES_S):
            self.judge.take(second)
        opinion = self.judge.opinion()
        if opinion.kind == "bad":
            raise CanaryWorse(f"{app}: {opinion.says}.", remedy=f"fly logs -a {app}")

    def _judge_machines(self, canaries: list[Machine], now: float) -> None:
        health = examine(self.pair.target, canaries, now=now, since=self.since)
        failing = [f"{item.machine}: {item.says}" for item in health.failing_checks]
        ended = [f"{item.machine} ended by itself (exit code {item.code})" for item in health.exits]
        wrong = [*ended[self.pair.app.watch.restarts :], *failing]
        if not canaries or wrong:
            said = "; ".join(wrong[:2]) or "no canary runs any more"
            raise CanaryWorse(f"{self.pair.target}: {said}.", remedy=f"fly machine list -a {self.pair.target}")


def _asked(context: Context, check: HttpCheck, machine: Machine) -> float | None:
    """How long this machine took to answer, in ms; None where it did not: that counts elsewhere."""
    to_it = check.model_copy(update={"headers": {**check.headers, TO_MACHINE: machine.id}})
    result = context.client(Prober).probe(to_it)
    return result.took_ms if result.status is not None else None
