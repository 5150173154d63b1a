"""Readiness, computed: from all gates and from what visitors get now; what somebody typed is compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.parallel import map_parallel
from hotops.core.table import aligned
from hotops.health.finding import Finding
from hotops.health.tls import WARN_DAYS, inspect
from hotops.inventory.schema import App
from hotops.look.app_seen import AppSeen, see_apps
from hotops.promote.gate import AskSomeGates, GateWant
from hotops.promote.pairs import environment_of
from hotops.selection import select

Verdict = Literal["yes", "no", "unknown"]


class ReadinessWanted(Spec):
    """What somebody claims, to be compared."""

    claimed_percent: int | None = Field(None, ge=0, le=100, description="How ready somebody says it is, in percent.")
    claimed_certificate_days: int | None = Field(
        None, ge=0, description="How many days somebody says that the certificates are good for."
    )


@dataclass(frozen=True)
class Item:
    """One thing that has to be so; `unknown` counts as not ready."""

    app: str
    what: str
    verdict: Verdict
    says: str

    def as_row(self) -> dict[str, str]:
        """The item as plain data."""
        return dict(vars(self))


@dataclass(frozen=True)
class Ready:
    """All items, and the days that the shortest certificate is still good for."""

    items: tuple[Item, ...]
    certificate_days: int | None

    @property
    def percent(self) -> int:
        """Rounded down: 99.9 % is not ready."""
        fine = sum(item.verdict == "yes" for item in self.items)
        return int(100 * fine / len(self.items)) if self.items else 0


class Readiness(Operation[ReadinessWanted, Ready]):
    """Compute how ready an environment is. Raises TokenMissing, UsageError (no app has a source)."""

    name = "readiness"
    Want = ReadinessWanted
    effect = "read"
    needs_environment = True
    keeps_evidence = False
    docs = Documented(
        short="Compute how ready an environment is",
        description=(
            "Counts every gate, and of each app the share of 5xx, the 95th percentile and the days of its certificate.",
            "Nothing is typed: what is unknown counts as not ready. A claim that differs is a finding.",
        ),
        returns={
            "ready": {"description": "Whether everything is so.", "returned": "success", "type": "bool"},
            "percent": {"description": "Share of what is so, rounded down.", "returned": "success", "type": "int"},
            "certificate_days": {
                "description": "Days that the shortest certificate is good for, null where none is known.",
                "returned": "success",
                "type": "int",
            },
            "items": {
                "description": "Each thing: app, what, verdict (`yes`, `no`, `unknown`), says.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "failed_findings": {
                "description": "What is not so, and claims that differ; C(hotops readiness) ends with 8 then.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
        },
        examples="""
- name: Show how ready production is
  hotops.core.readiness:
  run_once: true

- name: The launch checklist says what is true
  hotops.core.readiness:
    claimed_percent: 95
    claimed_certificate_days: 88
  register: computed
  failed_when: computed is failed or computed.failed_findings
  run_once: true
""",
        see_also=("gate", "status"),
    )

    def observe(self) -> Ready:
        context, environment = self.context, environment_of(self.context)
        hosts = select(environment, context.selection or environment.apps)
        apps = [environment.apps[host] for host in hosts]
        gates = AskSomeGates(GateWant(stop=False), context).observe()
        items = [
            Item(gate.app, gate.name, "no" if gate.status in ("fail", "waived") else _verdict(gate.status), gate.found)
            for gate in gates
        ]
        for seen in see_apps(context, apps, now=context.clock.now()):
            items += _served(seen)
        days = map_parallel(self._days, apps)
        items += [_certificate(app, left) for app, left in zip(apps, days, strict=True)]
        return Ready(tuple(items), min((left for left in days if left is not None), default=None))

    def report(self, state: Ready, plan: Plan, done: Done) -> dict[str, Any]:
        missing = [item for item in state.items if item.verdict != "yes"]
        found = [
            Finding(item.what, item.app, item.app, item.says, "unknown" if item.verdict == "unknown" else "bad")
            for item in missing
        ]
        found += self._claims(state)
        return {
            "ready": not missing,
            "percent": state.percent,
            "certificate_days": state.certificate_days,
            "items": [item.as_row() for item in state.items],
            "failed_findings": [finding.as_row() for finding in found],
            "hotops_screen": page(environment_of(self.context).name, state, found),
        }

    def _days(self, app: App) -> int | None:
        parts = urlsplit(app.url)
        if parts.scheme != "https" or not parts.hostname:
            return None
        return inspect(self.context, parts.hostname, parts.port or 443).days_left

    def _claims(self, state: Ready) -> list[Finding]:
        """A typed figure that is not the computed one."""
        want, found = self.want, []
        if want.claimed_percent is not None and want.claimed_percent != state.percent:
            says = f"somebody typed {want.claimed_percent} % ready, computed are {state.percent} %."
            found.append(Finding("claim", "", "claim", says))
        if want.claimed_certificate_days is not None and want.claimed_certificate_days != state.certificate_days:
            days = "unknown" if state.certificate_days is None else f"{state.certificate_days} days"
            says = f"somebody typed certificates good for {want.claimed_certificate_days} days, computed: {days}."
            found.append(Finding("claim", "", "claim", says))
        return found


def _verdict(status: str) -> Verdict:
    return "yes" if status in ("pass", "warn") else "unknown"


def _served(seen: AppSeen) -> list[Item]:
    got = seen.served.value
    if got is None or not got.answers:
        why = seen.served.why_not or "nobody asked it in the last 15 minutes"
        return [Item(seen.name, "errors_5xx", "unknown", why), Item(seen.name, "p95", "unknown", why)]
    share, limit = got.share, seen.app.watch.error_share
    says = f"{got.errors_5xx} of {got.answers} answers were 5xx ({share:.1%}, at most {limit:.1%})"
    errors = Item(seen.name, "errors_5xx", "yes" if share <= limit else "no", says)
    if got.p95_ms is None:
        return [errors, Item(seen.name, "p95", "unknown", "the metrics tell no times")]
    says = f"95 of 100 answers within {got.p95_ms:.0f} ms, budget {seen.app.budget_ms} ms"
    return [errors, Item(seen.name, "p95", "yes" if got.p95_ms <= seen.app.budget_ms else "no", says)]


def _certificate(app: App, left: int | None) -> Item:
    if left is None:
        return Item(app.app, "certificate", "unknown", "its certificate can't be read")
    return Item(app.app, "certificate", "yes" if left >= WARN_DAYS else "no", f"good for {left} days")


def page(name: str, state: Ready, findings: Sequence[Finding]) -> list[str]:
    """The figure, and what is missing."""
    fine = sum(item.verdict == "yes" for item in state.items)
    lines = [f"{name}: {state.percent} % ready, {fine} of {len(state.items)} are so (computed now)"]
    lines += [f"  {line}" for line in aligned([[f.kind, f.app, f.says] for f in findings], widest=90)]
    return [*lines, "", f"Next: hotops {'status' if findings else 'promote'} {name}"]
