"""The canary's watch: an app's new machines among its old ones, until they are as good, or are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotops.core.context import Context
from hotops.core.errors import ApiError, HotopsError, WireError
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import is_managed
from hotops.health.answer_log import answers_in
from hotops.health.answers import SETTLES_S, Answers
from hotops.health.errors_compared import ErrorsBeside
from hotops.health.machines import examine
from hotops.health.release_verdict import LEVEL
from hotops.promote.pairs import Pair

#: The part of a watch's false alarms that its canary may use up; the watch of all machines has the rest.
CANARY_PART = 0.3


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
        beside = Beside(pair, clock.now(), ErrorsBeside(pair.app.watch.error_share, level))
        pause_s = min(pair.app.watch.interval_s, max(pair.app.watch_s / 10, 0.2))
        end = clock.now() + pair.app.watch_s / 2
        while clock.now() < end:
            beside.look(self.context)
            clock.sleep(min(pause_s, max(0.0, end - clock.now())))
        beside.look(self.context, is_last=True)
        text = f"canary: {beside.judge.opinion().words}"
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
