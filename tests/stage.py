"""A stage for fast tests: the twin in this process, one clock for it and for hotops, and a promotion to run on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx

from hotops.core.clock import Clock
from hotops.core.context import Context
from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError
from hotops.core.journal import Journal, NoJournal
from hotops.core.limiter import MemoryLimiter
from hotops.core.parallel import max_workers
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import is_alive
from hotops.inventory.load import environment_from_vars
from hotops.inventory.schema import Environment
from hotops.inventory.seed import seed_of
from hotops.promote.phase import PromotePhase
from hotops.promote.phases import PhaseName, PhaseWant
from hotops.promote.run import promote
from hotops.sandbox.control import control
from hotops.sandbox.inprocess import Transport
from hotops.sandbox.twin import Twin

#: No process has it: a run that names it as its holder is dead as soon as it stops.
NOBODY = 2**22 - 1

SMALL: Mapping[str, Any] = {
    "env_kind": "sandbox",
    "env_name": "stage",
    "fly_org": "personal",
    "samples": 6,
    "warmup": 1,
    "watch_s": 12,
    "drain_s": 6,
    # A dozen seconds tell little: enough that not three of five answers fail, and that is asked here.
    "watch": {"interval_s": 3, "error_share": 0.2},
}


class StageClock(Clock, Protocol):
    """A clock whose time a test may also set."""

    time: float


class FakeClock:
    """A clock that moves when it is slept on."""

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(0.0, seconds)


class Stage:
    """One world with `shop-production` promoted from `shop-staging`, staging one release ahead."""

    def __init__(
        self, tmp_path: Path, *, apps: Mapping[str, Any] | None = None, clock: StageClock | None = None, **common: Any
    ) -> None:
        self.clock: StageClock = clock or FakeClock(time.time())
        hosts = apps or {"shop-production": {"promote_from": "shop-staging"}}
        hostvars = {host: {**SMALL, **common, **dict(own)} for host, own in hosts.items()}
        self.environment: Environment = environment_from_vars(
            hostvars, {"all": list(hosts), "apps": list(hosts)}, inventory=tmp_path / "inventories" / "stage"
        )
        seed = seed_of(self.environment)
        for app in seed["fly"]["apps"]:
            app["traffic_rps"] = min(app.get("traffic_rps", 1), 2)  # log pages are most of a run's calls
        self.twin = Twin(seed, connect=lambda _dsn: None)
        self.twin.ensure_planted(self.clock.now())
        self.wrap: Callable[[httpx.BaseTransport], httpx.BaseTransport] = lambda transport: transport
        self.journal: Journal = NoJournal()
        self._limiters: dict[str, MemoryLimiter] = {}

    def context(self, run: str = "20260101T000000Z-promote-stage", **fields: Any) -> Context:
        """A context on the twin; by default of a run whose holder is dead once it stops."""
        world = World("sandbox", {}, None, None, {cloud: Secret(value) for cloud, value in self.twin.tokens.items()})
        hosts = tuple(host for host, app in self.environment.apps.items() if app.promote_from)
        settings: dict[str, Any] = {
            "run": run,
            "reason": "a test",
            "holder_pid": NOBODY,
            "environment": self.environment,
            "selection": hosts,
            "transport": self.wrap(Transport(self.twin, self.clock)),
            "journal": self.journal,
            "limiter_of": lambda cloud, _identity: self._limiters.setdefault(cloud, MemoryLimiter(self.clock)),
            **fields,
        }
        return Context(world=world, clock=self.clock, **settings)

    def promote(self, run: str = "20260101T000000Z-promote-stage", **options: Any) -> dict[PhaseName, Outcome]:
        """Run a whole promotion, calls in one order."""
        token = max_workers.set(1)
        try:
            with self.context(run) as context:
                return promote(context, **options)
        finally:
            max_workers.reset(token)

    def failure_of_promotion(self, run: str) -> HotopsError | None:
        """Run a whole promotion; how it failed, None if it did not."""
        try:
            self.promote(run)
        except HotopsError as error:
            return error
        return None

    def phase(self, name: PhaseName, run: str = "20260101T000000Z-promote-stage", **want: Any) -> Outcome:
        """Run one phase."""
        with self.context(run) as context:
            return drive(PromotePhase(PhaseWant(phase=name, **want), context))

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call the sandbox's own interface."""
        answer = control(self.twin, method, path, json.dumps(body or {}).encode(), self.clock.now())
        assert answer.status < 400, answer.body
        return json.loads(answer.body) if answer.body else None

    def push(self, tag: str, *, app: str = "shop-staging", age_s: float = 3600, **more: Any) -> None:
        """Let an app run an image with this tag, as if for `age_s` seconds."""
        self.control("POST", "push", {"app": app, "tag": tag, "age_s": age_s, **more})

    def machines(self, app: str = "shop-production") -> list[Machine]:
        """The app's machines, read past every fault."""
        with Context(
            world=World("sandbox", {}, None, None, {"fly": Secret(self.twin.tokens["fly"])}),
            clock=self.clock,
            transport=Transport(self.twin, self.clock),
            limiter_of=lambda _cloud, _identity: MemoryLimiter(self.clock),
        ) as context:
            return context.client(Fly).machines.list(app)

    def living_machines(self, app: str = "shop-production") -> list[Machine]:
        """The app's machines but for those that are being destroyed."""
        return [machine for machine in self.machines(app) if is_alive(machine)]

    def tags(self, app: str = "shop-production") -> set[str]:
        """The tags that an app's machines run."""
        return {machine.image_ref.tag for machine in self.living_machines(app) if machine.image_ref}

    def get(self, url: str) -> int:
        """The status of a GET through the proxy."""
        with httpx.Client(transport=Transport(self.twin, self.clock)) as client:
            return client.get(url).status_code

    def writes(self) -> list[str]:
        """Requests with an effect since the log was emptied."""
        return [
            f"{entry['method']} {entry['path']}"
            for entry in self.control("GET", "log")["entries"]
            if entry["effect"] != "none"
        ]
