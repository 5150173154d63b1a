"""Clients of Fly for tests: over the twin in this process, or over literal replies, on a clock that costs nothing."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import httpx

from hotops.core.http import Call, Retry
from hotops.core.limiter import MemoryLimiter, NoLimiter
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.fly.client import Fly
from hotops.sandbox.inprocess import Transport
from hotops.sandbox.twin import Twin
from tests.twin.asking import START, app_seed, fly_seed


class FakeClock:
    """Unix seconds that pass only when they are slept."""

    def __init__(self, now: float = START) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.time += seconds
            self.slept.append(seconds)


class Sky:
    """A twin, a client on it, and the calls that the client made."""

    def __init__(self, *apps: dict[str, Any], limits: bool = False, token: str | None = None) -> None:
        self.clock = FakeClock()
        self.twin = Twin(fly_seed(*(apps or (app_seed("shop"),))), connect=lambda dsn: None, now=START)
        self.twin.limits = limits
        self.calls: list[Call] = []
        self.fly = self.client(token)

    def client(self, token: str | None = None, *, limited: bool = False) -> Fly:
        """Another client on the same twin."""
        return Fly(
            token or self.twin.tokens["fly"],
            world=World("sandbox", {}, {}),
            clock=self.clock,
            transport=lambda: Transport(self.twin, self.clock),
            limiter=lambda cloud, identity: MemoryLimiter(self.clock) if limited else NoLimiter(),
            on_call=self.calls.append,
            retry=Retry(jitter=0),
        )

    def break_next(self, kind: str, method: str, path: str, **more: Any) -> None:
        """Break the next call that matches."""
        self.twin.faults.add({"kind": kind, "match": {"method": method, "path": path}, "nth": [1], **more})

    def sent(self) -> list[str]:
        """The calls so far, as "METHOD path"."""
        return [f"{call.method} {call.path}" for call in self.calls]


Handler = Callable[[httpx.Request], httpx.Response]


def literal(handler: Handler, clock: FakeClock | None = None, token: str | None = None) -> Fly:
    """A client whose every request is answered by `handler`."""
    return Fly(
        Secret(token or f"sandbox-{secrets.token_hex(8)}"),
        world=World("sandbox", {}, {}),
        clock=clock or FakeClock(),
        transport=lambda: httpx.MockTransport(handler),
        limiter=lambda cloud, identity: NoLimiter(),
        retry=Retry(jitter=0),
    )


def replying(status: int, body: Any, **headers: str) -> Handler:
    """One reply for everything."""
    content = body if isinstance(body, str) else json.dumps(body)
    return lambda request: httpx.Response(status, headers=headers, text=content)
