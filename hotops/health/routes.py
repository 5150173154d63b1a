"""Which URLs stand for an app: what is declared, else what its machines' own checks ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit, urlunsplit

from hotops.fly.models import Machine
from hotops.health.machines import service_checks
from hotops.health.probe import HttpCheck
from hotops.inventory.probes import Probe, SmokeRoute
from hotops.inventory.schema import App

#: What Fly's own HTTP checks take for passing (Fly docs, health checks).
SUCCESS = tuple(range(200, 300))


def health_checks(base_url: str, app: App, machines: Sequence[Machine]) -> list[HttpCheck]:
    """The health checks of an app through the proxy: the declared ones, else the paths of the machines' own checks."""
    base = base_url.rstrip("/")
    if app.health:
        return [_check(base + check.path, "GET", check) for check in app.health]
    return observed_checks(base, machines, budget_ms=app.budget_ms)


def observed_checks(base_url: str, machines: Iterable[Machine], *, budget_ms: int | None = None) -> list[HttpCheck]:
    """The paths that the machines' own checks ask, through the proxy; none for an app that serves no HTTP."""
    base = base_url.rstrip("/")
    return [HttpCheck(url=base + path, status=SUCCESS, budget_ms=budget_ms) for path in check_paths(machines)]


def base_check(base_url: str | None, app: App, machines: Sequence[Machine]) -> HttpCheck | None:
    """The one request that latency is measured with: the first health check, None for an app that serves no HTTP."""
    checks = health_checks(base_url, app, machines) if base_url else []
    return checks[0] if checks else None


def smoke_checks(base_url: str, app: App, machines: Sequence[Machine], *, own: str | None = None) -> list[HttpCheck]:
    """The smoke routes at `base_url`, then the health checks; a route on the app's own host (`own`) moves along."""
    base = base_url.rstrip("/")
    routes = [_check(_moved(route.address(base), own, base), route.method, route) for route in app.smoke]
    return routes + health_checks(base, app, machines)


def route_check(base_url: str, route: SmokeRoute) -> HttpCheck:
    """One declared route of an app at `base_url`."""
    return _check(route.address(base_url), route.method, route)


def check_paths(machines: Iterable[Machine]) -> list[str]:
    """Paths that the machines' HTTP checks ask on a port the proxy serves, each once, in their order."""
    paths: dict[str, None] = {}
    for machine in machines:
        config = machine.known_config
        ports = {service.internal_port for service in config.services if service.ports}
        for check in [*service_checks(config), *config.checks.values()]:
            if check.type == "http" and check.path and ports and (check.port is None or check.port in ports):
                paths.setdefault(check.path)
    return list(paths)


def is_public(machines: Iterable[Machine]) -> bool:
    """Whether any machine has a service with a port of the proxy's: others (workers) answer no request."""
    return any(service.ports for machine in machines for service in machine.known_config.services)


def _check(url: str, method: str, probe: Probe) -> HttpCheck:
    return HttpCheck.model_validate(
        {
            "url": url,
            "method": method,
            "status": probe.status,
            "body": probe.body,
            "headers": probe.headers,
            "user_agent": probe.user_agent,
            "budget_ms": probe.budget_ms,
        }
    )


def _moved(url: str, own: str | None, base: str) -> str:
    """A URL on the app's own host asked at `base` instead; other hosts stay."""
    asked, there = urlsplit(url), urlsplit(base)
    if own and asked.netloc == urlsplit(own).netloc:
        return urlunsplit((there.scheme, there.netloc, asked.path, asked.query, ""))
    return url
