"""From a method and a path to the function that answers, if this token may."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from hotops.sandbox.github.replies import RefusalError, not_found
from hotops.sandbox.github.world import Account, Environment, Hub, Repository, Role, Token
from hotops.sandbox.wire import Request, Response

_RANK: dict[Role | None, int] = {None: 0, "read": 1, "write": 2, "admin": 3}


@dataclass
class Call:
    """One routed request: the hub, who asks, and the path's parameters."""

    hub: Hub
    request: Request
    now: float
    token: Token
    params: dict[str, str]

    @property
    def user(self) -> Account:
        """Whom the token speaks for."""
        return self.hub.account(self.token.login)

    @cached_property
    def repo(self) -> Repository:
        """The repository in the path. Raises 404 where there is none that this token may know of."""
        found = self.hub.repository(f"{self.params['owner']}/{self.params['repo']}")
        if found is None or (found.private and not self.sees(found)):
            raise not_found()
        return found

    @cached_property
    def environment(self) -> Environment:
        """The environment in the path. Raises 404 where there is none."""
        found = self.repo.environments.get(self.params["environment"].lower())
        if found is None:
            raise not_found()
        return found

    @cached_property
    def payload(self) -> dict[str, Any]:
        """The JSON object in the body ({} where there is none). Raises 400 for anything else."""
        if not self.request.body:
            return {}
        try:
            decoded = json.loads(self.request.body)
        except ValueError:
            raise RefusalError(400, "Problems parsing JSON") from None
        if not isinstance(decoded, dict):
            raise RefusalError(400, "Body should be a JSON object")
        return decoded

    def may(self, permission: str, access: str, role: Role | None) -> None:
        """Raise 403 unless the token has the permission, and its owner that role (None: whoever sees it)."""
        token, repo = self.token, self.repo
        accepted = {"x-accepted-github-permissions": f"{permission}={access}"}
        kind = "integration" if token.of_actions else "personal access token"
        lacks = token.permissions is not None and not _covers(token.permissions.get(permission, ""), access)
        elsewhere = token.repositories is not None and repo.full_name not in token.repositories
        if (lacks and not (permission == "metadata" and access == "read")) or (elsewhere and access == "write"):
            raise RefusalError(403, f"Resource not accessible by {kind}", headers=accepted)
        if not token.of_actions and _RANK[repo.role_of(token.login)] < _RANK[role]:
            raise RefusalError(403, f"Must have {role} rights to Repository.", headers=accepted)

    def sees(self, repo: Repository) -> bool:
        """Whether this token may know of a private repository."""
        chosen = self.token.repositories
        if chosen is not None and repo.full_name not in chosen:
            return False
        return self.token.of_actions or repo.role_of(self.token.login) is not None


def _covers(has: str, access: str) -> bool:
    return has in {"write", access}


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Route:
    """A path template with its handler, and what it takes to be let in. `permission` None: any known token."""

    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler
    permission: str | None
    access: str
    role: Role | None


class Routes:
    """A table of routes, filled by decorators."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def on(
        self,
        method: str,
        template: str,
        permission: str | None = None,
        *,
        access: str = "",
        role: Role | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register a handler; `{name}` is one part of the path, `{name*}` the rest of it, slashes too.

        What reads needs the permission `read` and no role, what writes `write` of both, unless said otherwise.
        """
        pattern = re.compile(
            "^" + re.sub(r"{(\w+)(\*?)}", lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})", template) + "$"
        )
        writes = method not in {"GET", "HEAD"}

        def register(handler: Handler) -> Handler:
            needed = access or ("write" if writes else "read")
            rank: Role | None = role or ("write" if writes else None)
            self._routes.append(Route(method, template, pattern, handler, permission, needed, rank))
            return handler

        return register

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def include(self, other: Routes) -> None:
        """Take over the routes of another table."""
        self._routes.extend(other._routes)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and its parameters. Raises 404."""
        for route in self._routes:
            match = route.pattern.match(path)
            if match is not None and route.method == method:
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
        raise not_found()
