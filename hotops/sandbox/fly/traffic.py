"""Background traffic of an app: a pure function of time, answered by whatever machines were in service then."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from hotops.sandbox.fly import behaviours, checks, durations, process
from hotops.sandbox.fly.machine import Machine, Run
from hotops.sandbox.fly.proxy import service_of
from hotops.sandbox.fly.world import App, World

PATHS = ("/", "/products", "/cart", "/", "/search", "/account", "/")
NO_MACHINE = 503


@dataclass(frozen=True)
class Visit:
    """One request of the background traffic; `machine` is None where the proxy had nobody to send it to."""

    number: int
    at: float
    path: str
    status: int
    seconds: float
    machine: Machine | None


@dataclass(frozen=True)
class Serving:
    """A machine in service with the run that answers."""

    machine: Machine
    run: Run


def has_traffic(app: App) -> bool:
    """Whether anybody visits the app: it has a rate and some machine of it has a public service."""
    return app.traffic_rps > 0 and any(service_of(m, tls=True) for m in app.machines.values() if not m.lost)


def number_at(app: App, at: float) -> int:
    """The number of the first visit at or after a time."""
    return math.ceil(at * app.traffic_rps)


def visits(world: World, app: App, first: int, last: int) -> Iterator[Visit]:
    """Visits with numbers from `first` up to and including `last`."""
    for number in range(first, last + 1):
        at = number / app.traffic_rps
        yield _visit(number, at, serving_at(world, app, at))


def serving_at(world: World, app: App, at: float) -> list[Serving]:
    """Who was in service at a time: running, in rotation as far as the proxy knew, service checks passing."""
    found = []
    for machine in app.machines.values():
        run = machine.run_at(at)
        if run is None or machine.lost or machine.host_status != "ok" or machine.cordoned_for_proxy(at):
            continue
        if service_of(machine, tls=True) is not None and _passed(world, machine, run, at):
            found.append(Serving(machine, run))
    return found


def counts(world: World, app: App, since: float, until: float) -> dict[tuple[str, int], int]:
    """How many visits each machine answered with each status between two times; "" where the proxy had no machine."""
    totals: dict[tuple[str, int], int] = {}
    if not has_traffic(app):
        return totals
    edges = [since, *sorted(edge for edge in _edges(world, app) if since < edge < until), until]
    for begin, end in pairwise(edges):
        first, last = number_at(app, begin), number_at(app, end) - 1
        if last < first:
            continue
        serving = serving_at(world, app, (begin + end) / 2)
        if all(s.run.incarnation.fault in {"good", "slow"} and not s.run.database for s in serving):
            _count_evenly(totals, serving, first, last)
            continue
        for number in range(first, last + 1):
            visit = _visit(number, number / app.traffic_rps, serving)
            key = (visit.machine.id if visit.machine else "", visit.status)
            totals[key] = totals.get(key, 0) + 1
    return totals


def _count_evenly(totals: dict[tuple[str, int], int], serving: list[Serving], first: int, last: int) -> None:
    """Add visits of a stretch in which every answer is the same, without walking through them."""
    if not serving:
        key = ("", NO_MACHINE)
        totals[key] = totals.get(key, 0) + last - first + 1
        return
    size = len(serving)
    for place, server in enumerate(serving):
        count = (last - place) // size - (first - 1 - place) // size
        key = (server.machine.id, 200)
        totals[key] = totals.get(key, 0) + count


def _edges(world: World, app: App) -> Iterator[float]:
    """Moments at which who is in service may change."""
    first_s = world.settings.scaled(durations.FIRST_CHECK_S)
    for machine in app.machines.values():
        yield from (effective_at for effective_at, _ in machine.routing)
        for run in machine.runs:
            yield run.started_at
            yield run.started_at + first_s
            if run.ended_at is not None:
                yield run.ended_at
            yield from (tried_at for tried_at, _ in run.database)


def _visit(number: int, at: float, serving: list[Serving]) -> Visit:
    path = PATHS[number % len(PATHS)]
    if not serving:
        return Visit(number, at, path, NO_MACHINE, 0.0, None)
    chosen = serving[number % len(serving)]
    fault = chosen.run.incarnation.fault
    nth = number // len(serving)
    status = process.outcome(fault, path, set(), nth, chosen.run.database_error_at(at))
    seconds = behaviours.latency_s(number) + (behaviours.SLOW_BY_S if fault == "slow" else 0.0)
    return Visit(number, at, path, status, seconds, chosen.machine)


def _passed(world: World, machine: Machine, run: Run, at: float) -> bool:
    """Whether the service checks of that run passed at that time, as far as can be told afterwards."""
    decisive = [check for _, check, decides in checks.named_checks(run.incarnation.config) if decides]
    if not decisive:
        return True
    if at < run.started_at + world.settings.scaled(durations.FIRST_CHECK_S):
        return False
    fault = run.incarnation.fault
    for check in decisive:
        if check.get("type") != "http":
            continue
        path = str(check.get("path") or "/")
        status = process.outcome(fault, path, {path}, 1, run.database_error_at(at))
        too_slow = (
            fault == "slow" and checks.seconds_of(check.get("timeout"), checks.DEFAULT_TIMEOUT_S) < behaviours.SLOW_BY_S
        )
        if status >= 300 or too_slow:
            return False
    return machine.host_status == "ok"
