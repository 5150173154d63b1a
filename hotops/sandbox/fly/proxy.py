"""The proxy: which machine answers a request for an app's host name, and what becomes of it on the way.

Assumed, since the documents say nothing exact on drain, propagation or retries: the proxy learns late of cordons and of
machines that stop; a request handed to a machine that is gone is lost if bytes were sent (every other one), else tried
elsewhere; a request in flight is lost when its process ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from hotops.sandbox.fly import checks, lifecycle, power, process
from hotops.sandbox.fly.machine import Machine, Run
from hotops.sandbox.fly.world import Access, App, World
from hotops.sandbox.wire import Pending, Request, Response

SHORT_S = 0.1
LONGEST_COLD_START_S = 10.0
NO_CANDIDATE = "[PR04] could not find a good candidate within 40 attempts at load balancing"


@dataclass(frozen=True)
class Flight:
    """A request that a process is working on."""

    machine: Machine
    run: Run
    answer: process.Answer
    until: float


def handle(world: World, app: App, request: Request, now: float) -> Response | Pending:
    """Answer a request for one of the app's host names."""
    for machine in app.machines.values():
        lifecycle.advance(world, machine, now)
    flight = request.memory.get("flight")
    if isinstance(flight, Flight):
        if now < flight.until and flight.run.ended_at is None:
            return Pending(flight.until)
        return _land(world, app, request, flight, now)
    candidates = [m for m in app.alive(now) if m.host_status == "ok" and service_of(m, tls=request.tls) is not None]
    forced = request.headers.get("fly-force-instance-id")
    candidates = [machine for machine in candidates if forced in (None, machine.id)]
    if not request.tls and candidates and _forces_https(candidates[0]):
        query = f"?{urlencode(request.query)}" if request.query else ""
        location = f"https://{request.host}{request.path}{query}"
        return _reply(world, now, 301, b"", {"location": location})
    chosen = _choose(world, app, candidates, now)
    if chosen is None:
        return _without_candidate(world, app, request, candidates, now)
    run = chosen.run
    unsigned = request.method == "POST" and not any("signature" in name or "hmac" in name for name in request.headers)
    answer = process.answer(world, chosen, request.path, now, unsigned=unsigned)
    if run is None or answer is None:
        chosen.requests += 1
        return _lost(world, app, request, chosen, now)
    flight = Flight(chosen, run, answer, now + answer.seconds)
    if answer.seconds < SHORT_S:
        response = _land(world, app, request, flight, flight.until)
        response.delay_s = answer.seconds
        return response
    request.memory["flight"] = flight
    return Pending(flight.until)


def service_of(machine: Machine, *, tls: bool) -> dict[str, Any] | None:
    """The service that listens on the public port, 443 with TLS and 80 without."""
    wanted = 443 if tls else 80
    for service in machine.config.get("services") or []:
        for port in service.get("ports") or []:
            first = port.get("port") or port.get("start_port") or 0
            last = port.get("port") or port.get("end_port") or 0
            if first <= wanted <= last:
                return dict(service)
    return None


def _forces_https(machine: Machine) -> bool:
    service = service_of(machine, tls=False) or {}
    return any(port.get("port") == 80 and port.get("force_https") for port in service.get("ports") or [])


def in_rotation(world: World, machine: Machine, now: float) -> bool:
    """Whether the machine runs, is not cordoned as far as the proxy knows, and its service checks pass."""
    return (
        machine.state == "started"
        and machine.run is not None
        and not machine.cordoned_for_proxy(now)
        and checks.routable(world, machine, now)
    )


def _believed_up(world: World, machine: Machine, now: float) -> bool:
    """Whether the proxy has not yet heard that the machine's process ended."""
    last = machine.runs[-1] if machine.runs else None
    if last is None or last.ended_at is None or machine.cordoned_for_proxy(now):
        return False
    return now - last.ended_at < power.propagation_s(world, machine, last.ended_at)


def _choose(world: World, app: App, candidates: list[Machine], now: float) -> Machine | None:
    good = [m for m in candidates if in_rotation(world, m, now)]
    believed = [m for m in candidates if m.run is None and _believed_up(world, m, now)]
    pool = sorted([*good, *believed], key=lambda m: m.id)
    if not pool:
        return None
    app.turn += 1
    chosen = pool[app.turn % len(pool)]
    if chosen.run is not None:
        return chosen
    # No byte was sent yet: the proxy may try another machine. Else the request is lost on the machine that is gone.
    if good and chosen.requests % 2:
        chosen.requests += 1
        return good[app.turn % len(good)]
    return chosen


def _without_candidate(
    world: World, app: App, request: Request, candidates: list[Machine], now: float
) -> Response | Pending:
    began_at = request.first_seen_at if request.first_seen_at is not None else now
    waits = now - began_at < LONGEST_COLD_START_S
    waking = [m for m in candidates if m.state in {"stopped", "suspended", "starting"} and _autostarts(m, request, now)]
    if waking and waits:
        machine = waking[0]
        if machine.state != "starting":
            lifecycle.start(world, machine, now, "proxy")
        return Pending(machine.agenda[0].at if machine.agenda else now + SHORT_S)
    if waits and "woken" in request.memory and any(m.state == "started" for m in candidates):
        return Pending(now + SHORT_S)
    app.access_lines.append(Access(now, "", app.primary_region, request.method, request.path, 503, NO_CANDIDATE))
    return _reply(world, now, 503, b"")


def _autostarts(machine: Machine, request: Request, now: float) -> bool:
    service = service_of(machine, tls=request.tls) or {}
    # A machine that keeps failing is not waited for.
    fails = machine.restart_count > 0 or machine.cordoned_for_proxy(now)
    starts = bool(service.get("autostart")) and not fails
    if starts:
        request.memory["woken"] = True
    return starts


def _land(world: World, app: App, request: Request, flight: Flight, now: float) -> Response:
    ended_at = flight.run.ended_at
    if ended_at is not None and ended_at < flight.until:
        return _lost(world, app, request, flight.machine, now)
    answer, machine = flight.answer, flight.machine
    app.access_lines.append(Access(now, machine.id, machine.region, request.method, request.path, answer.status))
    body = b"" if request.method == "HEAD" else answer.body
    headers = {"content-type": answer.content_type, "fly-machine-id": machine.id}
    return _reply(world, now, answer.status, body, headers)


def _lost(world: World, app: App, request: Request, machine: Machine, now: float) -> Response:
    text = "[PU02] could not complete HTTP request to instance: connection closed before message completed"
    app.access_lines.append(Access(now, machine.id, machine.region, request.method, request.path, 502, text))
    return _reply(world, now, 502, b"")


def _reply(world: World, now: float, status: int, body: bytes, headers: dict[str, str] | None = None) -> Response:
    identity = {"server": "Fly/1.0 (twin)", "via": "2 fly.io", "fly-request-id": world.ids.request(now)}
    return Response(status, {**identity, **(headers or {})}, body)
