"""All apps of an organisation with where they run, and how that differs from what is declared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hotops.core.parallel import map_parallel
from hotops.fly.client import Fly
from hotops.fly.models import App
from hotops.fly.states import is_managed, is_started


@dataclass(frozen=True)
class FleetApp:
    """One app: its name, organisation and status, its regions and machines (none of both if they were not asked)."""

    name: str
    org: str
    status: str
    hostname: str
    regions: tuple[str, ...] = ()
    machines: int | None = None
    started: int | None = None


@dataclass(frozen=True)
class Drift:
    """Apps that run and nobody declared, and apps that are declared and do not exist."""

    undeclared: tuple[str, ...]
    missing: tuple[str, ...]


def fleet(fly: Fly, org: str, *, with_machines: bool = True) -> list[FleetApp]:
    """The organisation's apps by name; one call, and one more for each app `with_machines`.

    Raises Unauthorized, Forbidden (an app-scoped token can't list an organisation), NotFound.
    """
    apps = sorted(fly.apps.list(org), key=lambda app: app.name)
    return map_parallel(lambda app: _with_machines(fly, app) if with_machines else _plain(app), apps)


def drift(running: Iterable[str], declared: Iterable[str]) -> Drift:
    """What runs against what is declared, both by app name."""
    there, wanted = set(running), set(declared)
    return Drift(tuple(sorted(there - wanted)), tuple(sorted(wanted - there)))


def _plain(app: App) -> FleetApp:
    return FleetApp(app.name, app.organization.slug, app.status, app.default_hostname)


def _with_machines(fly: Fly, app: App) -> FleetApp:
    machines = [machine for machine in fly.machines.list(app.name) if is_managed(machine)]
    return FleetApp(
        app.name,
        app.organization.slug,
        app.status,
        app.default_hostname,
        regions=tuple(sorted({machine.region for machine in machines if machine.region})),
        machines=len(machines),
        started=sum(1 for machine in machines if is_started(machine)),
    )
