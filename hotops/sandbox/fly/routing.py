"""From a method and a path to the function that answers, with what that function needs to know."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from hotops.sandbox.fly import access, leases, lifecycle
from hotops.sandbox.fly.errors import RefusalError, invalid, not_found
from hotops.sandbox.fly.machine import Machine
from hotops.sandbox.fly.world import App, World
from hotops.sandbox.wire import Pending, Request, Response


@dataclass
class Call:
    """One routed request: the world, who asks, and the path's parameters."""

    world: World
    request: Request
    now: float
    grant: access.Grant
    params: dict[str, str]
    writes: bool = False

    @cached_property
    def app(self) -> App:
        """The app in the path; raises 403 or 404."""
        return access.app_named(self.world, self.grant, self.params["app"], writes=self.writes)

    @cached_property
    def machine(self) -> Machine:
        """The machine in the path, brought to this moment; raises 404 where it is none of this app's."""
        machine = self.app.machines.get(self.params["machine"])
        if machine is None or machine.lost:
            raise not_found("machine")
        lifecycle.advance(self.world, machine, self.now)
        return machine

    @cached_property
    def payload(self) -> dict[str, Any]:
        """The JSON object in the body ({} where there is none); raises 400 for anything else."""
        if not self.request.body:
            return {}
        try:
            decoded = json.loads(self.request.body)
        except ValueError:
            raise invalid("request body is not valid JSON") from None
        if not isinstance(decoded, dict):
            raise invalid("request body is not a JSON object")
        return decoded

    def gated_machine(self) -> Machine:
        """The machine in the path, if no lease of somebody else and no lost host stands against changing it."""
        machine = self.machine
        leases.check(machine, self.request.headers.get("fly-machine-lease-nonce"), self.now)
        if machine.host_status != "ok":
            raise RefusalError(503, "unavailable: the machine's host is unreachable")
        return machine


Handler = Callable[[Call], "Response | Pending"]


@dataclass(frozen=True)
class Route:
    """A path template with its handler. `action` names it for the rate limit; None leaves it unlimited."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    action: str | None
    writes: bool


class Routes:
    """A table of routes, filled by decorators."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def on(
        self, method: str, template: str, *, action: str | None = None, writes: bool | None = None
    ) -> Callable[[Handler], Handler]:
        """Register a handler for a template such as `/v1/apps/{app}/machines`."""
        pattern = re.compile("^" + re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template) + "$")

        def register(handler: Handler) -> Handler:
            changes = method not in {"GET", "HEAD"} if writes is None else writes
            self._routes.append(Route(method, pattern, handler, action, changes))
            return handler

        return register

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def include(self, other: Routes) -> None:
        """Take over the routes of another table."""
        self._routes.extend(other._routes)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and its parameters; raises 404 or 405."""
        known_path = False
        for route in self._routes:
            match = route.pattern.match(path)
            if match is None:
                continue
            known_path = True
            if route.method == method:
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
        raise RefusalError(405, "method not allowed") if known_path else not_found("page")
