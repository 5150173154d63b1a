"""api.github.com: who asks, within which limits, and the function that answers."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from hotops.sandbox.github import (
    artifacts,
    checks,
    deployments,
    environments,
    git,
    graphql_api,
    issues,
    repos,
    runs,
    seeding,
    variables,
    workflows,
)
from hotops.sandbox.github import secrets as secret_routes
from hotops.sandbox.github.limits import Limits
from hotops.sandbox.github.replies import HOST, RefusalError
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.world import Hub, Token
from hotops.sandbox.wire import Effect, Request, Response

HOSTS = (HOST, artifacts.STORE_HOST)
_NOT_CONTENT = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


def _table(*tables: Routes) -> Routes:
    whole = Routes()
    for table in tables:
        whole.include(table)
    return whole


ROUTES = _table(
    secret_routes.routes,
    variables.routes,
    environments.routes,
    checks.routes,
    git.routes,
    repos.routes,
    workflows.routes,
    runs.routes,
    artifacts.routes,
    deployments.routes,
    issues.routes,
    graphql_api.routes,
)


class GithubApi:
    """Answers requests to api.github.com over one hub."""

    def __init__(self, seed: Mapping[str, Any], token: str, now: float, *, speed: float = 1.0) -> None:
        self.hub = Hub(speed)
        self.limits = Limits()
        self.is_limited = True
        seeding.plant(self.hub, seed, token, now)

    def handle(self, request: Request, now: float) -> Response:
        """Answer one request. Each answer carries its id and where the limits stand."""
        request.memory["effect"] = effect_of(request)
        if request.host == artifacts.STORE_HOST:
            return artifacts.from_store(self.hub, request)
        headers = {
            "x-github-request-id": ":".join(secrets.token_hex(2).upper() for _ in range(4)),
            "x-github-media-type": "github.v3; format=json",
            "x-github-api-version-selected": request.headers.get("x-github-api-version", "2022-11-28"),
        }
        token: Token | None = None
        try:
            token = self._token_of(request)
            response = self._answer(request, token, now)
        except RefusalError as refusal:
            response = refusal.reply()
        if token is not None:
            headers |= self.limits.headers(token, now)
        response.headers = {**headers, **response.headers}
        return response

    def _answer(self, request: Request, token: Token, now: float) -> Response:
        if self.is_limited:
            makes_content = request.method not in _NOT_CONTENT and effect_of(request) == "write"
            self.limits.take(token, request.method, now, makes_content=makes_content)
        route, params = ROUTES.find(request.method, request.path)
        call = Call(self.hub, request, now, token, params)
        if route.permission is not None:
            call.may(route.permission, route.access, route.role)
        return route.handler(call)

    def _token_of(self, request: Request) -> Token:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        for value, token in self.hub.tokens.items():
            if hmac.compare_digest(value.encode(), given.strip().encode()) and scheme.lower() in ("bearer", "token"):
                return token
        # Without a token GitHub answers for public things, with limits of its own; nothing of ours asks so.
        raise RefusalError(401, "Bad credentials" if given else "Requires authentication")


def effect_of(request: Request) -> Effect:
    """What a call does to the world; GraphQL posts its queries, so there only a mutation writes."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return "none"
    if request.path == "/graphql":
        return "write" if str(_query_of(request)).lstrip().startswith("mutation") else "none"
    return "write"


def _query_of(request: Request) -> Any:
    try:
        return json.loads(request.body).get("query")
    except (ValueError, AttributeError):
        return ""
