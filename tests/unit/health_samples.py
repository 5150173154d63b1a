"""Worlds for the tests of health: a clock that moves when slept on, hand-made answers, machines as the API says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from hotops.core.context import Context
from hotops.core.world import World
from hotops.fly.models import LogLine, Machine

NOW = 1_790_000_000.0
DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64

Answering = Callable[[httpx.Request], httpx.Response]


@dataclass
class TestClock:
    """Unix seconds that pass only when somebody sleeps."""

    __test__ = False
    time: float = NOW
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def context_answering(answer: Answering, clock: TestClock | None = None, **fields: Any) -> Context:
    """A context whose requests a function answers."""
    return Context(World("sandbox", {}, {}), clock or TestClock(), transport=httpx.MockTransport(answer), **fields)


def machine(
    ident: str = "m1",
    *,
    state: str = "started",
    group: str = "app",
    memory_mb: int = 1024,
    services: list[dict[str, Any]] | None = None,
    checks: dict[str, Any] | None = None,
    rows: list[dict[str, Any]] | None = None,
    events: list[dict[str, Any]] | None = None,
    digest: str = DIGEST,
    config: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Machine:
    """A machine as the Machines API lists it."""
    return Machine.model_validate(
        {
            "id": ident,
            "name": ident,
            "state": state,
            "region": "ord",
            "instance_id": "01H",
            "image_ref": {"registry": "registry.fly.io", "repository": "shop", "tag": "v1", "digest": digest},
            "config": {
                "image": f"registry.fly.io/shop:v1@{digest}",
                "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": memory_mb},
                "metadata": {"fly_process_group": group, "fly_platform_version": "v2"},
                "services": [service()] if services is None else services,
                "checks": checks or {},
                **(config or {}),
            },
            "checks": rows or [],
            "events": events or [],
            **fields,
        }
    )


def service(**changes: Any) -> dict[str, Any]:
    """A service with one check on /health."""
    return {
        "protocol": "tcp",
        "internal_port": 3000,
        "ports": [{"port": 443, "handlers": ["tls", "http"]}],
        "autostop": "off",
        "autostart": True,
        "min_machines_running": 1,
        "checks": [{"type": "http", "path": "/health", "interval": "15s"}],
        **changes,
    }


def exit_event(at: float, code: int = 1, *, restart_count: int = 0, **fields: Any) -> dict[str, Any]:
    """An exit event; `at` in unix seconds."""
    ended = {"exit_code": code, "guest_exit_code": code, "requested_stop": False, "oom_killed": False, **fields}
    return {
        "id": f"e{at}",
        "type": "exit",
        "status": "stopped",
        "source": "flyd",
        "timestamp": int(at * 1000),
        "request": {"exit_event": ended, "restart_count": restart_count},
    }


def line(message: str, at: float = NOW, **fields: Any) -> LogLine:
    """A line of a log."""
    return LogLine.model_validate(
        {"at": at, "message": message, "level": "info", "instance": "m1", "provider": "app", **fields}
    )
