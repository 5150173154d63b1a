"""The health of all apps of an environment: one table, and what to do about each finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError, UsageError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.parallel import map_parallel
from hotops.core.table import aligned
from hotops.health.app import AppHealth, look
from hotops.health.finding import Finding, worst_first
from hotops.health.target import Target
from hotops.health.tls import WARN_DAYS
from hotops.inventory.schema import Environment


class NotWell(HotopsError):
    """Something is not well; `details` holds the report."""

    code = "findings"
    exit_code = ExitCode.FINDINGS


class ReportWanted(Spec):
    """How far back to look, and when to warn."""

    apps: tuple[str, ...] = Field(
        (), description="Apps to look at, by name, where no inventory declares any; else those the run selects."
    )
    since_s: float = Field(3600.0, gt=0, description="How far back exits, restarts and log lines count, in seconds.")
    tls_warn_days: int = Field(WARN_DAYS, ge=0, description="A certificate with fewer days left is a finding.")
    wake: bool = Field(
        default=False, description="Whether to ask apps that sleep, too: a request starts their machines."
    )
    fail_on_findings: bool = Field(
        default=False, description="Whether findings (all but warnings) fail the task, with exit code 8."
    )


class HealthReport(Operation[ReportWanted, list[AppHealth]]):
    """Look at all apps at once. Raises TokenMissing, and NotWell where findings shall fail.

    Two calls of Fly's API for each app (its machines, the newest page of its log), two more for one that is not well.
    """

    name = "health_report"
    Want = ReportWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Report the health of all apps of an environment",
        description=(
            "Looks at machines, health checks, answers, logs and certificates of all apps at once; shows one table.",
            "Shows a failing check's path beside the answer it explains: its machine gets no request, on any path.",
            "What could not be read is a finding too: an unknown app is not a healthy one.",
        ),
        returns={
            "healthy": {
                "description": "Whether there is no finding but warnings.",
                "returned": "success",
                "type": "bool",
            },
            "rows": {
                "description": "One item for each app, with all that was seen of it.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "app": {"description": "Name of the app.", "type": "str"},
                    "state": {"description": "`ok`, `warn`, `unknown` or `bad`: its worst finding.", "type": "str"},
                    "machines": {"description": "States, exits, restarts and failing checks.", "type": "dict"},
                    "probes": {"description": "What requests were answered.", "type": "list", "elements": "dict"},
                    "log": {"description": "What the newest log lines tell.", "type": "dict"},
                    "tls": {"description": "The certificate of its address.", "type": "dict"},
                    "inside": {
                        "description": "What failing paths answer inside a machine, where `exec_checks` allows to ask.",
                        "type": "list",
                        "elements": "dict",
                    },
                    "staged_secrets": {
                        "description": "Of an app that is not well: secrets whose value is not on all machines.",
                        "type": "list",
                        "elements": "str",
                    },
                },
            },
            "findings": {
                "description": "Everything that is not well, the worst first.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "kind": {"description": "Stable word, such as `suspended` or `failing_check`.", "type": "str"},
                    "severity": {"description": "`bad`, `unknown` or `warn`.", "type": "str"},
                    "app": {"description": "Name of the app.", "type": "str"},
                    "subject": {"description": "The app, machine or host it is about.", "type": "str"},
                    "says": {"description": "What is the matter.", "type": "str"},
                    "remedy": {"description": "What to do.", "type": "str"},
                },
            },
            "next": {
                "description": "The command to type next; empty without an inventory.",
                "returned": "success",
                "type": "str",
            },
            "failed_findings": {
                "description": "The findings that are no mere warnings; C(hotops health) ends with 8 if there are any.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
        },
        examples="""
- name: Show how every app is
  hotops.core.health_report:
  run_once: true

- name: The night's check is red when anything is not well
  hotops.core.health_report:
    since_s: 86400
    fail_on_findings: true
  run_once: true
