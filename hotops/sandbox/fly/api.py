"""From a host name and a path to the interface that answers: Machines REST, api.fly.io, registry or proxy."""

from __future__ import annotations

from hotops.sandbox.fly import (
    access,
    apps,
    certificates,
    execs,
    graphql_api,
    lease_routes,
    logs,
    machines,
    metadata,
    metrics,
    power,
    proxy,
    registry,
    releases,
    secrets,
    volumes,
    waits,
)
from hotops.sandbox.fly.errors import RefusalError
from hotops.sandbox.fly.limits import Limits
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.fly.world import World
from hotops.sandbox.wire import Pending, Request, Response, Surface

MACHINES_HOSTS = {"api.machines.dev", "_api.internal"}
API_HOST = "api.fly.io"
REGISTRY_HOST = "registry.fly.io"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
MACHINES_PATHS = ("/v1/apps", "/v1/orgs", "/v1/platform", "/v1/tokens")
API_PATHS = ("/graphql", "/api/v1/", "/prometheus/")


def _table(*modules: Routes) -> Routes:
    table = Routes()
    for module in modules:
        table.include(module)
    return table


MACHINES_ROUTES = _table(
    machines.routes,
    power.routes,
    waits.routes,
    lease_routes.routes,
    metadata.routes,
    secrets.routes,
    apps.routes,
    certificates.routes,
    execs.routes,
    volumes.routes,
)
API_ROUTES = _table(releases.routes, logs.routes, metrics.routes, graphql_api.routes)
REGISTRY_ROUTES = _table(registry.routes)


class Api:
    """All of Fly's interfaces over one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.limits = Limits()

    def knows_path(self, path: str) -> bool:
        """Whether a path alone says which of Fly's interfaces is meant."""
        return path.startswith((*MACHINES_PATHS, *API_PATHS, "/v2/"))

    def surface_of(self, request: Request) -> Surface:
        """The interface a request is for; by path where the host is loopback."""
        host, path = request.host, request.path
        loopback = host in LOOPBACK
        if host in MACHINES_HOSTS or (loopback and path.startswith(MACHINES_PATHS)):
            return "machines"
        if host == REGISTRY_HOST or (loopback and path.startswith("/v2/")):
            return "registry"
        if host == API_HOST or loopback:
            if path.startswith("/prometheus/"):
                return "prometheus"
            if path == "/graphql":
                return "graphql"
            return "logs" if path.endswith("/logs") else "uiex"
        return "proxy"

    def app_of(self, request: Request) -> str | None:
        """The app behind a request's host name."""
        app = self.world.app_of_hostname(request.host)
        return app.name if app else None

    def handle(self, request: Request, now: float) -> Response | Pending:
        """Answer a request; refusals come back as responses."""
        surface = self.surface_of(request)
        if surface == "proxy":
            app = self.world.app_of_hostname(request.host)
            if app is None:
                return Response(421, {"content-type": "text/plain"}, b"no such host in this sandbox\n")
            return proxy.handle(self.world, app, request, now)
        try:
            result = self._answer(surface, request, now)
        except RefusalError as refusal:
            result = registry.reply_of(refusal) if surface == "registry" else refusal.reply()
        if isinstance(result, Response):
            result.headers.setdefault("fly-request-id", self.world.ids.request(now))
        return result

    def _answer(self, surface: Surface, request: Request, now: float) -> Response | Pending:
        grant = access.grant_of(self.world, request, now)
        tables = {"machines": MACHINES_ROUTES, "registry": REGISTRY_ROUTES}
        route, params = tables.get(surface, API_ROUTES).find(request.method, request.path)
        call = Call(self.world, request, now, grant, params, writes=route.writes)
        if "app" in params:
            access.app_named(self.world, grant, params["app"], writes=route.writes)
        if route.action is not None and self.world.settings.limits and "limited" not in request.memory:
            request.memory["limited"] = True
            self.limits.take(route.action, params.get("machine") or params.get("app") or params.get("org") or "", now)
        return route.handler(call)
