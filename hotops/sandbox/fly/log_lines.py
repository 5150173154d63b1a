"""The lines an app's machines and the proxy write: made from runs, visits and what really happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hotops.sandbox.fly import checks, lifecycle, traffic
from hotops.sandbox.fly.machine import Machine, Run
from hotops.sandbox.fly.proxy import NO_CANDIDATE
from hotops.sandbox.fly.world import App, World

DATABASE_COMPLAINT_S = 5.0
CRASH_TRACE = (
    "node:internal/modules/run_main:123",
    "Error: Cannot find module '@app/adapter'",
    "    at Module._resolveFilename (node:internal/modules/cjs/loader:1145:15)",
    "    at Module._load (node:internal/modules/cjs/loader:986:27)",
    "    at require (node:internal/modules/helpers:179:18)",
    "    at Object.<anonymous> (/app/server.js:14:17)",
    "Node.js v20.18.0",
)
COMMAND_TRACE = (
    "Error: P1001: Can't reach database server at `db.internal:5432`",
    "release command: giving up after 3 attempts",
)


@dataclass(frozen=True)
class Line:
    """One log line; `at_ns` is its time and its identity, in nanoseconds.

    `error_code` is the number of a proxy error, 4 for PR04, 0 where there is none: flyctl decodes whole numbers only.
    """

    at_ns: int
    level: str
    message: str
    instance: str
    region: str
    provider: str
    status: int | None = None
    method: str = ""
    path: str = ""
    error_code: int = 0


def of_runs(world: World, app: App, since: float, until: float) -> Iterator[Line]:
    """Lines about machines that started, ended, failed their checks or their database, in no order."""
    for machine in app.machines.values():
        for run in machine.runs:
            ended_at = run.ended_at if run.ended_at is not None else until
            if run.started_at > until or ended_at + 2.0 < since:
                continue
            for number, (at, level, message, provider) in enumerate(_run_lines(world, machine, run, since, until)):
                if since <= at <= until:
                    at_ns = int(at * 1e9) + number + 1
                    yield Line(at_ns, level, message, machine.id, machine.region, provider)


def _run_lines(
    world: World, machine: Machine, run: Run, since: float, until: float
) -> Iterator[tuple[float, str, str, str]]:
    at = run.started_at
    yield at, "info", "Starting init (commit: 81fb330)...", "app"
    yield at + 0.001, "info", "Preparing to run: `docker-entrypoint.sh ./server` as root", "app"
    yield at + 0.002, "info", f"Machine started in {run.incarnation.config['guest']['memory_mb'] // 2}ms", "runner"
    ending = run.exit
    if run.incarnation.is_command:
        words = " ".join(str(word) for word in (run.incarnation.config.get("init") or {}).get("cmd") or [])
        yield at + 0.05, "info", f"running: {words}", "app"
        if ending is not None and run.ended_at is not None:
            yield from _ending_lines(world, machine, run, run.ended_at)
        return
    if ending is None or ending.requested or ending.oom_killed:
        ports = [service.get("internal_port") for service in run.incarnation.config.get("services") or []]
        place = f"http://0.0.0.0:{ports[0]}" if ports else "the queue"
        yield at + 0.05, "info", f"listening on {place}", "app"
    yield from _check_lines(world, run)
    yield from _database_lines(run, since, until)
    if ending is not None and run.ended_at is not None:
        yield from _ending_lines(world, machine, run, run.ended_at)


def _check_lines(world: World, run: Run) -> Iterator[tuple[float, str, str, str]]:
    """What the platform says of service checks that fail for the run's fault."""
    first_at = run.started_at + world.settings.scaled(1.0)
    if run.ended_at is not None and run.ended_at < first_at:
        return
    if run.incarnation.fault not in {"nodb", "wrongpath"} and run.database_error_at(first_at) is None:
        return
    for name, check, decides in checks.named_checks(run.incarnation.config):
        if decides and check.get("type") == "http":
            if run.incarnation.fault == "wrongpath":
                text = f'ActionController::RoutingError (No route matches [GET] "{check.get("path") or "/"}")'
                yield first_at, "error", text, "app"
            text = f"Health check '{name}' on port {check.get('port')} has failed. Your app is not responding properly."
            yield first_at + 0.1, "error", text, "health"


