"""Apps of a twin to look at: a context on its clock, and the app's URL asked through its proxy."""

from __future__ import annotations

import socket
from typing import Any

import httpx

from hotops.core.context import Context
from hotops.core.limiter import NoLimiter
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.health.app import AppHealth, look
from hotops.health.target import Target
from hotops.health.tls import PeerCertificate
from hotops.inventory.schema import App
from hotops.sandbox.inprocess import Transport
from hotops.sandbox.twin import Twin
from tests.twin.asking import START, app_seed, fly_seed
from tests.unit.fly_worlds import FakeClock

CLOUDS = ("api.github.com", "api.machines.dev", "api.fly.io", "registry.fly.io", "api.supabase.com")


class Seen(Transport):
    """The twin's transport, in which unknown names do not resolve and known ones show certificates."""

    not_after = "Dec 30 10:00:00 2026 GMT"
    refused: Exception | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host not in CLOUDS and host not in self._twin.hostnames():
            raise httpx.ConnectError(f"the name {host} does not resolve", request=request)
        return super().handle_request(request)

    def peer_certificate(self, host: str, port: int) -> PeerCertificate:
        if host not in self._twin.hostnames():
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        if self.refused is not None:
            raise self.refused
        return {
            "notAfter": self.not_after,
            "subjectAltName": (("DNS", host),),
            "issuer": ((("organizationName", "Twin"),),),
        }


class Sky:
    """A twin with a context of hotops on it."""

    def __init__(self, *apps: dict[str, Any], check: bool = False, token: str | None = None) -> None:
        self.clock = FakeClock()
        self.twin = Twin(fly_seed(*(apps or (app_seed("shop"),))), connect=lambda dsn: None, now=START)
        self.twin.limits = False
        self.transport = Seen(self.twin, self.clock)
        self.context = Context(
            World("sandbox", {}, {}, tokens={"fly": Secret(token or self.twin.tokens["fly"])}),
            self.clock,
            transport=self.transport,
            limiter_of=lambda cloud, identity: NoLimiter(),
            check=check,
        )

    def run(self, tag: str, app: str = "shop", group: str | None = None) -> None:
        """Let the machines (of a group) run another image, as a deploy would."""
        from hotops.fly import Fly

        fly = self.context.client(Fly)
        self.twin.world.images.push(app, tag, self.clock.now())
        for machine in fly.machines.list(app):
            if group in (None, machine.process_group) and machine.config is not None:
                fly.machines.update(app, machine.id, machine.config.with_image(f"registry.fly.io/{app}:{tag}"))

    def look(self, app: str = "shop", *, since_s: float = 3600.0, wake: bool = False, **declared: Any) -> AppHealth:
        """One app as the report sees it; `declared` is what an inventory says of it."""
        target = Target.of(self.declare(app, **declared)) if declared else Target.named(app)
        return look(self.context, target, since=self.clock.now() - since_s, wake=wake)

    @staticmethod
    def declare(app: str, **declared: Any) -> App:
        """An app of an inventory."""
        return App.model_validate({"host": app, "fly_org": "personal", **declared})

    def sent(self) -> list[str]:
        """The calls so far, as "METHOD host path"."""
        return [f"{call.method} {call.host} {call.path}" for call in self.context.calls]


def kinds(health: AppHealth) -> dict[str, str]:
    """Kinds of findings and how bad they are."""
    return {finding.kind: finding.severity for finding in health.findings}
