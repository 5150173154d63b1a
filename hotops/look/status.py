"""The state of an environment on one screen: what runs, how it is, what changed, what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.core.clock import rfc3339
from hotops.core.documented import Documented
from hotops.core.lock import Holder
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.parallel import map_parallel
from hotops.core.table import WIDTH, aligned
from hotops.health.finding import Finding, worst_first
from hotops.health.health_report import NotWell
from hotops.inventory.schema import App, Environment
from hotops.look.app_seen import AppSeen, see_apps
from hotops.look.changes import DAY_S, NOT_TOLD, Change, changes_of, runs_of
from hotops.look.database import DatabaseSeen, see_database
from hotops.look.next_step import next_step
from hotops.look.reading import Reading
from hotops.look.repository import RepositorySeen, see_checks, see_repository
from hotops.look.screen import MARKS, cut, fact, finding_lines, short_age, wrapped
from hotops.look.served import WINDOW_S
from hotops.promote.holding import shown_holder
from hotops.promote.pairs import environment_of
from hotops.selection import select

MOST_FINDINGS = 6
MOST_CHANGES = 8
_UNKNOWN = "?"


class StatusWanted(Spec):
    """Which apps, how far back."""

    apps: tuple[str, ...] = Field((), description="Apps to look at; all that the run selects if omitted.")
    since_s: float = Field(DAY_S, gt=0, description="How far back changes are told, in seconds.")
    fail_on_findings: bool = Field(
        default=False, description="Whether findings (all but warnings) fail the task, with exit code 8."
    )


@dataclass(frozen=True)
class StatusSeen:
    """All that was seen, and when (unix seconds)."""

    apps: tuple[AppSeen, ...]
    database: DatabaseSeen
    repository: RepositorySeen
    changes: tuple[Change, ...]
    holder: Holder | None
    lock_scope: str
    now: float
    took_s: float


class Status(Operation[StatusWanted, StatusSeen]):
    """Look at all apps, the database and the last day at once. Raises TokenMissing (Fly's), UsageError, NotWell.

    Four calls of Fly for each app, two for each organisation, two of Supabase where a project is declared; where a
    repository is, three of GitHub, one for each blocking label and one for each commit whose checks are required.
    """

    name = "status"
    Want = StatusWanted
    effect = "read"
    needs_environment = True
    keeps_evidence = False
    docs = Documented(
        short="Show the state of an environment on one screen",
        description=(
            "Tells of each app what runs since when, machines, checks, 5xx and p95 of 15 minutes, the way back.",
            "Tells of the database its state and newest backup, and what changed in the last 24 hours, whoever did it.",
            "Tells of GitHub the last deployment, CI of what runs, runs that wait for a reviewer, and open blockers.",
            "Reads only, and writes no file. What can't be read is unknown, with the reason; Fly's token is enough.",
            "The last line is the command to type next.",
        ),
        returns={
            "apps": {
                "description": "One item for each app; null is what is not known, and C(unknown) says why.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "app": {"description": "Name of the app.", "type": "str"},
                    "state": {"description": "`ok`, `warn`, `unknown` or `bad`: its worst finding.", "type": "str"},
                    "images": {"description": "What its machines run.", "type": "list", "elements": "str"},
                    "since": {"description": "Since when, RFC 3339.", "type": "str"},
                    "machines": {"description": "Number of machines by state.", "type": "dict"},
                    "checks": {"description": "Passing and configured checks of started machines.", "type": "dict"},
                    "served": {"description": "Answers, 5xx and 95th percentile of 15 minutes.", "type": "dict"},
                    "way_back": {"description": "The release that a rollback brings back.", "type": "dict"},
                    "unknown": {"description": "What could not be read, and why.", "type": "dict"},
                },
            },
            "database": {
                "description": "The Supabase project: its state and newest backup.",
                "returned": "success",
                "type": "dict",
            },
            "repository": {
                "description": "GitHub's last deployments, runs that wait for a reviewer, blockers, checks not green.",
                "returned": "success",
                "type": "dict",
            },
            "changes": {
                "description": "Changes, the newest first: when, app, what, who.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "findings": {
                "description": "Everything that is not well, the worst first, as M(hotops.core.health_report) has it.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "lock": {
                "description": "Who holds the environment, null if nobody does.",
                "returned": "success",
                "type": "str",
            },
            "next": {"description": "The command to type next.", "returned": "success", "type": "str"},
        },
        examples="""
- name: Show how production is
  hotops.core.status:
  run_once: true

- name: Stop where anything is not well
  hotops.core.status:
    fail_on_findings: true
  run_once: true
""",
        see_also=("health_report",),
    )

    def observe(self) -> StatusSeen:
        context, environment = self.context, environment_of(self.context)
        began = context.clock.now()
        since = began - self.want.since_s
        chosen = self._apps(environment)
        # All clouds at once: none waits for another.
        looks: list[Callable[[], Any]] = [
            lambda: see_apps(context, chosen, now=began),
            lambda: see_database(context, environment),
            lambda: shown_holder(context, environment),
            lambda: see_repository(context, environment),
        ]
        apps, database, (holder, scope), repository = map_parallel(lambda look: look(), looks)
        # Which commits run is known only now.
        repository = see_checks(context, environment, repository, apps)
        changes = [change for app in apps for change in changes_of(app, since)] + runs_of(environment, since)
        return StatusSeen(
            tuple(apps),
            database,
            repository,
            tuple(sorted(changes, key=lambda change: -change.at)),
            holder,
            scope,
            began,
            context.clock.now() - began,
        )

    def report(self, state: StatusSeen, plan: Plan, done: Done) -> dict[str, Any]:
        environment = environment_of(self.context)
        found = findings_of(state, environment)
        step = next_step(environment, state.apps, state.database, holder=state.holder, now=state.now)
        result = {
            "apps": [app.as_row() for app in state.apps],
            "database": state.database.as_row(),
            "repository": state.repository.as_row(),
            "changes": [change.as_row() for change in state.changes],
            "findings": [finding.as_row() for finding in found],
            "lock": str(state.holder) if state.holder else None,
            "next": step,
            "hotops_screen": screen(state, environment, found, step),
        }
        failed = [finding for finding in found if finding.is_failure]
        if failed and self.want.fail_on_findings:
            raise NotWell(
                f"{len(failed)} findings: {', '.join(sorted({finding.app or finding.subject for finding in failed}))}.",
                remedy=step,
                details=result,
            )
        return result

    def _apps(self, environment: Environment) -> list[App]:
        hosts = select(environment, self.context.selection or environment.apps, apps=self.want.apps)
        return [environment.apps[host] for host in hosts]


def findings_of(state: StatusSeen, environment: Environment) -> list[Finding]:
    """Everything that is not well, the worst first."""
    return worst_first(
        [
            *(finding for app in state.apps for finding in app.findings),
            *state.database.findings(environment),
            *state.repository.findings(),
        ]
    )


# --- the screen -------------------------------------------------------------------------------------------------------

HEADER = ("app", "runs", "since", "up", "checks", "5xx", "p95", "back")
#: Wider names are shortened so that the table stays within the screen.
_LONGEST_NAME = 24


def screen(state: StatusSeen, environment: Environment, findings: Sequence[Finding], step: str) -> list[str]:
    """All of it within one screen of 80 columns."""
    name = environment.name
    world = "SANDBOX" if environment.env_kind == "sandbox" else "live"
    at = rfc3339(state.now)[:16].replace("T", " ")
    lines = [*wrapped(f"{name} ({world}) {at} UTC: {_headline(state, findings)}"), ""]
    lines += aligned([_row(app, state.now) for app in state.apps], HEADER)
    if why := _unknown_line(state.apps):
        lines += wrapped(why, first=f"{_UNKNOWN} ", then="  ")
    lines += ["", *_facts(state, environment)]
    if findings:
        told = finding_lines(findings, most=MOST_FINDINGS, more=f"hotops status {name} --json")
        lines += ["", "Not well:" if any(finding.is_failure for finding in findings) else "Worth knowing:", *told]
    lines += ["", *_changes(state)]
    return [*lines, "", *wrapped(f"Next: {step}", then="      ")]


def _headline(state: StatusSeen, findings: Sequence[Finding]) -> str:
    bad = [app.name for app in state.apps if app.state == "bad"]
    if bad:
        told = bad[0] if len(bad) == 1 else f"{len(bad)} of {len(state.apps)} apps"
        return f"{told} {'is' if len(bad) == 1 else 'are'} not well"
    unknown = sum(app.state == "unknown" for app in state.apps)
    if unknown:
        return f"{unknown} of {len(state.apps)} apps unknown"
    if any(finding.severity == "bad" for finding in findings):
        return "apps well, database not"
    return "all well" if not findings else f"served, {len(findings)} worth knowing"


def _row(app: AppSeen, now: float) -> list[str]:
    label = f"{MARKS[app.state]}{cut(app.name, _LONGEST_NAME)}"
    if not app.machines.is_known:
        return [label, *[_UNKNOWN] * 7]
    passing, wanted = app.checks
    started = sum(count for state, count in (app.health.states if app.health else {}).items() if state == "started")
    total = app.health.count if app.health else len(app.own)
    since = _UNKNOWN if app.since is None else short_age(now - app.since)
    return [
        label,
        _runs(app),
        since if app.own else "-",
        f"{started}/{total}",
        f"{passing}/{wanted}" if wanted else "none",
        *_served(app),
        _way_back(app),
    ]


def _runs(app: AppSeen) -> str:
    """The release and the image's first digits: tags of flyctl are 37 characters and say nothing."""
    images = app.images
    if len(images) != 1:
        return f"{len(images)} images" if images else "-"
    version = f"v{app.versions[-1]} " if len(app.versions) == 1 else ""
    return f"{version}{images[0].digest.removeprefix('sha256:')[:7] or images[0].tag[:12] or _UNKNOWN}"


def _served(app: AppSeen) -> tuple[str, str]:
    got = app.served.value
    if got is None:
        return _UNKNOWN, _UNKNOWN
    if not got.answers:
        return "-", "-"
    share = f"{got.share:.1%}" if got.errors_5xx else "0"
    unknown = "-" if got.window_s < WINDOW_S else _UNKNOWN  # of what runs for minutes only nobody asks the times
    return share, unknown if got.p95_ms is None else f"{got.p95_ms:.0f}ms"


def _way_back(app: AppSeen) -> str:
    way = app.way_back.value
    if way is not None:
        return f"v{way.release.version}"
    return "none" if app.way_back.error is None else _UNKNOWN


def _unknown_line(apps: Sequence[AppSeen]) -> str:
    """What the question marks mean: each reason once, with the app where it is one app's."""
    reasons: dict[str, list[str]] = {}
    for app in apps:
        if not app.machines.is_known:
            continue  # told as a finding
        parts: dict[str, Reading[Any]] = {
            "5xx, p95": app.served,
            "back": app.way_back,
            "secrets": app.secrets,
            "releases": app.releases,
        }
        for column, part in parts.items():
            if not part.is_known and part.error is not None:
                reasons.setdefault(f"{column}: {part.why_not}", []).append(app.name)
    told = [reason if len(names) > 1 else f"{names[0]} {reason}" for reason, names in reasons.items()]
    return "; ".join(told[:3])


def _facts(state: StatusSeen, environment: Environment) -> list[str]:
    lines = fact("database", state.database.says)
    if state.database.project.value is not None:
        lines += fact("", f"rows gone? hotops restore points {environment.name}")
    lines += fact("github", state.repository.says(state.now))
    if state.holder is None:
        return lines + fact("lock", f"free ({state.lock_scope})")
    dead = "left by the dead " if state.holder.is_dead(state.now) else "held by "
    return lines + fact("lock", f"{dead}{state.holder} ({state.lock_scope})")


def _changes(state: StatusSeen) -> list[str]:
    if not state.changes:
        return ["Nothing changed in this time."]
    lines = []
    for change in state.changes[:MOST_CHANGES]:
        who = "" if change.who == NOT_TOLD else f" ({change.who})"
        where = f"{change.app}: " if change.app else ""
        lines.append(f"{short_age(state.now - change.at):>5}  {cut(f'{where}{change.what}{who}', WIDTH - 7)}")
    more = len(state.changes) - MOST_CHANGES
    tail = [f"       and {more} older"] if more > 0 else []
    return ["Changed, newest first:", *lines, *tail]
