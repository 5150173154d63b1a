"""An environment to look at: apps of a twin, its database, one clock, and what each call takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.limiter import MemoryLimiter
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.inventory.schema import Environment
from hotops.registry import operation
from hotops.sandbox.projects import Databases as ProjectDatabases
from hotops.sandbox.supabase import ManagementApi
from hotops.sandbox.twin import Twin
from tests.stage import FakeClock, StageClock
from tests.twin.asking import START, app_seed, fly_seed
from tests.twin.health_worlds import Seen

REF = "abcdefghijklmnopqrst"
SUPABASE_TOKEN = "sandbox-supabase"


class Databases:
    """One project of Supabase without its PostgreSQL: what the Management API shows of it."""

    removed: frozenset[str] = frozenset()

    def __init__(self) -> None:
        programs = SimpleNamespace(version="17.6.1.002")
        self.only = SimpleNamespace(
            project={"ref": REF, "name": "shop-db", "region": "us-east-1", "organization": "acme"},
            cluster=SimpleNamespace(toolkit=SimpleNamespace(programs=programs)),
            made_at=START - 9e6,
            status="ACTIVE_HEALTHY",
            window=None,
        )

    def __iter__(self) -> Iterator[Any]:
        return iter([self.only])

    def find(self, ref: str) -> Any:
        return self.only if ref == REF else None

    def organizations(self) -> list[str]:
        return ["acme"]


class Scene:
    """Apps and a Supabase project in one twin, and an environment that declares them."""

    def __init__(
        self,
        *seeds: dict[str, Any],
        clock: StageClock | None = None,
        supabase: bool = True,
        token: str | None = None,
        declared: dict[str, dict[str, Any]] | None = None,
        connect: Any = None,
        github: Mapping[str, Any] | None = None,
        **common: Any,
    ) -> None:
        self.clock: StageClock = clock or FakeClock(START)
        apps = seeds or (app_seed("shop", traffic_rps=2),)
        seed = fly_seed(*apps)
        if github is not None:
            seed["github"] = {"repositories": [dict(github)]}
            common.setdefault("github_repo", github["name"])
        self.twin = Twin(seed, connect=connect or (lambda _dsn: None), now=START)
        self.databases = Databases()
        api = ManagementApi(cast("ProjectDatabases", self.databases), SUPABASE_TOKEN)
        self.twin.mount("api.supabase.com", "supabase", api.handle)
        self.transport = Seen(self.twin, self.clock)
        tokens = {"fly": Secret(token or self.twin.tokens["fly"])}
        if supabase:
            tokens["supabase"] = Secret(SUPABASE_TOKEN)
        if github is not None:
            tokens["github"] = Secret(self.twin.tokens["github"])
        self.tokens = tokens
        names = [seed["name"] for seed in apps]
        hosts = {name: {"host": name, "fly_org": "personal", **(declared or {}).get(name, {})} for name in names}
        self.environment = Environment.model_validate(
            {
                "env_name": "production",
                "env_kind": "sandbox",
                "fly_org": "personal",
                "supabase_project": "shop-db",
                "project_dir": "/nonexistent",
                "apps": hosts,
                **common,
            }
        )
        self._limiters: dict[str, MemoryLimiter] = {}

    def context(self, **fields: Any) -> Context:
        """A context on the twin, with the clouds' limits kept as in life."""
        return Context(
            World("sandbox", {}, {}, tokens=self.tokens),
            self.clock,
            limiter_of=lambda cloud, _identity: self._limiters.setdefault(cloud, MemoryLimiter(self.clock)),
            **{"environment": self.environment, "transport": self.transport, **fields},
        )

    def ask(self, name: str, context: Context | None = None, **want: Any) -> dict[str, Any]:
        """What a reading reports."""
        kind = operation(name)
        used = context or self.context()
        outcome = drive(kind(kind.Want.model_validate(want), used))
        assert outcome.changed is False
        return outcome.result

    def log(self) -> list[str]:
        """What the twin was asked: method, host, path and effect."""
        return [f"{call['method']} {call['host']}{call['path']}" for call in self.twin.calls.since()]
