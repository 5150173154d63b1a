"""Asking a twin on a clock that costs nothing, and the seeds to ask about."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hotops.sandbox.twin import Twin
from hotops.sandbox.wire import Pending, Request, Response

START = 1_790_000_000.0
SERVICE: dict[str, Any] = {
    "protocol": "tcp",
    "internal_port": 8080,
    "autostop": "off",
    "autostart": False,
    "min_machines_running": 1,
    "ports": [
        {"port": 80, "handlers": ["http"], "force_https": True},
        {"port": 443, "handlers": ["http", "tls"]},
    ],
    "checks": [
        {"type": "http", "path": "/health", "interval": "10s", "timeout": "1s", "grace_period": "5s", "method": "get"}
    ],
}


def app_seed(name: str, **changes: Any) -> dict[str, Any]:
    """The seed of one app: two web machines and a worker behind two releases."""
    seed: dict[str, Any] = {
        "name": name,
        "org": "personal",
        "hostnames": [f"{name}.fly.dev"],
        "certificates": [{"hostname": f"www.{name}.example.com", "expires_in_days": 40}],
        "primary_region": "ord",
        "secrets": {"DATABASE_URL": "postgresql://app@db.example.invalid/app", "APP_ENV": "staging"},
        "releases": [
            {"version": 41, "tag": "v41", "status": "complete", "age_s": 864_000},
            {"version": 42, "tag": "v42", "status": "complete", "age_s": 7200},
        ],
        "env": {"LOG_LEVEL": "info"},
        "groups": {
            "app": {
                "count": 2,
                "regions": ["ord", "iad"],
                "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 1024},
                "services": [SERVICE],
                "checks": {"alive": {"type": "http", "port": 8080, "path": "/health", "interval": "15s"}},
                "needs_database": True,
                "needs_secrets": ["DATABASE_URL"],
            },
            "worker": {"count": 1, "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 512}},
        },
    }
    return {**seed, **changes}


def fly_seed(*apps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A seed with the apps given, or one."""
    fly = {
        "orgs": [{"slug": "personal", "name": "Personal"}, {"slug": "other", "name": "Other"}],
        "apps": list(apps) or [app_seed("shop")],
        **changes,
    }
    return {"schema": 1, "fly": fly}


class Asker:
    """Asks a twin on its own clock; waits are slept at once."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.time = START
        self.token: str | None = twin.tokens["fly"]

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def ask(
        self,
        method: str,
        target: str,
        payload: Any = None,
        *,
        host: str = "api.machines.dev",
        nonce: str | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Send one request and wait for its answer."""
        sent = dict(headers or {})
        chosen = token if token is not None else self.token
        if chosen:
            sent.setdefault("authorization", f"Bearer {chosen}")
        if nonce:
            sent["fly-machine-lease-nonce"] = nonce
        request = Request.to(method, host, target, headers=sent, payload=payload, body=body)
        result = self.twin.handle(request, self.time)
        while isinstance(result, Pending):
            assert result.check_at > self.time
            self.time = result.check_at
            result = self.twin.handle(request, self.time)
        return result

    def get(self, target: str, **options: Any) -> Any:
        """GET that must succeed, decoded."""
        response = self.ask("GET", target, **options)
        assert response.status == 200, response.body
        return response.json()

    def post(self, target: str, payload: Any = None, **options: Any) -> Any:
        """POST that must succeed, decoded."""
        response = self.ask("POST", target, payload, **options)
        assert response.status in {200, 201, 202, 204}, response.body
        return json.loads(response.body) if response.body else None

    def visit(self, hostname: str, path: str = "/", *, method: str = "GET", tls: bool = True) -> Response:
        """A request to an app's host name."""
        request = Request.to(method, hostname, path, tls=tls)
        result = self.twin.handle(request, self.time)
        while isinstance(result, Pending):
            self.time = result.check_at
            result = self.twin.handle(request, self.time)
        return result

    def machines(self, app: str = "shop", group: str | None = "app") -> list[dict[str, Any]]:
        """The machines of an app's group."""
        found: list[dict[str, Any]] = self.get(f"/v1/apps/{app}/machines")
        return [m for m in found if group is None or m["config"]["metadata"]["fly_process_group"] == group]

    def update(self, machine: dict[str, Any], tag: str, app: str = "shop", **more: Any) -> Any:
        """Update a machine to another image, all else unchanged."""
        config = {**machine["config"], "image": f"registry.fly.io/{app}:{tag}"}
        return self.post(f"/v1/apps/{app}/machines/{machine['id']}", {"config": config, **more})

    def push(self, tag: str, app: str = "shop") -> None:
        """Put an image into an app's repository."""
        self.twin.world.images.push(app, tag, self.time)


Make = Callable[..., Asker]
