"""Faults on request: which calls they break, how, and how often."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from hotops.sandbox.wire import Request, Response, Surface

KINDS = ("latency", "status", "reset_before", "reset_after", "truncate", "lease_conflict", "no_capacity", "late")
MATCH_KEYS = {"method", "path", "surface", "host"}


@dataclass
class Fault:
    """One fault. `nth` counts from 1 among the requests that match; `times` limits how often it fires."""

    id: str
    kind: str
    match: dict[str, str] = field(default_factory=dict)
    nth: list[int] | None = None
    times: int | None = None
    seconds: float | None = None
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    matched: int = 0
    fired: int = 0

    def matches(self, request: Request, surface: Surface) -> bool:
        """Whether the fault is for requests of this kind."""
        wanted = self.match
        return (
            wanted.get("method", request.method).upper() == request.method
            and wanted.get("surface", surface) == surface
            and fnmatchcase(request.path, wanted.get("path", "*"))
            and fnmatchcase(request.host, wanted.get("host", "*"))
        )

    def shown(self) -> dict[str, Any]:
        """The fault as the control interface lists it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "match": self.match,
            "nth": self.nth,
            "times": self.times,
            "seconds": self.seconds,
            "status": self.status,
            "body": self.body,
            "headers": self.headers,
            "matched": self.matched,
            "fired": self.fired,
        }

    def reply(self) -> Response:
        """What a fault of kind "status" answers; an error in the clouds' envelope if no body was given."""
        status = self.status or 500
        body = self.body if self.body is not None else {"error": "injected fault"}
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return Response(status, {"content-type": "application/json", **self.headers}, content)


class Faults:
    """All faults in force, in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._count = 0

    def add(self, wanted: dict[str, Any]) -> Fault:
        """Add a fault from its JSON form; raises ValueError naming the key that is wrong."""
        kind = wanted.get("kind")
        if kind not in KINDS:
            raise ValueError(f"kind: {kind!r} is not one of {', '.join(KINDS)}")
        match = wanted.get("match") or {}
        unknown = set(match) - MATCH_KEYS
        if unknown:
            raise ValueError(f"match: unknown key {min(unknown)!r}, known are {', '.join(sorted(MATCH_KEYS))}")
        self._count += 1
        fault = Fault(
            id=str(wanted.get("id") or f"fault-{self._count}"),
            kind=kind,
            match={key: str(value) for key, value in match.items()},
            nth=list(wanted["nth"]) if wanted.get("nth") else None,
            times=wanted.get("times"),
            seconds=wanted.get("seconds"),
            status=wanted.get("status"),
            body=wanted.get("body"),
            headers={str(key): str(value) for key, value in (wanted.get("headers") or {}).items()},
        )
        self._faults = [known for known in self._faults if known.id != fault.id] + [fault]
        return fault

    def remove(self, fault_id: str | None = None) -> int:
        """Remove one fault, or all; returns how many went."""
        before = len(self._faults)
        self._faults = [f for f in self._faults if fault_id is not None and f.id != fault_id]
        return before - len(self._faults)

    def shown(self) -> list[dict[str, Any]]:
        """Every fault in its JSON form, with how often it matched and fired."""
        return [fault.shown() for fault in self._faults]

    def take(self, request: Request, surface: Surface) -> list[Fault]:
        """Count a request against every fault that matches it; returns those that fire for it."""
        firing = []
        for fault in self._faults:
            if not fault.matches(request, surface):
                continue
            fault.matched += 1
            if fault.nth is not None and fault.matched not in fault.nth:
                continue
            if fault.times is not None and fault.fired >= fault.times:
                continue
            fault.fired += 1
            firing.append(fault)
        return firing
