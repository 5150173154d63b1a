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


CALLS: dict[str, Callable[[Stage], object]] = {
    "repos.get": lambda stage: stage.github.repos.get(REPO),
    "repos.me": lambda stage: stage.github.repos.me(),
    "git.head": lambda stage: stage.github.git.head(REPO),
    "git.ref": lambda stage: stage.github.git.ref(REPO, "refs/heads/main"),
    "git.refs": lambda stage: stage.github.git.refs(REPO, "refs/heads/"),
    "git.create_ref": lambda stage: stage.github.git.create_ref(REPO, LOCK, stage.github.git.head(REPO)),
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