def _database_lines(run: Run, since: float, until: float) -> Iterator[tuple[float, str, str, str]]:
    if run.incarnation.fault != "nodb" and not any(error for _, error in run.database):
        return
    begin = max(run.started_at, since)
    end = min(run.ended_at if run.ended_at is not None else until, until)
    turn = int((begin - run.started_at) // DATABASE_COMPLAINT_S)
    at = run.started_at + turn * DATABASE_COMPLAINT_S + 0.2
    while at <= end:
        error = "UnknownHost" if run.incarnation.fault == "nodb" else run.database_error_at(at)
        if error is not None and at >= begin:
            yield at, "error", f"database connection failed: {error}", "app"
        at += DATABASE_COMPLAINT_S


def _ending_lines(world: World, machine: Machine, run: Run, at: float) -> Iterator[tuple[float, str, str, str]]:
    ending = run.exit
    if ending is None:
        return
    if ending.requested:
        yield at - 0.02, "info", "Sending signal SIGINT to main child process w/ PID 640", "app"
        yield at, "info", "Main child exited normally with code: 0", "app"
        return
    if ending.oom_killed:
        yield at - 0.02, "error", "Out of memory: Killed process 640 (server) total-vm:1312544kB", "app"
        yield at, "error", "Process appears to have been OOM killed!", "app"
    elif ending.code == 1 and run.incarnation is machine.current and lifecycle.missing_secrets(world, machine):
        names = ", ".join(lifecycle.missing_secrets(world, machine))
        yield at - 0.02, "error", f"Error: missing required environment variable: {names}", "app"
    elif ending.code == 1:
        fails = run.incarnation.is_command and run.incarnation.image.content.behaviour.command == "fails"
        for number, text in enumerate(COMMAND_TRACE if fails else CRASH_TRACE):
            yield at - 0.02 + number / 1000, "error", text, "app"
    level = "info" if ending.code == 0 else "error"
    yield at + 0.001, level, f"Main child exited normally with code: {ending.code}", "app"
    after = "restarting" if ending.restarting else "not restarting"
    yield at + 0.002, level, f"machine exited with exit code {ending.code}, {after}", "runner"


def of_visits(world: World, app: App, since: float, until: float) -> Iterator[Line]:
    """Access lines of the background traffic, oldest first."""
    if not traffic.has_traffic(app):
        return
    since = max(since, app.created_at)
    for visit in traffic.visits(world, app, traffic.number_at(app, since), int(until * app.traffic_rps)):
        yield of_visit(app, visit)


def of_visit(app: App, visit: traffic.Visit) -> Line:
    """The access line of one visit."""
    at_ns = int(visit.at * 1e9)
    if visit.machine is None:
        return Line(at_ns, "error", NO_CANDIDATE, "", app.primary_region, "proxy", 503, "GET", visit.path, 4)
    level = "error" if visit.status >= 500 else "info"
    message = f"GET {visit.path} {visit.status} in {visit.seconds * 1000:.0f}ms"
    machine = visit.machine
    return Line(at_ns, level, message, machine.id, machine.region, "app", visit.status, "GET", visit.path)


def of_requests(app: App, since: float, until: float) -> Iterator[Line]:
    """Access lines of requests that clients really made through the proxy."""
    for number, access in enumerate(app.access_lines):
        if since <= access.at <= until:
            message = access.message or f"{access.method} {access.path} {access.status}"
            level = "error" if access.status >= 500 else "info"
            code = int(message[3:5]) if message.startswith("[PR") else 0
            provider = "proxy" if code else "app"
            at_ns = int(access.at * 1e9) + 500 + number % 400
            yield Line(
                at_ns,
                level,
                message,
                access.machine_id,
                access.region,
                provider,
                access.status,
                access.method,
                access.path,
                code,
            )