""",
        notes=("In check mode no command is run inside a machine, even where `exec_checks` allows it.",),
        see_also=("health_probe", "smoke", "fly_log_scan", "tls_info"),
    )

    def observe(self) -> list[AppHealth]:
        since = self.context.clock.now() - self.want.since_s
        return map_parallel(
            lambda target: look(
                self.context, target, since=since, tls_warn_days=self.want.tls_warn_days, wake=self.want.wake
            ),
            self._targets(),
        )

    def report(self, state: list[AppHealth], plan: Plan, done: Done) -> dict[str, Any]:
        found = worst_first(finding for health in state for finding in health.findings)
        failed = [finding for finding in found if finding.is_failure]
        for health in state:
            told = "; ".join(finding.says for finding in health.findings[:2]) or "well"
            self.context.journal.event("observation", app=health.target.app, subject="health", text=told)
        screen = lines(state, found)
        result = {
            "healthy": not failed,
            "rows": [health.as_row() for health in state],
            "findings": [finding.as_row() for finding in found],
            "failed_findings": [finding.as_row() for finding in failed],
            "hotops_screen": screen,
            "next": self._next(failed),
        }
        if failed and self.want.fail_on_findings:
            sick = sorted({finding.app for finding in failed})
            raise NotWell(
                f"{len(failed)} findings in {len(sick)} of {len(state)} apps: {', '.join(sick)}.",
                remedy="See the findings, the worst first.",
                details=result,
            )
        return result

    def _next(self, failed: Sequence[Finding]) -> str:
        """Why the worst one is not well, else the whole on one screen; nothing where no environment is known."""
        environment = self.context.environment
        if environment is None:
            return ""
        host = next((app.host for app in environment.apps.values() if failed and app.app == failed[0].app), "")
        return f"hotops why {environment.name} {host}" if host else f"hotops status {environment.name}"

    def _targets(self) -> list[Target]:
        environment: Environment | None = self.context.environment
        wanted = set(self.want.apps)
        if environment is None:
            found = [Target.named(app) for app in self.want.apps]
        else:
            chosen = set(self.context.selection or environment.apps)
            declared = [app for app in environment.apps.values() if app.host in chosen]
            found = [Target.of(app) for app in declared if not wanted or wanted & {app.app, app.host}]
        missing = wanted.difference(name for target in found for name in (target.app, target.host))
        if missing or not found:
            named = ", ".join(sorted(missing)) or "no app at all"
            raise UsageError(f"There is nothing to look at: {named} is not in the inventory.", code="unknown_app")
        return found


HEADER = ("app", "state", "machines", "answer", "restarts", "log", "certificate")


def lines(state: Sequence[AppHealth], findings: Sequence[Finding]) -> list[str]:
    """The report as an operator reads it: the table, then each finding with its remedy, the worst first."""
    table = aligned([_row(health) for health in state], HEADER)
    if not findings:
        return [*table, "", "Everything is well."]
    failed = sum(1 for finding in findings if finding.is_failure)
    told = f"{failed} to act on, {len(findings) - failed} worth knowing"
    return [*table, "", told, *(f"  {finding.as_line()}" for finding in findings)]


def _row(health: AppHealth) -> list[str]:
    return [
        health.target.app,
        health.state,
        _machines(health),
        _answer(health),
        *_history(health),
        _certificate(health),
    ]


def _machines(health: AppHealth) -> str:
    if health.machines is None:
        return "unknown"
    return ", ".join(f"{count} {state}" for state, count in sorted(health.machines.states.items())) or "none"


def _answer(health: AppHealth) -> str:
    if not health.probes:
        return "asleep" if health.machines and set(health.machines.states) <= {"stopped", "suspended"} else "-"
    worst = min(health.probes, key=lambda probe: (probe.ok, not probe.over_budget))
    if worst.status is None:
        return worst.error_code or "none"
    took = "" if worst.took_ms is None else f" in {worst.took_ms:.0f} ms"
    return f"{worst.status}{took}"


def _history(health: AppHealth) -> tuple[str, str]:
    restarts = "unknown" if health.machines is None else str(health.machines.restarts)
    if health.log is None:
        return restarts, "unknown"
    told = [
        f"{count} {kind.replace('_', ' ')}"
        for kind, count in sorted(health.log.incidents.items())
        if kind not in ("restart", "exception")
    ]
    if health.log.errors_5xx:
        told.append(f"{health.log.errors_5xx} 5xx")
    return restarts, ", ".join(told) or "quiet"


def _certificate(health: AppHealth) -> str:
    if health.tls is None or health.tls.error_code == "not_asked":
        return "-"
    if health.tls.days_left is None:
        return health.tls.error_code or "unknown"
    return f"{health.tls.days_left} d"
