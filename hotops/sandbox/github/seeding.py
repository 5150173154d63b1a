"""GitHub as a seed describes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hotops.sandbox.github.running import Job, Run
from hotops.sandbox.github.world import Artifact, Commit, Environment, Hub, Issue, Repository, Stored, Token, sha_of

DAY_S = 86400.0
_CI = "name: CI\non: [push]\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps: []\n"
"""The workflow whose runs built the seed's commits, where a seed has none of its own."""

OPERATOR = "operator"
"""Whom the sandbox's own token speaks for, where a seed names nobody."""


def plant(hub: Hub, seed: Mapping[str, Any], token: str, now: float) -> None:
    """Make the accounts, repositories and the token of a seed."""
    operator = str(seed.get("operator") or OPERATOR)
    hub.account(operator)
    hub.tokens[token] = Token(operator)
    for item in seed.get("repositories", ()):
        repository = _repository(hub, item, operator, now)
        hub.repositories[repository.full_name.lower()] = repository


def _repository(hub: Hub, item: Mapping[str, Any], operator: str, now: float) -> Repository:
    owner, _, name = str(item["name"]).partition("/")
    kind = "Organization" if item.get("owner_kind") == "organization" else "User"
    repository = Repository(
        id=hub.number(),
        owner=hub.account(owner, "Organization" if kind == "Organization" else "User"),
        name=name,
        private=item.get("visibility", "public") == "private",
        default_branch=str(item.get("default_branch") or "main"),
        created_at=now - 365 * DAY_S,
    )
    repository.roles = {hub.account(login).login: role for login, role in (item.get("collaborators") or {}).items()}
    repository.roles.setdefault(operator, "admin")
    for environment, declared in (item.get("environments") or {}).items():
        made = environment_of(hub, environment, declared or {}, now - 90 * DAY_S)
        repository.environments[environment.lower()] = made
    repository.usual_checks = dict(item.get("checks") or {})
    repository.add_commit(sha_of("first", repository.full_name), repository.created_at, "The first")
    for commit in item.get("commits") or ():
        repository.add_commit(str(commit["sha"]), now - float(commit["age_s"]))
    newest = repository.refs[f"refs/heads/{repository.default_branch}"]
    repository.refs |= {f"refs/heads/{branch}": newest for branch in item.get("branches") or ()}
    files = {".github/workflows/ci.yml": _CI} | {
        f".github/workflows/{name}": text for name, text in (item.get("workflows") or {}).items()
    }
    repository.files = {branch: dict(files) for branch in (repository.default_branch, *(item.get("branches") or ()))}
    for commit in repository.commits.values():
        _ci_run(hub, repository, commit, item.get("artifacts") or {}, now)
    for issue in item.get("issues") or ():
        number = len(repository.issues) + 1
        labels, state = tuple(issue.get("labels") or ()), str(issue.get("state", "open"))
        repository.issues[number] = Issue(
            hub.number(), number, issue["title"], "", repository.owner, now - DAY_S, labels, state
        )
    _store(repository.keyring.values, item.get("secrets"), now - 30 * DAY_S)
    _store(repository.variables, item.get("variables"), now - 30 * DAY_S)
    return repository


def _ci_run(hub: Hub, repository: Repository, commit: Commit, artifacts: Mapping[str, Any], now: float) -> None:
    """The run in which CI built a commit, long over, with its artifacts."""
    run = Run(
        id=hub.number(),
        number=len(repository.runs) + 1,
        path=".github/workflows/ci.yml",
        name="CI",
        event="push",
        head_branch=repository.default_branch,
        head_sha=commit.sha,
        title="A change",
        actor=repository.owner,
        created_at=commit.at,
        jobs=(Job(hub.number(), "build", (), None),),
    )
    repository.runs[run.id] = run
    for name, declared in artifacts.items():
        at, files = now - float(declared.get("age_s", 600)), declared.get("files") or {}
        made = Artifact(hub.number(), name, run.id, commit.sha, at, files)
        repository.artifacts[made.id] = made


def environment_of(hub: Hub, name: str, declared: Mapping[str, Any], at: float) -> Environment:
    """One environment with its rules, secrets and variables."""
    made = Environment(
        id=hub.number(),
        name=name,
        created_at=at,
        reviewers=tuple(_known(hub, declared.get("reviewers") or ())),
        prevent_self_review=bool(declared.get("prevent_self_review", False)),
        can_admins_bypass=bool(declared.get("can_admins_bypass", True)),
        wait_timer_min=int(declared.get("wait_timer_min") or 0),
        branches=tuple(declared["branches"]) if declared.get("branches") is not None else None,
    )
    _store(made.keyring.values, declared.get("secrets"), at)
    _store(made.variables, declared.get("variables"), at)
    return made


def _known(hub: Hub, reviewers: Iterable[str]) -> Iterable[str]:
    for reviewer in reviewers:
        yield reviewer if reviewer.startswith("@") else hub.account(reviewer).login


def _store(held: dict[str, Stored], values: Mapping[str, str] | None, at: float) -> None:
    for name, value in (values or {}).items():
        held[name.upper()] = Stored(value.encode(), at, at)
