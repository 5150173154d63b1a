"""What the process inside a machine answers to one HTTP request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from hotops.sandbox.fly import behaviours
from hotops.sandbox.fly.machine import Machine, Run
from hotops.sandbox.fly.world import World

DATABASE_VARIABLES = ("DATABASE_URL", "PG_URL")
#: What a Rails app such as Chatwoot reads in place of one string (chatwoot, config/database.yml); not POSTGRES_USER.
DATABASE_PARTS = ("POSTGRES_USERNAME", "POSTGRES_PASSWORD", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DATABASE")


@dataclass(frozen=True)
class Answer:
    """A reply of the process, after `seconds`."""

    status: int
    body: bytes
    content_type: str
    seconds: float


def needs_database(world: World, machine: Machine) -> bool:
    """Whether this machine's process group was declared to need a database."""
    app = world.apps.get(machine.app_name)
    group = app.groups.get(machine.group) if app else None
    return bool(group and group.needs_database)


def database_error(world: World, machine: Machine, run: Run, now: float) -> str | None:
    """Try the database with what this machine was given; the error class, or None where it works or needs none."""
    if run.incarnation.fault == "nodb":
        error: str | None = "UnknownHost"
    elif not needs_database(world, machine):
        return None
    else:
        env = run.incarnation.env
        dsn = next((env[name] for name in DATABASE_VARIABLES if env.get(name)), None) or joined(env)
        error = "NotConfigured" if dsn is None else world.connect(dsn)
    if not run.database or run.database[-1][1] != error:
        run.database.append((now, error))
    return error


def joined(env: Mapping[str, str]) -> str | None:
    """The connection string that an app makes of its parts; None where it has none of them."""
    if not env.get("POSTGRES_HOST"):
        return None
    user, password, host, port, database = (env.get(name, "") for name in DATABASE_PARTS)
    login = f"{quote(user or 'postgres', safe='')}:{quote(password, safe='')}"
    return f"postgresql://{login}@{host}:{port or 5432}/{database or 'postgres'}"


def outcome(fault: str, path: str, health_paths: set[str], number: int, database: str | None) -> int:
    """The status a machine with this fault answers to its n-th request."""
    if fault == "nodb" or database is not None:
        return 503
    if fault == "error3pct" and number % behaviours.ERROR_STRIDE == 0:
        return 500
    is_health = path != "/" and (path in health_paths or path in behaviours.COMMON_HEALTH_PATHS)
    return 404 if fault == "wrongpath" and is_health else 200


def answer(
    world: World, machine: Machine, path: str, now: float, *, counts: bool = True, unsigned: bool = False
) -> Answer | None:
    """Let the process answer; None where nothing listens. A check's own request is not counted (`counts`).

    `unsigned` is a POST without a signature, which the handler of a webhook refuses.
    """
    run = machine.run
    if run is None:
        return None
    number = 1
    if counts:
        machine.requests += 1
        number = machine.requests
    fault = run.incarnation.fault
    release = run.incarnation.image.tag or run.incarnation.image.content.tag
    database = database_error(world, machine, run, now)
    health_paths = machine.health_paths()
    status = outcome(fault, path, health_paths, number, database)
    seconds = behaviours.latency_s(number) + (behaviours.SLOW_BY_S if fault == "slow" else 0.0)
    if status == 503:
        return Answer(503, _json({"status": "degraded", "database": database}), "application/json", seconds)
    if status == 200 and unsigned and "webhooks" in path.split("/"):
        return Answer(401, _json({"error": "invalid signature"}), "application/json", seconds)
    if status in {404, 500}:
        text = "Not Found" if status == 404 else "Internal Server Error"
        return Answer(status, text.encode(), "text/plain", seconds)
    if path != "/" and (path in health_paths or path in behaviours.COMMON_HEALTH_PATHS):
        return Answer(200, _json({"status": "ok", "release": release}), "application/json", seconds)
    page = f"<!doctype html><title>{machine.app_name}</title><p>release {release}</p>\n"
    return Answer(200, page.encode(), "text/html; charset=utf-8", seconds)


def _json(payload: dict[str, str | None]) -> bytes:
    return json.dumps(payload).encode()
