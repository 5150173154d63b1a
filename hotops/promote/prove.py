"""Phase verify: the deployed image runs everywhere, passes its checks, and the app's routes answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotops.core.driver import drive
from hotops.core.errors import HotopsError, NotRestored, RolledBack
from hotops.core.operation import Done, Fact, Plan, Step
from hotops.core.parallel import map_parallel
from hotops.core.table import aligned
from hotops.deploy import marks
from hotops.deploy.rollback import undoing
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_started
from hotops.health.probe import Prober, ProbeResult
from hotops.health.routes import smoke_checks
from hotops.promote.apart import by_itself, ending, failed_in, is_aboard
from hotops.promote.holding import keep, let_go
from hotops.promote.phases import Phase


class NotProven(HotopsError):
    """The deploy went through and the app is not as it should be; the caller compensates."""

    code = "not_proven"


@dataclass(frozen=True)
class Proof:
    """What an app's machines run and what its routes answered."""

    machines: tuple[Machine, ...]
    routes: tuple[ProbeResult, ...]


class Prove(Phase[Mapping[str, Proof]]):
    """Digest, checks and routes of every target. Raises NotProven.

    Where apps go by themselves, one that is not proven is brought back, and the others go on.
    """

    def observe(self) -> Mapping[str, Proof]:
        if self.context.check:
            return {}
        self.verdict = self.go()
        pairs = self.pairs()
        machines = self.machines_of([pair.target for pair in pairs])
        gone = [pair for pair in pairs if self._went_back(pair.target, machines[pair.target])]
        pairs = tuple(pair for pair in pairs if pair not in gone)
        prober = self.context.client(Prober)
        routes = map_parallel(
            lambda pair: prober.probe_all(smoke_checks(pair.app.url, pair.app, machines[pair.target])), pairs
        )
        return {
            pair.target: Proof(machines[pair.target], tuple(found)) for pair, found in zip(pairs, routes, strict=True)
        }

    def _went_back(self, app: str, machines: tuple[Machine, ...]) -> bool:
        return app in (self.want.apart or {}) and not is_aboard(machines, self._digest(app))

    def _digest(self, app: str) -> str:
        return ImageRef.parse(self.verdict.images[app]).digest

    def plan(self, state: Mapping[str, Proof]) -> Plan:
        self._wrong = {app: wrong for app, proof in state.items() if (wrong := self._wrong_with(app, proof))}
        if not self.goes_apart:
            return Plan()
        steps = (Step(f"{app}/back", app, after={"image": "as before"}, phase="back") for app in self._wrong)
        return Plan(tuple(steps), why_empty="every app is proven.")

    def prepare(self, plan: Plan) -> Fact:
        keep(self.context, self.environment)
        return {}

    def apply(self, step: Step, done: Done) -> Fact:
        return by_itself(self.context, step.target, lambda: self._bring_back(step.target))

    def _bring_back(self, app: str) -> None:
        wrong = "; ".join(self._wrong[app][:4])
        try:
            drive(undoing(self.context, [app]))
        except HotopsError as error:
            raise NotRestored(f"{wrong}, and it is not back: {error.message}", remedy=error.remedy) from error
        raise RolledBack(
            f"{wrong}. The older release is proven back.", remedy="See the evidence; mend it and promote again."
        )

    def verify(self, plan: Plan, done: Done) -> None:
        apart = {**(self.want.apart or {}), **failed_in(done)}
        if set(apart) >= {pair.target for pair in self.pairs()}:
            let_go(self.context, self.environment)
            raise ending(apart, apart)

    def report(self, state: Mapping[str, Proof], plan: Plan, done: Done) -> dict[str, Any]:
        rows: list[list[str]] = []
        for app, proof in state.items():
            good = sum(result.ok for result in proof.routes)
            machines, routes = f"{len(proof.machines)} machines", f"{good} of {len(proof.routes)} routes"
            rows.append([app, self._digest(app)[:19], machines, routes])
        screen = aligned(rows, ["app", "digest", "on", "answers"]) if rows else ["Not run in check mode."]
        if self._wrong and not self.goes_apart:
            wrong = [what for found in self._wrong.values() for what in found]
            raise NotProven(
                f"{'; '.join(wrong[:4])}.",
                remedy="The run goes back to the older release.",
                details={"hotops_screen": screen},
            )
        failed = failed_in(done)
        screen += [f"{app}: {failure['message']}" for app, failure in failed.items()]
        return {
            "apps": {app: {"routes": [r.as_row() for r in proof.routes]} for app, proof in state.items()},
            **({"apart": {**(self.want.apart or {}), **failed}} if self.goes_apart else {}),
            "hotops_screen": screen,
        }

    def _wrong_with(self, app: str, proof: Proof) -> list[str]:
        """What is not as it should be, in words."""
        other = [machine.id for machine in proof.machines if marks.digest_of(machine) != self._digest(app)]
        sick = [machine.id for machine in proof.machines if is_started(machine) and not checks_pass(machine)]
        bad = [result.says for result in proof.routes if not result.ok and not result.over_budget]
        return [
            *(f"{app} {machine} runs another image" for machine in other),
            *(f"{app} {machine} fails its checks" for machine in sick),
            *(f"{app}: {says}" for says in bad),
        ]
