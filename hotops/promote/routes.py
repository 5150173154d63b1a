"""Which URLs stand for an app: what is declared, else what its own checks ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit, urlunsplit

from hotops.fly.models import Machine
from hotops.health.probe import HttpCheck
from hotops.inventory.probes import Probe
from hotops.inventory.schema import App


def health_checks(base_url: str, app: App, machines: Sequence[Machine]) -> list[HttpCheck]:
    """The health checks of an app through the proxy: the declared ones, else the paths of the machines' own checks."""
    if app.health:
        return [_check(base_url + check.path, "GET", check) for check in app.health]
    return [HttpCheck(url=base_url + path, budget_ms=app.budget_ms) for path in check_paths(machines)]


def base_check(base_url: str | None, app: App, machines: Sequence[Machine]) -> HttpCheck | None:
    """The one request that latency is measured with: the first health check, None for an app that serves no HTTP."""
    if base_url is None:
        return None
    checks = health_checks(base_url.rstrip("/"), app, machines)
    return checks[0] if checks else None


def smoke_checks(base_url: str, app: App, machines: Sequence[Machine], *, own: str | None = None) -> list[HttpCheck]:
    """The smoke routes at `base_url`, and the health checks. An absolute URL on the app's own host (`own`) moves along."""
    base = base_url.rstrip("/")
    routes = [_check(_moved(route.address(base), own, base), route.method, route) for route in app.smoke]
    return routes + health_checks(base, app, machines)


def check_paths(machines: Iterable[Machine]) -> list[str]:
    """Paths of the HTTP checks that the machines' configurations ask, each once, in their order."""
    paths: dict[str, None] = {}
    for machine in machines:
        config = machine.known_config
        asked = [check for service in config.services for check in service.checks] + list(config.checks.values())
        serves = {service.internal_port for service in config.services}
        for check in asked:
            reachable = check.port is None or check.port in serves
            if check.type == "http" and check.path and reachable and serves:
                paths.setdefault(check.path)
    return list(paths)


def _check(url: str, method: str, probe: Probe) -> HttpCheck:
    return HttpCheck(
        url=url,
        method=method,
        status=probe.status,
        body=probe.body,
        headers=probe.headers,
        user_agent=probe.user_agent,
        budget_ms=probe.budget_ms,
    )


def _moved(url: str, own: str | None, base: str) -> str:
    """A URL on the target's own host asked at the source instead; other hosts stay."""
    asked, there = urlsplit(url), urlsplit(base)
    if own and asked.netloc == urlsplit(own).netloc:
        return urlunsplit((there.scheme, there.netloc, asked.path, asked.query, ""))
    return url
