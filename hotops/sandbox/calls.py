"""The log of everything the twin was asked, each entry with its effect."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from hotops.sandbox.wire import Effect, Request, Surface

KEPT = 50_000
APP_IN_PATH = re.compile(r"^/(?:v1/apps|api/v1/apps|v2)/([^/]+)(?:/|$)")
EXEC_PATH = re.compile(r"/machines/[^/]+/exec$")


@dataclass(frozen=True)
class Entry:
    """One request. `effect` is what it asked for, `applied` whether it was done: a refused write was still asked.

    `at` in unix seconds, `status` 0 where the connection was reset.
    """

    n: int
    at: float
    surface: Surface
    method: str
    host: str
    path: str
    status: int
    effect: Effect
    app: str | None
    applied: bool


class CallLog:
    """Entries in order, numbered from 1; the oldest are dropped beyond fifty thousand."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._count = 0

    def add(
        self,
        request: Request,
        surface: Surface,
        *,
        at: float,
        status: int,
        effect: Effect,
        app: str | None = None,
        applied: bool = True,
    ) -> None:
        """Log one answered request."""
        self._count += 1
        named = app or app_in(request.path)
        self._entries.append(
            Entry(self._count, at, surface, request.method, request.host, request.path, status, effect, named, applied)
        )

    def since(self, number: int = 0) -> list[dict[str, Any]]:
        """Entries with a number above the given one."""
        return [asdict(entry) for entry in self._entries if entry.n > number]

    def clear(self) -> None:
        """Forget the entries; the numbers go on."""
        self._entries.clear()

    @property
    def count(self) -> int:
        """How many requests there have been."""
        return self._count


def app_in(path: str) -> str | None:
    """The app a path names, if it names one."""
    match = APP_IN_PATH.match(path)
    return match.group(1) if match else None


def effect_of(request: Request, surface: Surface) -> Effect:
    """What a request would change: nothing, something inside a machine (exec), or the cloud (write).

    GraphQL posts its queries, so there only a mutation writes; requests to an app's own host name are traffic. A part
    of the sandbox that knows better leaves the effect in the request's memory (SQL that is asked to be read-only).
    """
    known: Effect | None = request.memory.get("effect")
    if known is not None:
        return known
    if surface == "proxy" or request.method in {"GET", "HEAD", "OPTIONS"}:
        return "none"
    if surface == "graphql":
        return "write" if re.search(rb'"query"\s*:\s*"(?:[\s\\n]|#[^\n]*)*mutation\b', request.body) else "none"
    return "exec" if EXEC_PATH.search(request.path) else "write"
