"""The team's repository, as GitHub tells of it: the last deployments, CI of what runs, who is waited for, blockers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hotops.core.clock import rfc3339
from hotops.core.context import Context
from hotops.github.client import GitHub
from hotops.github.models import Deployment, Issue, Run
from hotops.health.finding import Finding
from hotops.inventory.schema import App, Environment
from hotops.look.app_seen import AppSeen
from hotops.look.reading import Reading, absent, read_all
from hotops.look.screen import short_age
from hotops.repository.ci import GREEN

#: More deployments are in GitHub; so many say how it goes.
LAST = 5
#: A job that names an environment waits in one of these.
_WAITS = "waiting"


@dataclass(frozen=True)
class Deployed:
    """A deployment of the environment and how it stands, as far as that was read."""

    at: float | None
    commit: str
    state: str | None
    says: str

    def as_row(self) -> dict[str, Any]:
        at = rfc3339(self.at) if self.at is not None else None
        return {"at": at, "commit": self.commit, "state": self.state, "says": self.says}


@dataclass(frozen=True)
class RepositorySeen:
    """Each part may be unknown. `checks` is by app: its required checks that are not green."""

    deployments: Reading[tuple[Deployed, ...]]
    waiting: Reading[tuple[Run, ...]]
    blockers: Reading[tuple[Issue, ...]]
    checks: dict[str, Reading[tuple[str, ...]]] = field(default_factory=dict)

    def says(self, now: float) -> str:
        """One line for an operator."""
        parts: list[Reading[Any]] = [self.deployments, self.waiting, self.blockers, *self.checks.values()]
        if not any(part.is_known for part in parts):
            return f"unknown: {self.deployments.why_not}"
        told = [self._deployed(now), self._ci(), self._waits(), self._blocked()]
        return ", ".join(part for part in told if part)

    def _deployed(self, now: float) -> str:
        if self.deployments.value is None:
            return "deployments unknown"
        if not self.deployments.value:
            return "no deployment recorded"
        newest = self.deployments.value[0]
        age = "" if newest.at is None else f" {short_age(now - newest.at)} ago"
        return f"last deployment {newest.state or 'unknown'}{age}"

    def _ci(self) -> str:
        if not self.checks:
            return ""
        red = [app for app, part in self.checks.items() if part.value]
        unknown = [app for app, part in self.checks.items() if not part.is_known]
        if red:
            return f"CI red for {red[0] if len(red) == 1 else f'{len(red)} apps'}"
        return "CI unknown" if unknown else "CI green"

    def _waits(self) -> str:
        if not self.waiting.value:
            return "" if self.waiting.is_known else "approvals unknown"
        return f"{len(self.waiting.value)} waits for a reviewer"

    def _blocked(self) -> str:
        if not self.blockers.value:
            return ""
        first = self.blockers.value[0].number
        return f"#{first} blocks" if len(self.blockers.value) == 1 else f"{len(self.blockers.value)} issues block"

    def findings(self) -> list[Finding]:
        """What is worth knowing before somebody deploys; nothing here says that users are not served."""
        found = [
            Finding("ci_not_green", app, app, f"what runs is not green: {', '.join(part.value)}.", "warn")
            for app, part in self.checks.items()
            if part.value
        ]
        for issue in self.blockers.value or ():
            remedy = f"{issue.html_url}; no promotion goes while it is open."
            found.append(Finding("blocker", "", f"#{issue.number}", f"{issue.title[:60]} blocks.", "warn", remedy))
        for run in self.waiting.value or ():
            title = run.display_title or run.name or run.file
            found.append(Finding("waits", "", "approval", f"{title[:70]} waits for a reviewer.", "warn", run.html_url))
        return found

    def as_row(self) -> dict[str, Any]:
        """All of it as plain data; null is what is not known, and `unknown` says why."""
        parts: dict[str, Reading[Any]] = {
            "deployments": self.deployments, "waiting": self.waiting, "blockers": self.blockers,
            **{f"checks of {app}": part for app, part in self.checks.items()},
        }  # fmt: skip
        return {
            "deployments": None if self.deployments.value is None else [one.as_row() for one in self.deployments.value],
            "waiting": None if self.waiting.value is None else [run.html_url for run in self.waiting.value],
            "blockers": None if self.blockers.value is None else [issue.number for issue in self.blockers.value],
            "not_green": {app: None if part.value is None else list(part.value) for app, part in self.checks.items()},
            "unknown": {name: part.why_not for name, part in parts.items() if not part.is_known},
        }


def see_repository(context: Context, environment: Environment) -> RepositorySeen:
    """Deployments with the state of the newest, runs that wait, blockers: three calls at once, one after, one a label.

    CI is asked for when it is known what runs: `see_checks`.
    """
    repo = environment.github_repo
    if repo is None or not context.world.has_credential("github"):
        why = absent("no github_repo in the inventory" if repo is None else "there is no GITHUB_TOKEN")
        return RepositorySeen(why, why, why)
    github = context.client(GitHub)
    scope = environment.github_environment or environment.name
    labels = environment.blocking_labels
    sources: list[Callable[[], Any]] = [
        lambda: _deployments(github, repo, scope),
        lambda: tuple(github.runs.in_state(repo, _WAITS)),
        *(partial(github.issues.list, repo, labels=(label,)) for label in labels),
    ]
    deployments, waiting, *issues = read_all(sources)
    if not labels:
        blockers: Reading[tuple[Issue, ...]] = Reading(())
    else:
        unread = next((part for part in issues if not part.is_known), None)
        once = {issue.number: issue for part in issues for issue in part.value or ()}
        blockers = unread or Reading(tuple(once.values()))
    return RepositorySeen(deployments, waiting, blockers)


def see_checks(
    context: Context, environment: Environment, seen: RepositorySeen, apps: Sequence[AppSeen]
) -> RepositorySeen:
    """The same with CI of the commits that run, where required checks are declared: one call a commit."""
    repo = environment.github_repo
    if repo is None or not context.world.has_credential("github"):
        return seen
    github = context.client(GitHub)
    wanted = {app.name: _commit(app) for app in apps if app.app.required_checks}
    commits = sorted({commit for commit in wanted.values() if commit})
    found = dict(zip(commits, read_all([partial(_checks, github, repo, commit) for commit in commits]), strict=True))
    apps_by_name = {app.name: app.app for app in apps}
    checks = {
        name: _judged(apps_by_name[name], found[commit]) if commit else absent("the image claims no commit")
        for name, commit in wanted.items()
    }
    return RepositorySeen(seen.deployments, seen.waiting, seen.blockers, checks)


def _commit(app: AppSeen) -> str:
    return next((image.commit for image in app.images if image.commit), "")


def _checks(github: GitHub, repo: str, commit: str) -> dict[str, str]:
    return {run.name: run.conclusion or "pending" for run in github.checks.runs(repo, commit)}


def _judged(app: App, found: Reading[dict[str, str]]) -> Reading[tuple[str, ...]]:
    if found.value is None:
        return Reading(why_not=found.why_not, error=found.error)
    said = found.value
    return Reading(
        tuple(f"{name} is {said.get(name, 'absent')}" for name in app.required_checks if said.get(name) not in GREEN)
    )


def _deployments(github: GitHub, repo: str, scope: str) -> tuple[Deployed, ...]:
    found = github.deployments.list(repo, scope)[:LAST]
    newest = github.deployments.statuses(repo, found[0].id)[:1] if found else []
    states = [newest[0].state if newest else None, *(_told(item) for item in found[1:])]
    return tuple(
        Deployed(item.created_at, item.sha, state, item.description or "")
        for item, state in zip(found, states, strict=False)
    )


def _told(deployment: Deployment) -> str | None:
    """How an older one ended, where hotops wrote it into the deployment itself."""
    outcome = deployment.payload.get("outcome") if isinstance(deployment.payload, dict) else None
    return {"promoted": "success"}.get(outcome, "failure") if isinstance(outcome, str) else None
