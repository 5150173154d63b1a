"""Every public method of the GitHub client, called once on the twin: the list that the contract tests stand on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

from hotops.core.limiter import NoLimiter
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.github.client import GitHub
from hotops.sandbox.inprocess import Transport
from tests.github_worlds import REPO, Forge

LOCK = "refs/hotops/lock/production"


@dataclass
class Exchange:
    """One request as it went on the wire, and its answer."""

    method: str
    host: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any
    status: int
    answer: Any


@dataclass
class Recorder(httpx.BaseTransport):
    """Hands requests on and keeps them with their answers."""

    inner: httpx.BaseTransport
    seen: list[Exchange] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        body = json.loads(request.content) if request.content else None
        raw_path, _, query = request.url.raw_path.decode().partition("?")
        is_json = "json" in response.headers.get("content-type", "")
        self.seen.append(
            Exchange(
                request.method, request.url.host, raw_path, parse_qsl(query), dict(request.headers.items()), body,
                response.status_code, json.loads(response.content) if is_json and response.content else None,
            )
        )  # fmt: skip
        return response


class Stage:
    """A fresh twin with a recorded client."""

    def __init__(self) -> None:
        self.forge = Forge()
        self.recorder = Recorder(Transport(self.forge.twin, self.forge.clock))
        self.github = GitHub(
            Secret(self.forge.twin.tokens["github"]),
            world=World("sandbox", {}, None, None, {}),
            clock=self.forge.clock,
            transport=self.recorder,
            limiter=lambda _cloud, _identity: NoLimiter(),
        )


def _delete_secret(stage: Stage) -> object:
    stage.github.secrets.put(REPO, "A", Secret("value-of-it"), "production")
    return stage.github.secrets.delete(REPO, "A", "production")


def _delete_variable(stage: Stage) -> object:
    stage.github.variables.put(REPO, "A", "1", "production")
    return stage.github.variables.delete(REPO, "A", "production")


def _list_variables(stage: Stage) -> object:
    stage.github.variables.put(REPO, "A", "1")
    return stage.github.variables.list(REPO)


def _list_secrets(stage: Stage) -> object:
    stage.github.secrets.put(REPO, "A", Secret("value-of-it"))
    return stage.github.secrets.list(REPO)


def _tag(stage: Stage) -> object:
    git = stage.github.git
    return git.tag(REPO, git.create_tag(REPO, "hotops-lock", "{}", git.head(REPO)).sha)


def _delete_ref(stage: Stage) -> object:
    git = stage.github.git
    git.create_ref(REPO, LOCK, git.head(REPO))
    return git.delete_ref(REPO, LOCK)


def _move_ref(stage: Stage) -> object:
    git = stage.github.git
    git.create_ref(REPO, LOCK, git.head(REPO))
    return git.move_ref(REPO, LOCK, git.create_tag(REPO, "hotops-lock", "{}", git.head(REPO)).sha)


def _run(stage: Stage) -> int:
    return stage.github.workflows.dispatch(REPO, "deploy.yml", "main", {"reason": "x"})


def _waiting(stage: Stage) -> int:
    """A run whose deploy waits for ada."""
    run = _run(stage)
    stage.forge.clock.sleep(60)
    return run


def _review(stage: Stage) -> object:
    run = _waiting(stage)
    stage.forge.happen("protect", environment="production", reviewers=["operator"])
    (pending,) = stage.github.runs.pending(REPO, run)
    return stage.github.runs.review(REPO, run, [pending.environment.id], "approved", "fine")


def _reviews(stage: Stage) -> object:
    run = _waiting(stage)
    stage.forge.happen("review", run=run, login="ada")
    return stage.github.runs.reviews(REPO, run)


def _finished(stage: Stage) -> object:
    run = _waiting(stage)
    stage.forge.happen("review", run=run, login="ada")
    return stage.github.runs.wait(REPO, run, timeout_s=600)


def _deployment(stage: Stage) -> int:
    head = stage.github.git.head(REPO)
    return stage.github.deployments.create(REPO, head, "production", task="t", description="d", payload={"a": 1}).id


def _told(stage: Stage) -> int:
    number = _deployment(stage)
    stage.github.deployments.tell(REPO, number, "success", description="well", environment_url="https://x.example.com")
    return number


def _deployments(stage: Stage) -> object:
    _deployment(stage)
    return stage.github.deployments.list(REPO, "production", task="t")


def _artifact(stage: Stage) -> object:
    (artifact,) = stage.github.runs.artifacts_named(REPO, "vitest")
    return stage.github.runs.download(REPO, artifact.id)


def _artifacts(stage: Stage) -> object:
    (run,) = stage.github.runs.of_commit(REPO, stage.github.git.head(REPO))
    return stage.github.runs.artifacts(REPO, run.id)


def _statuses(stage: Stage) -> object:
    stage.forge.happen("check", name="ci/old", conclusion="success", kind="status")
    return stage.github.checks.statuses(REPO, stage.github.git.head(REPO))


CALLS: dict[str, Callable[[Stage], object]] = {
    "checks.runs": lambda stage: stage.github.checks.runs(REPO, stage.github.git.head(REPO)),
    "checks.statuses": _statuses,
    "workflows.list": lambda stage: stage.github.workflows.list(REPO),
    "workflows.get": lambda stage: stage.github.workflows.get(REPO, "deploy.yml"),
    "workflows.runs": lambda stage: (_run(stage), stage.github.workflows.runs(REPO, "deploy.yml", since=0.0)),
    "workflows.dispatch": _run,
    "runs.get": lambda stage: stage.github.runs.get(REPO, _run(stage)),
    "runs.in_state": lambda s: s.github.runs.in_state(REPO, "waiting"),
    "runs.of_commit": lambda stage: stage.github.runs.of_commit(REPO, stage.github.git.head(REPO)),
    "runs.wait": _finished,
    "runs.cancel": lambda stage: stage.github.runs.cancel(REPO, _run(stage)),
    "runs.jobs": lambda stage: stage.github.runs.jobs(REPO, _waiting(stage)),
    "runs.reviews": _reviews,
    "runs.pending": lambda stage: stage.github.runs.pending(REPO, _waiting(stage)),
    "runs.review": _review,
    "runs.artifacts": _artifacts,
    "runs.artifacts_named": lambda stage: stage.github.runs.artifacts_named(REPO, "vitest"),
    "runs.download": _artifact,
    "environments.list": lambda stage: stage.github.environments.list(REPO),
    "environments.get": lambda stage: stage.github.environments.get(REPO, "production"),
    "deployments.list": _deployments,
    "deployments.create": _deployment,
    "deployments.tell": _told,
    "deployments.statuses": lambda stage: stage.github.deployments.statuses(REPO, _told(stage)),
    "issues.list": lambda stage: stage.github.issues.list(REPO, labels=["P0"]),
    "issues.get": lambda stage: stage.github.issues.get(REPO, stage.github.issues.create(REPO, "t").number),
    "issues.titled": lambda stage: stage.github.issues.titled(REPO, stage.github.issues.create(REPO, "t").title),
    "issues.create": lambda stage: stage.github.issues.create(REPO, "t", "b", labels=["P0"]),
    "issues.comment": lambda stage: stage.github.issues.comment(REPO, 1, "more"),
    "issues.comments": lambda stage: stage.github.issues.comments(REPO, 1),
    "issues.close": lambda stage: stage.github.issues.close(REPO, 1),
    "repos.get": lambda stage: stage.github.repos.get(REPO),
    "repos.me": lambda stage: stage.github.repos.me(),
    "repos.identity": lambda stage: stage.github.repos.identity(),
    "git.head": lambda stage: stage.github.git.head(REPO),
    "git.ref": lambda stage: stage.github.git.ref(REPO, "refs/heads/main"),
    "git.refs": lambda stage: stage.github.git.refs(REPO, "refs/heads/"),
    "git.create_ref": lambda stage: stage.github.git.create_ref(REPO, LOCK, stage.github.git.head(REPO)),
    "git.move_ref": _move_ref,
    "git.delete_ref": _delete_ref,
    "git.create_tag": lambda stage: stage.github.git.create_tag(REPO, "x", "{}", stage.github.git.head(REPO)),
    "git.tag": _tag,
    "secrets.list": _list_secrets,
    "secrets.put": lambda stage: stage.github.secrets.put(REPO, "A", Secret("value-of-it"), "production"),
    "secrets.delete": _delete_secret,
    "secrets.public_key": lambda stage: stage.github.secrets.public_key(REPO),
    "variables.list": _list_variables,
    "variables.put": lambda stage: stage.github.variables.put(REPO, "A", "1", "production"),
    "variables.delete": _delete_variable,
}
