"""Clients of GitHub for tests, over the twin in this process, on a clock that costs nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from hotops.core.http import Call
from hotops.core.limiter import Limiter, MemoryLimiter, NoLimiter
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.github.client import GitHub
from hotops.sandbox.control import control
from hotops.sandbox.inprocess import Transport
from hotops.sandbox.twin import Twin
from tests.stage import FakeClock

START = 1_790_000_000.0
REPO = "acme/shop"
DEPLOY = """\
name: Deploy staging
run-name: Deploy staging because ${{ inputs.reason }}
on:
  workflow_dispatch:
    inputs:
      reason: {required: true, type: string}
      target: {required: false, type: choice, options: [a, b], default: a}
jobs:
  build:
    runs-on: ubuntu-latest
    steps: []
  deploy:
    needs: build
    environment: production
    runs-on: ubuntu-latest
    steps: []
"""
SEED: Mapping[str, Any] = {
    "name": REPO,
    "visibility": "public",
    "collaborators": {"ada": "write", "grace": "read"},
    "environments": {"staging": {}, "production": {"reviewers": ["ada"]}},
    "workflows": {"deploy.yml": DEPLOY},
    "checks": {"build": "success", "test": "success"},
    "artifacts": {"vitest": {"files": {"results.json": {"numFailedTests": 0}}}},
    "issues": [{"title": "Checkout is slow", "labels": ["P0"]}, {"title": "A typo", "labels": ["P2"]}],
}


class Forge:
    """A twin of GitHub with one repository, and clients on it."""

    def __init__(self, *, limits: bool = False, repositories: tuple[Mapping[str, Any], ...] = (), **own: Any) -> None:
        self.clock = FakeClock(START)
        seed = {"schema": 1, "github": {"repositories": [{**SEED, **own}, *repositories]}}
        self.twin = Twin(seed, connect=lambda _dsn: None, now=START)
        self.twin.limits = limits
        self.calls: list[Call] = []
        self.github = self.client()

    def client(self, token: str | None = None, limiter: Limiter | None = None) -> GitHub:
        """A client; the operator's, who may do everything, if no token is given."""
        return GitHub(
            Secret(token or self.twin.tokens["github"]),
            world=World("sandbox", {}, None, None, {}),
            clock=self.clock,
            transport=Transport(self.twin, self.clock),
            limiter=lambda _cloud, _identity: limiter or NoLimiter(),
            on_call=self.calls.append,
        )

    def limited(self) -> GitHub:
        """A client that keeps GitHub's published limits by itself."""
        return self.client(limiter=MemoryLimiter(self.clock))

    def as_user(self, login: str, **rights: Any) -> GitHub:
        """The client of somebody else, with a token of these `permissions` and `repositories`."""
        return self.client(self.happen("token", login=login, **rights)["token"])

    def happen(self, deed: str, **more: Any) -> Any:
        """Let something happen on the twin's GitHub."""
        body = json.dumps({"do": deed, **more}).encode()
        answer = control(self.twin, "POST", "github", body, self.clock.now())
        assert answer.status < 400, answer.body
        return answer.json()

    def arrived(self, name: str, environment: str | None = None) -> bytes:
        """The bytes of a secret after its box was opened."""
        found = self.happen("secrets", environment=environment)
        return base64.b64decode(found[name])

    def fault(self, kind: str, path: str = "*", **more: Any) -> None:
        """Break calls to GitHub."""
        match = {"surface": "github", "path": path, **more.pop("match", {})}
        self.twin.faults.add({"kind": kind, "match": match, **more})

    def asked(self) -> list[str]:
        """What the clients asked, in order."""
        return [f"{call.method} {call.path}" for call in self.calls]
