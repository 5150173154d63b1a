"""The twin itself: one request in, one answer out, at a time the caller names."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from hotops.sandbox.calls import CallLog, effect_of
from hotops.sandbox.databases import Connector
from hotops.sandbox.faults import Fault, Faults
from hotops.sandbox.fly import leases, seeding
from hotops.sandbox.fly.api import Api
from hotops.sandbox.fly.errors import RefusalError
from hotops.sandbox.fly.machines import NO_ROOM
from hotops.sandbox.fly.world import Connect, Settings, Token, World
from hotops.sandbox.github.api import HOSTS as GITHUB_HOSTS
from hotops.sandbox.github.api import GithubApi
from hotops.sandbox.wire import Pending, Request, Response, Surface

MountedHandler = Callable[[Request, float], "Response | Pending"]
LEASE_CONFLICT_S = 30.0
LATE_S = 30.0


class Twin:
    """The clouds of a seed, in this process.

    `handle` is synchronous and safe to call from several threads; machine states are computed for the time given, which
    must not run backwards. `speed` divides the platform's own durations (boot, stop, image pull), never rate limits,
    leases or wait timeouts. `connect` opens a database connection for a DSN and returns None or an error class; without
    one, psycopg does, through the names of `set_hosts`.
    """

    def __init__(
        self, seed: Mapping[str, Any], speed: float = 1.0, connect: Connect | None = None, now: float | None = None
    ) -> None:
        self._lock = threading.RLock()
        self._mounts: dict[str, tuple[Surface, MountedHandler]] = {}
        self._connector = Connector()
        self._connect: Connect = connect or self._connector
        self._seed = dict(seed)
        self._planted = False
        self.settings = Settings(speed=speed)
        self.faults = Faults()
        self.calls = CallLog()
        given = self._seed.get("tokens") or {}
        self.tokens: dict[str, str] = {
            cloud: str(given.get(cloud) or f"sandbox-{secrets.token_hex(16)}") for cloud in ("fly", "github")
        }
        self.world = self._empty_world()
        self.api = Api(self.world)
        self.github = self._empty_github(0.0)
        for host in GITHUB_HOSTS:
            self.mount(host, "github", self._ask_github)
        if now is not None:
            self._plant(now)

    @property
    def limits(self) -> bool:
        """Whether the published rate limits are enforced."""
        return self.settings.limits

    @limits.setter
    def limits(self, enforced: bool) -> None:
        self.settings.limits = enforced

    @property
    def lock(self) -> threading.RLock:
        """The one lock of the twin, for whoever reads or changes its world beside `handle`."""
        return self._lock

    def set_hosts(self, hosts: Mapping[str, Mapping[str, Any]], ca_file: str | None = None) -> None:
        """Give the machines their view of names: "name:port" to `address`, `port`, `tls`."""
        self._connector.set_hosts(hosts, ca_file)

    def mount(self, host: str, surface: Surface, handler: MountedHandler) -> None:
        """Let another part of the sandbox answer for a host (`*.` before it: for all below it).

        Faults and the call log cover it too.
        """
        self._mounts[host] = (surface, handler)

    def hostnames(self) -> list[str]:
        """Every name the proxy answers for: the apps' own and those they have certificates for."""
        with self._lock:
            apps = self.world.apps.values()
            return list(dict.fromkeys(name for app in apps for name in [*app.hostnames, *app.certificates]))

    def reset(self, now: float, seed: Mapping[str, Any] | None = None) -> None:
        """Start over from the seed (or another); tokens of the start stay good, the call log and faults are emptied."""
        with self._lock:
            if seed is not None:
                self._seed = dict(seed)
            self.world = self._empty_world()
            self.api = Api(self.world)
            self.faults.remove()
            self.calls.clear()
            self._plant(now)

    def ensure_planted(self, now: float) -> None:
        """Make the seed's world at the first moment anybody looks at it."""
        if not self._planted:
            self._plant(now)

    def handle(self, request: Request, now: float) -> Response | Pending:
        """Answer a request at `now` (unix seconds), or say when to hand the same object in again."""
        with self._lock:
            self.ensure_planted(now)
            mounted = self._mounted(request)
            surface = mounted[0] if mounted else self.api.surface_of(request)
            broken = self._first_look(request, surface, now)
            if broken is not None:
                return broken
        if mounted:
            result = mounted[1](request, now)
        else:
            with self._lock:
                result = self.api.handle(request, now)
        if isinstance(result, Pending):
            return result
        with self._lock:
            return self._finish(request, surface, result, now)

    def _empty_world(self) -> World:
        world = World(self.settings, self._connect)
        world.tokens[self.tokens["fly"]] = Token(id="tok_sandbox")
        return world

    def _plant(self, now: float) -> None:
        self._planted = True
        seeding.plant(self.world, self._seed.get("fly") or {}, now)
        self.github = self._empty_github(now)

    def _empty_github(self, now: float) -> GithubApi:
        return GithubApi(self._seed.get("github") or {}, self.tokens["github"], now, speed=self.settings.speed)

    def _ask_github(self, request: Request, now: float) -> Response:
        with self._lock:
            self.github.is_limited = self.settings.limits
            return self.github.handle(request, now)

    def _mounted(self, request: Request) -> tuple[Surface, MountedHandler] | None:
        known = self._mounts.get(request.host) or self._mounts.get(f"*.{request.host.partition('.')[2]}")
        if known is None and request.host in {"127.0.0.1", "localhost"} and not self.api.knows_path(request.path):
            # Supabase's client is told an address, not a name.
            return next((mount for mount in self._mounts.values() if mount[0] == "supabase"), None)
        return known

    def _first_look(self, request: Request, surface: Surface, now: float) -> Response | None:
        """Count a new request against the faults; a fault that acts before the request is done is answered here."""
        if request.first_seen_at is not None:
            return None
        request.first_seen_at = now
        fired = self.faults.take(request, surface)
        request.memory["faults"] = fired
        for fault in fired:
            early = _early(fault, now)
            if early is not None:
                early.delay_s += _latency_s(fired)
                self._log(request, surface, early, now, applied=False)
                return early
            if fault.kind == "late":
                request.memory["late_s"] = LATE_S if fault.seconds is None else fault.seconds
            if fault.kind == "no_capacity" and surface != "machines":
                self._log(request, surface, _no_room(fault), now, applied=False)
                return _no_room(fault)
            if fault.kind == "no_capacity":
                request.memory["no_capacity"] = fault.status or 409
        return None

    def _finish(self, request: Request, surface: Surface, response: Response, now: float) -> Response:
        fired: list[Fault] = request.memory.get("faults", [])
        response.delay_s += _latency_s(fired)
        kinds = {fault.kind for fault in fired}
        self._log(request, surface, response, now, applied=response.status < 400)
        if "reset_after" in kinds:
            response.reset = "after"
        response.truncate = "truncate" in kinds
        return response

    def _log(self, request: Request, surface: Surface, response: Response, now: float, *, applied: bool) -> None:
        status = 0 if response.reset else response.status
        effect = effect_of(request, surface)
        app = self.api.app_of(request) if surface == "proxy" else None
        self.calls.add(
            request, surface, at=now, status=status, effect=effect, app=app, applied=applied and effect != "none"
        )


def _early(fault: Fault, now: float) -> Response | None:
    """What a fault answers without the request being carried out, else None."""
    if fault.kind == "reset_before":
        return Response(0, reset="before")
    if fault.kind == "status":
        return fault.reply()
    if fault.kind == "lease_conflict":
        seconds = LEASE_CONFLICT_S if fault.seconds is None else fault.seconds
        return leases.conflict("unknown", "somebody-else", now + seconds).reply()
    return None


def _no_room(fault: Fault) -> Response:
    return RefusalError(fault.status or 409, NO_ROOM, "insufficient_capacity").reply()


def _latency_s(fired: list[Fault]) -> float:
    return sum(fault.seconds or 1.0 for fault in fired if fault.kind == "latency")
