"""Every public method of the Fly client, called once on the twin: the list that two contract tests stand on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

from hotops.core.http import Retry
from hotops.core.limiter import NoLimiter
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.fly.client import Fly
from hotops.fly.config import MachineConfig
from hotops.sandbox.inprocess import Transport
from hotops.sandbox.twin import Twin
from tests.twin.asking import START, app_seed, fly_seed
from tests.unit.fly_worlds import FakeClock

IMAGE = "registry.fly.io/shop:v42"


@dataclass
class Sent:
    """One request as it went on the wire."""

    method: str
    host: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Recorder(httpx.BaseTransport):
    """Hands requests on and keeps them."""

    inner: httpx.BaseTransport
    sent: list[Sent] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        raw_path, _, query = request.url.raw_path.decode().partition("?")
        self.sent.append(
            Sent(request.method, request.url.host, raw_path, parse_qsl(query), dict(request.headers.items()), body)
        )
        return self.inner.handle_request(request)


class Stage:
    """A fresh twin with a recorded client, one of its machines and its config."""

    def __init__(self) -> None:
        clock = FakeClock()
        twin = Twin(fly_seed(app_seed("shop", traffic_rps=2)), connect=lambda dsn: None, now=START)
        twin.limits = False
        self.recorder = Recorder(Transport(twin, clock))
        self.fly = Fly(
            twin.tokens["fly"],
            world=World("sandbox", {}, {}),
            clock=clock,
            transport=lambda: self.recorder,
            limiter=lambda cloud, identity: NoLimiter(),
            retry=Retry(jitter=0),
        )
        machine = self.fly.machines.list("shop")[0]
        self.id, self.version = machine.id, machine.instance_id
        self.config = machine.config or MachineConfig({})
        self.recorder.sent.clear()


def _updated(stage: Stage) -> None:
    stage.fly.machines.update(
        "shop",
        stage.id,
        stage.config.with_env({"A": "1"}),
        current_version=stage.version,
        min_secrets_version=1,
        skip_launch=True,
        skip_service_registration=True,
        nonce="n",
    )


def _leased(stage: Stage) -> None:
    with stage.fly.machines.lease("shop", stage.id, ttl_s=15, description="run 1") as lease:
        lease.refresh()
        stage.fly.machines.stop("shop", stage.id, nonce=lease.nonce)


def _marked(stage: Stage) -> None:
    for value in ("1", None):
        stage.fly.machines.set_metadata("shop", stage.id, "a", value)


def _released(stage: Stage) -> None:
    made = stage.fly.releases.try_create("shop", image=IMAGE, strategy="rolling", definition={"app": "shop"})
    assert made.release is not None
    stage.fly.releases.try_update(made.release.id, "failed", error="why")


def _revoked(stage: Stage) -> None:
    stage.fly.tokens.create("ci", org="personal", expires_days=1)
    (token,) = stage.fly.tokens.made(org="personal")
    stage.fly.tokens.delete(token.id)


#: Method -> one call of it that sends every optional field it has.
CALLS: dict[str, Callable[[Stage], object]] = {
    "apps.get": lambda s: s.fly.apps.get("shop"),
    "apps.list": lambda s: s.fly.apps.list("personal"),
    "apps.create": lambda s: s.fly.apps.create("shop-new", "personal"),
    "apps.destroy": lambda s: s.fly.apps.destroy("shop"),
    "apps.exists": lambda s: s.fly.apps.exists("shop"),
    "machines.list": lambda s: s.fly.machines.list(
        "shop", region="ord", states=["started"], metadata={"fly_process_group": "app"}, include_deleted=True
    ),
    "machines.get": lambda s: s.fly.machines.get("shop", s.id),
    "machines.create": lambda s: s.fly.machines.create(
        "shop",
        s.config,
        key="k",
        name="web-9",
        region="ord",
        skip_launch=True,
        skip_service_registration=True,
        min_secrets_version=1,
        lease_ttl_s=30,
    ),
    "machines.update": _updated,
    "machines.start": lambda s: s.fly.machines.start("shop", s.id),
    "machines.stop": lambda s: s.fly.machines.stop("shop", s.id, signal="SIGTERM", timeout_s=5),
    "machines.suspend": lambda s: s.fly.machines.suspend("shop", s.id),
    "machines.restart": lambda s: s.fly.machines.restart("shop", s.id, signal="SIGTERM"),
    "machines.cordon": lambda s: s.fly.machines.cordon("shop", s.id),
    "machines.uncordon": lambda s: s.fly.machines.uncordon("shop", s.id),
    "machines.destroy": lambda s: s.fly.machines.destroy("shop", s.id, force=True),
    "machines.wait": lambda s: s.fly.machines.wait("shop", s.id, ["started", "failed"], version=s.version),
    "machines.lease": _leased,
    "machines.wait_for_lease": lambda s: s.fly.machines.wait_for_lease("shop", s.id, patience_s=5).release(),
    "machines.lease_of": lambda s: s.fly.machines.lease_of("shop", s.id),
    "machines.versions": lambda s: s.fly.machines.versions("shop", s.id),
    "machines.events": lambda s: s.fly.machines.events("shop", s.id, limit=3),
    "machines.exec": lambda s: s.fly.machines.exec("shop", s.id, ["true"], timeout_s=5, stdin=""),
    "machines.metadata": lambda s: s.fly.machines.metadata("shop", s.id),
    "machines.set_metadata": _marked,
    "machines.patch_metadata": lambda s: s.fly.machines.patch_metadata(
        "shop", s.id, {"a": "1", "b": None}, machine_version=s.version
    ),
    "releases.list": lambda s: s.fly.releases.list("shop", limit=3),
    "releases.current": lambda s: s.fly.releases.current("shop"),
    "releases.definition": lambda s: s.fly.releases.definition("shop"),
    "releases.create": lambda s: s.fly.releases.create("shop", image=IMAGE),
    "releases.update": lambda s: s.fly.releases.update(s.fly.releases.list("shop")[0].id, "complete"),
    "releases.try_create": _released,
    "releases.try_update": _released,
    "secrets.list": lambda s: s.fly.secrets.list("shop", min_version=1),
    "secrets.set": lambda s: s.fly.secrets.set("shop", "A", Secret("value-one")),
    "secrets.delete": lambda s: s.fly.secrets.delete("shop", ["A"]),
    "secrets.bulk": lambda s: s.fly.secrets.bulk("shop", {"A": Secret("value-one"), "B": None}),
    "secrets.learn_version": lambda s: s.fly.secrets.learn_version("shop"),
    "logs.read": lambda s: list(s.fly.logs.read("shop", since=START - 60, region="ord", instance=s.id)),
    "logs.newest": lambda s: s.fly.logs.newest("shop"),
    "registry.resolve": lambda s: s.fly.registry.resolve(IMAGE),
    "registry.manifest": lambda s: s.fly.registry.manifest(IMAGE),
    "registry.labels": lambda s: s.fly.registry.labels(IMAGE),
    "certificates.list": lambda s: s.fly.certificates.list("shop"),
    "certificates.get": lambda s: s.fly.certificates.get("shop", "www.shop.example.com"),
    "volumes.list": lambda s: s.fly.volumes.list("shop"),
    "volumes.snapshots": lambda s: s.fly.volumes.snapshots("shop", "vol_1"),
    "volumes.restore": lambda s: s.fly.volumes.restore(
        "shop", name="back", region="ord", size_gb=3, snapshot_id="vs_1"
    ),
    "volumes.destroy": lambda s: s.fly.volumes.destroy("shop", "vol_1"),
    "regions.list": lambda s: s.fly.regions.list(),
    "tokens.current": lambda s: s.fly.tokens.current(),
    "tokens.made": lambda s: s.fly.tokens.made(org="personal", app="shop"),
    "tokens.create": lambda s: s.fly.tokens.create("ci", org="personal", app="shop", expires_days=90),
    "tokens.delete": _revoked,
    "metrics.query": lambda s: s.fly.metrics.query("personal", "sum(fly_app_http_responses_count)", at=START),
    "metrics.query_range": lambda s: s.fly.metrics.query_range(
        "personal", "sum(fly_app_http_responses_count)", start=START - 60, end=START
    ),
}
