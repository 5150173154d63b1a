"""Health checks: the rows of a machine's `checks`, computed from what its process answers at each interval."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hotops.sandbox.fly import durations, process
from hotops.sandbox.fly.ids import rfc3339
from hotops.sandbox.fly.machine import CheckSeen, Machine, Run
from hotops.sandbox.fly.world import World

UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DEFAULT_INTERVAL_S = 15.0
DEFAULT_TIMEOUT_S = 10.0


def seconds_of(duration: Any, default_s: float) -> float:
    """A duration as the API takes it: a Go string ("1m30s") or integer nanoseconds; `default_s` where absent."""
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        return float(duration) / 1e9
    if not isinstance(duration, str) or not duration:
        return default_s
    parts = re.findall(r"([0-9.]+)(ns|us|µs|ms|s|m|h)", duration)
    return sum(float(number) * UNIT_S[unit] for number, unit in parts) if parts else default_s


def named_checks(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every check with the name its row bears, and whether it decides routing (service checks do).

    Service checks are called servicecheck-NN-TYPE-PORT, top-level ones by their own name (flyctl, status).
    """
    number = 0
    for service in config.get("services") or []:
        for check in service.get("checks") or []:
            port = check.get("port") or service.get("internal_port")
            yield f"servicecheck-{number:02d}-{check.get('type', 'tcp')}-{port}", {**check, "port": port}, True
            number += 1
    for name, check in (config.get("checks") or {}).items():
        yield name, check, False


def rows(world: World, machine: Machine, now: float) -> list[dict[str, Any]]:
    """The machine's check rows now (Machines API, CheckStatus)."""
    found = []
    for name, check, _ in named_checks(machine.config):
        seen = evaluate(world, machine, name, check, now)
        found.append(
            {"name": name, "status": seen.status, "output": seen.output, "updated_at": rfc3339(seen.changed_at)}
        )
    return found


def routable(world: World, machine: Machine, now: float) -> bool:
    """Whether every service check passes; a machine without any is routed to as soon as it runs."""
    return all(
        evaluate(world, machine, name, check, now).status == "passing"
        for name, check, decides in named_checks(machine.config)
        if decides
    )


def evaluate(world: World, machine: Machine, name: str, check: dict[str, Any], now: float) -> CheckSeen:
    """The state of one check: evaluated once per interval and process, remembered between."""
    run = machine.run
    if run is None or machine.state != "started":
        return _see(machine, name, (0.0, -1), ("critical", "connect: connection refused"), now)
    turn = _turn(world, run, check, now)
    seen = machine.checks.get(name)
    if seen is not None and seen.turn == (run.started_at, turn):
        return seen
    if turn < 0:
        return _see(machine, name, (run.started_at, turn), ("critical", "waiting for status update"), run.started_at)
    status, output = _try(world, machine, check, now)
    in_grace = now - run.started_at < seconds_of(check.get("grace_period"), 0.0)
    if status == "critical" and in_grace:
        output = "waiting for status update"
    return _see(machine, name, (run.started_at, turn), (status, output), now)


def _turn(world: World, run: Run, check: dict[str, Any], now: float) -> int:
    """Which evaluation since the process started is the newest; -1 before the first."""
    interval_s = max(seconds_of(check.get("interval"), DEFAULT_INTERVAL_S), 1.0)
    first_s = min(world.settings.scaled(durations.FIRST_CHECK_S), interval_s)
    since_first_s = now - run.started_at - first_s
    return -1 if since_first_s < 0 else int(since_first_s // interval_s)


def _try(world: World, machine: Machine, check: dict[str, Any], now: float) -> tuple[str, str]:
    if check.get("type", "tcp") == "tcp":
        return "passing", "Success"
    answer = process.answer(world, machine, str(check.get("path") or "/"), now, counts=False)
    if answer is None:
        return "critical", "connect: connection refused"
    if answer.seconds > seconds_of(check.get("timeout"), DEFAULT_TIMEOUT_S):
        return "critical", "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    if answer.status >= 300:
        return "critical", f"{answer.status} {answer.body.decode(errors='replace')[:200]}"
    return "passing", answer.body.decode(errors="replace")[:200] or "OK"


def _see(machine: Machine, name: str, turn: tuple[float, int], found: tuple[str, str], now: float) -> CheckSeen:
    status, output = found
    before = machine.checks.get(name)
    changed_at = before.changed_at if before is not None and before.status == status else now
    seen = CheckSeen(turn, status, output, changed_at)
    machine.checks[name] = seen
    return seen
