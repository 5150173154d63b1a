"""A path asked inside a machine, with whatever HTTP client its image has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hotops.core.errors import ApiError, WireError
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.health.machines import service_checks

_PYTHON = """\
from http.client import HTTPConnection
from urllib.parse import urlsplit
asked = urlsplit("URL")
connection = HTTPConnection(asked.netloc, timeout=10)
connection.request("GET", asked.path)
print(connection.getresponse().status)
"""
#: Exec runs no shell, so each is a plain command. An image without any of these leaves the answer unknown.
CLIENTS: tuple[tuple[str, ...], ...] = (
    ("curl", "-s", "-o", "/dev/null", "-m", "10", "-w", "%{http_code}", "URL"),
    ("wget", "-q", "-S", "-O", "/dev/null", "-T", "10", "URL"),
    ("node", "-e", "fetch('URL').then(r=>console.log(r.status))"),
    ("python3", "-c", _PYTHON),
    ("ruby", "-rnet/http", "-e", "puts Net::HTTP.get_response(URI('URL')).code"),
)
#: What a shell or an exec answers for a program that is not there or can't be run.
_NOT_THERE = (126, 127)
#: All but wget print the status and nothing else; wget logs the answer's first line. An errno is no status.
_PRINTED = re.compile(r"\s*([1-5]\d\d)\s*")
_LOGGED = re.compile(r"\bHTTP/[\d.]+ ([1-5]\d\d)\b")
#: Fly's usual internal port, where nothing tells another.
USUAL_PORT = 8080


@dataclass(frozen=True)
class Inside:
    """What a path answered inside a machine; `status` None is unknown, and `says` why."""

    machine: str
    path: str
    port: int
    status: int | None
    says: str

    def as_row(self) -> dict[str, Any]:
        """The answer as plain data."""
        return dict(vars(self))


def ask_inside(fly: Fly, app: str, machine: Machine, port: int, path: str) -> Inside:
    """Ask a path on a port inside one machine: up to one exec for each client of `CLIENTS`. Never raises a refusal."""
    url = f"http://127.0.0.1:{port}{path}"
    told = "none of curl, wget, node, python3 and ruby is in the image"
    for client in CLIENTS:
        try:
            done = fly.machines.exec(app, machine.id, [part.replace("URL", url) for part in client], timeout_s=15)
        except (ApiError, WireError) as error:
            return Inside(machine.id, path, port, None, f"{path}: exec failed: {error.message}")
        if done.exit_code in _NOT_THERE:
            continue
        found = _PRINTED.fullmatch(done.stdout) or _LOGGED.search(done.stderr)
        if found:
            says = f"{path} answers {found[1]} on port {port} inside {machine.id}"
            return Inside(machine.id, path, port, int(found[1]), says)
        told = f"{client[0]} got no answer on port {port} (exit code {done.exit_code})"
    return Inside(machine.id, path, port, None, f"{path}: {told}")


def port_of(machines: Iterable[Machine], path: str) -> int:
    """The port on which the machines' checks ask `path`, else their first service's, else Fly's usual one."""
    services: list[int] = []
    for machine in machines:
        config = machine.known_config
        for check in [*service_checks(config), *config.checks.values()]:
            if check.path == path and check.port:
                return check.port
        services += [service.internal_port for service in config.services if service.internal_port]
    return services[0] if services else USUAL_PORT
