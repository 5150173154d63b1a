"""Phase verify: the deployed image runs everywhere, passes its checks, and the app's routes answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotops.core.errors import HotopsError
from hotops.core.operation import Done, Plan
from hotops.core.parallel import map_parallel
from hotops.core.table import aligned
from hotops.deploy import marks
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_started
from hotops.health.probe import Prober, ProbeResult
from hotops.health.routes import smoke_checks
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
    """Digest, checks and routes of every target. Raises NotProven."""

    effect = "read"

    def observe(self) -> Mapping[str, Proof]:
        if self.context.check:
            return {}
        self.verdict = self.go()
        pairs = self.pairs()
        machines = self.machines_of([pair.target for pair in pairs])
        prober = self.context.client(Prober)
        routes = map_parallel(
            lambda pair: prober.probe_all(smoke_checks(pair.app.url, pair.app, machines[pair.target])), pairs
        )
        return {
            pair.target: Proof(machines[pair.target], tuple(found)) for pair, found in zip(pairs, routes, strict=True)
        }

    def report(self, state: Mapping[str, Proof], plan: Plan, done: Done) -> dict[str, Any]:
        rows: list[list[str]] = []
        wrong: list[str] = []
        for app, proof in state.items():
            wanted = ImageRef.parse(self.verdict.images[app]).digest
            other = [machine.id for machine in proof.machines if marks.digest_of(machine) != wanted]
            sick = [machine.id for machine in proof.machines if is_started(machine) and not checks_pass(machine)]
            bad = [result.says for result in proof.routes if not result.ok and not result.over_budget]
            wrong += [f"{app} {machine} runs another image" for machine in other]
            wrong += [f"{app} {machine} fails its checks" for machine in sick]
            wrong += [f"{app}: {says}" for says in bad]
            good = sum(result.ok for result in proof.routes)
            rows.append([app, wanted[:19], f"{len(proof.machines)} machines", f"{good} of {len(proof.routes)} routes"])
        screen = aligned(rows, ["app", "digest", "on", "answers"]) if rows else ["Not run in check mode."]
        if wrong:
            raise NotProven(
                f"{'; '.join(wrong[:4])}.",
                remedy="The run goes back to the older release.",
                details={"hotops_screen": screen},
            )
        return {
            "apps": {app: {"routes": [r.as_row() for r in proof.routes]} for app, proof in state.items()},
            "hotops_screen": screen,
        }
