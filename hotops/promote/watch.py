"""Phase watch: look at the changed apps until they are good, or bring the older release back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotops.core.clock import spoken_duration
from hotops.core.driver import drive
from hotops.core.errors import HotopsError, NotRestored, RolledBack, VerifyFailed
from hotops.core.operation import Done, Fact, Plan, Step, shown
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.blueback import leftovers
from hotops.deploy.rollback import Scope, undoing
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine
from hotops.health.opinion import Kind
from hotops.health.release_verdict import LEVEL
from hotops.promote.accepting import accept, accept_step
from hotops.promote.apart import by_itself, ending, failed_in, is_aboard
from hotops.promote.canary import CANARY_PART
from hotops.promote.holding import keep, let_go
from hotops.promote.pairs import Pair
from hotops.promote.phases import Phase, pending_machines, serving
from hotops.promote.watching import AppWatch, judge_of

#: An app of which too little was seen is watched so many times as long.
LONGER = 3


class Overtaken(HotopsError):
    """Somebody else deployed during the watch: nothing of this run is left to accept or to bring back."""

    code = "overtaken"


@dataclass(frozen=True)
class Watched:
    """How the watch ended: what each app showed, the machines then, and in a breach what has to come back."""

    watches: Mapping[str, AppWatch]
    waiting: Mapping[str, tuple[Machine, ...]]
    watched_s: float
    undo: Scope | None = None

    @property
    def breach(self) -> str:
        """The first breach in words; empty when the apps are good."""
        return next((f"{app}: {watch.breaches[0]}" for app, watch in self.watches.items() if watch.breaches), "")

    @property
    def thin(self) -> str:
        """What was seen too little of to tell; empty when every app is known to be good."""
        doubted = {app: watch.verdict for app, watch in self.watches.items() if watch.verdict}
        return "; ".join(f"{app}: {verdict.says}" for app, verdict in doubted.items() if verdict.kind == "too_thin")

    @property
    def kind(self) -> Kind:
        """Bad, too thin to tell or good, of all apps together."""
        return "bad" if self.breach else "too_thin" if self.thin else "good"


class Watch(Phase[Watched]):
    """Watch the apps whose change is not accepted yet. Good: each machine and release says so. Breach: go back.

    A release counts as accepted only when every machine says so; until then any later run finishes or undoes it.
    Raises RolledBack (the older state is proven) or NotRestored.
    """

    def observe(self) -> Watched:
        verdict = self.go()
        pairs = {pair.target: pair for pair in self.pairs()}
        machines = self.all_machines_of(list(pairs))
        if self.goes_apart:
            for app in self.want.apart or {}:
                if app in pairs and not is_aboard(machines[app], ImageRef.parse(verdict.images[app]).digest):
                    del machines[app]
        waiting = {
            app: serving(found)
            for app, found in machines.items()
            if leftovers(found) or not all(marks.is_accepted(machine) for machine in serving(found))
        }
        now = self.context.clock.now()
        watches = {
            app: AppWatch(
                pairs[app],
                ImageRef.parse(verdict.images[app]).digest,
                now,
                judge_of(pairs[app], verdict.before.get(app), _level(pairs[app]) / len(waiting)),
                machines=found,
            )
            for app, found in waiting.items()
        }
        if self.context.check or not watches or self.goes_apart:
            return Watched(watches, waiting, 0.0)
        watched_s = self._watch(watches)
        for app, watch in watches.items():
            self.context.journal.event(
                "observation",
                app=app,
                subject="watch",
                text=_words(watch),
                found={**watch.as_row(), "series": watch.series.as_row()},
            )
        seen = Watched(watches, waiting, watched_s)
        text = seen.breach or seen.thin or "good"
        self.context.journal.event("verdict", verdict=seen.kind, scope="watch", text=text)
        if not seen.breach:
            return seen
        undo = undoing(self.context, watches).observe()
        if not undo.ways:
            raise Overtaken(
                f"{seen.breach}; what it runs was deployed by somebody else, and is left as it is.",
                remedy="See who deployed: fly releases. What this run deployed was judged by nobody.",
            )
        return Watched(watches, waiting, watched_s, undo)

    def _watch(self, watches: Mapping[str, AppWatch]) -> float:
        """Look at all apps at once until the longest watch is over or one of them breaches; returns the seconds.

        Where that is too thin to tell, an app is watched on, up to three times as long.
        """
        clock = self.context.clock
        started = clock.now()
        pause_s = min(min(w.pair.app.watch.interval_s, max(w.pair.app.watch_s / 5, 0.2)) for w in watches.values())
        while True:
            now = clock.now()
            map_parallel(lambda watch: watch.look(self.context), watches.values())
            end = started + max(_longest(watch, now - started) for watch in watches.values())
            if any(watch.breaches for watch in watches.values()) or now >= end:
                for watch in watches.values():
                    watch.settle()
                return clock.now() - started
            clock.sleep(max(0.0, min(pause_s, end - clock.now())))

    def plan(self, state: Watched) -> Plan:
        self._state = state
        if self.goes_apart:
            # Each is watched, and accepted or brought back, by itself: one after another where nothing runs at once.
            steps = tuple(Step(f"{app}/watch", app, after={"verdict": "good"}, phase="watch") for app in state.waiting)
            return Plan(steps, "Watch each app", why_empty="what runs was accepted before.")
        if state.undo is not None:
            self._undoing = undoing(self.context, state.watches)
            return self._undoing.plan(state.undo)
        steps = tuple(accept_step(app) for app in state.waiting)
        return Plan(steps, "Accept the release", why_empty="what runs was accepted before.")

    def prepare(self, plan: Plan) -> Fact:
        keep(self.context, self.environment)
        return {}

    def _watch_alone(self, app: str) -> Fact:
        one = Watch(self.want, self.context)
        one.only = app
        told: dict[str, Any] = {}
        fact = by_itself(self.context, app, lambda: told.update(drive(one).result))
        return {**fact, "told": told}

    def _let_go(self) -> None:
        if not self.only:
            let_go(self.context, self.environment)

    def apply(self, step: Step, done: Done) -> Fact:
        if self.goes_apart:
            return self._watch_alone(step.target)
        if self._state.undo is not None:
            return self._undoing.apply(step, done)
        app = step.target
        return accept(self.fly, app, self._state.waiting[app], self.context.run, self.context.clock)

    def verify(self, plan: Plan, done: Done) -> None:
        if self.goes_apart:
            self._let_go()
            self._raise_apart(done)
            return
        if self._state.undo is None:
            left = pending_machines(self.machines_of(list(self._state.waiting)))
            if left:
                raise VerifyFailed(f"{', '.join(left)}: not every machine took the verdict good.", remedy="Run again.")
            self._let_go()
            return
        said = f"The watch broke off after {spoken_duration(self._state.watched_s)}: {self._state.breach}."
        try:
            self._undoing.verify(plan, done)
        except VerifyFailed as error:
            raise NotRestored(f"{said} {error.message}", remedy=error.remedy) from error
        self._let_go()
        back = self._undoing.report(self._state.undo, plan, done)
        screen = [
            f"{app}: back on release v{told['version']} ({shown(told['image'])})" for app, told in back["apps"].items()
        ] + [f"warning: {warning}" for warning in back["warnings"]]
        raise RolledBack(
            f"{said} The older release is proven back.",
            remedy="See the evidence for what was seen; mend it and promote again.",
            details={"rollback": back, "hotops_screen": screen},
        )

    def _raise_apart(self, done: Done) -> None:
        """The end of a run of which some apps did not arrive, in whichever phase that was."""
        apart = {**(self.want.apart or {}), **failed_in(done)}
        if apart:
            error = ending(apart, [pair.target for pair in self.pairs()])
            self.context.journal.event("verdict", verdict="bad", scope="train", text=error.message)
            raise error

    def report(self, state: Watched, plan: Plan, done: Done) -> dict[str, Any]:
        if self.goes_apart and not self.context.check:
            return self._report_of_each(plan, done)
        screen = [
            f"{app}: {_verdict_word(w)} after {spoken_duration(state.watched_s)}, {_words(w)}"
            for app, w in state.watches.items()
        ]
        if self.context.check:
            screen = [
                f"{app}: would be watched {spoken_duration(w.pair.app.watch_s)}" for app, w in state.watches.items()
            ]
        return {
            "apps": {app: watch.as_row() for app, watch in state.watches.items()},
            "watched_s": round(state.watched_s, 1),
            "watch_verdict": state.kind,
            "hotops_screen": screen or ["Nothing to watch: what runs was accepted before."],
        }

    def _report_of_each(self, plan: Plan, done: Done) -> dict[str, Any]:
        if plan.is_empty:
            self._raise_apart(done)
        results: list[Any] = [fact["told"] for fact in done.values() if "told" in fact]
        kinds = [told["watch_verdict"] for told in results]
        return {
            "apps": {app: row for told in results for app, row in told["apps"].items()},
            "watched_s": max((told["watched_s"] for told in results), default=0.0),
            "watch_verdict": "too_thin" if "too_thin" in kinds else "good",
            "hotops_screen": [line for told in results for line in told["hotops_screen"]]
            or ["Nothing to watch: what runs was accepted before."],
        }


def _words(watch: AppWatch) -> str:
    row = watch.as_row()
    unread = f", not read: {'; '.join(sorted(set(watch.unread)))[:200]}" if watch.unread else ""
    told = watch.verdict
    notes = "".join(f"; {note}" for note in told.notes) if told else ""
    return (
        f"{row['failed_probes']} of {row['probes']} requests failed, {row['answers_5xx']} of {row['answers']} logged "
        f"answers 5xx, median {row['median_ms']} ms; {told.says if told else 'not judged'}{notes}{unread}"
    )


def _verdict_word(watch: AppWatch) -> str:
    if watch.verdict is None or watch.verdict.kind == "good":
        return "good"
    return f"accepted, but {watch.verdict.word}"


def _longest(watch: AppWatch, watched_s: float) -> float:
    """How long an app is to be watched, in seconds, as it stands after `watched_s`."""
    declared_s = watch.pair.app.watch_s
    return declared_s * LONGER if watched_s >= declared_s and watch.is_open else declared_s


def _level(pair: Pair) -> float:
    """How often a good release may be taken for a bad one; a canary has used up its part of it before."""
    return LEVEL * (1 - CANARY_PART) if pair.app.deploy_strategy == "canary" else LEVEL
