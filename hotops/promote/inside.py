"""A health path asked inside a machine, with whatever HTTP client its image has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hotops.core.errors import ApiError, WireError
from hotops.fly import Fly
from hotops.fly.models import Machine

#: Images without a shell have none of these; then the answer is unknown. Exec runs no shell, so each is a plain command.
CLIENTS: tuple[tuple[str, ...], ...] = (
    ("curl", "-s", "-o", "/dev/null", "-m", "10", "-w", "%{http_code}", "URL"),
    ("wget", "-q", "-S", "-O", "/dev/null", "-T", "10", "URL"),
    ("node", "-e", "fetch('URL').then(r=>console.log(r.status))"),
    ("python3", "-c", "import http.client as h,urllib.parse as u;p=u.urlsplit('URL');c=h.HTTPConnection(p.netloc);"
     "c.request('GET',p.path);print(c.getresponse().status)"),
    ("ruby", "-rnet/http", "-e", "puts Net::HTTP.get_response(URI('URL')).code"),
)  # fmt: skip
_STATUS = re.compile(r"\b([1-5]\d\d)\b")


@dataclass(frozen=True)
class Inside:
    """What a path answered inside a machine; `status` None is unknown."""

    path: str
    status: int | None
    says: str


def ask_inside(fly: Fly, app: str, machine: Machine, checked: Iterable[Machine], path: str) -> Inside:
    """Ask `path` on the port that the target's checks use, inside one machine of the source."""
    url = f"http://127.0.0.1:{port_of(checked, path)}{path}"
    told = "none of curl, wget, node, python3 and ruby is in the image"
    for client in CLIENTS:
        command = [part.replace("URL", url) for part in client]
        try:
            done = fly.machines.exec(app, machine.id, command, timeout_s=15)
        except (ApiError, WireError) as error:
            return Inside(path, None, f"{path}: exec failed: {error.message}")
        if done.exit_code in (126, 127):
            continue
        found = _STATUS.search(done.stdout) or _STATUS.search(done.stderr)
        if found and found[1] != "000":
            return Inside(path, int(found[1]), f"{path} answers {found[1]} inside {machine.id}")
        told = f"{client[0]} got no answer (exit code {done.exit_code})"
    return Inside(path, None, f"{path}: {told}")


def port_of(machines: Iterable[Machine], path: str) -> int:
    """The port on which the machines' checks ask `path`; 8080, Fly's usual one, where none tells."""
    for machine in machines:
        for service in machine.known_config.services:
            for check in service.checks:
                if check.path == path:
                    return check.port or service.internal_port
        for check in machine.known_config.checks.values():
            if check.path == path and check.port:
                return check.port
    return 8080
