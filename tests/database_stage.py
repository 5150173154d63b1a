"""A stage with a vault and a Supabase project whose logins are pretended: apps that need their database to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx

from hotops.core.context import Context
from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError
from hotops.core.journal import Journal
from hotops.core.parallel import max_workers
from hotops.database.fix import FixDsn
from hotops.dsn.connection import Dsn
from hotops.dsn.proof import Proof
from hotops.dsn.proof import Stage as Step
from hotops.sandbox.supabase import ManagementApi
from tests.documented import as_documented
from tests.secrets_stage import SecretsStage
from tests.stage import StageClock

REF = "abcdefghijklmnopqrst"
POOLER = "aws-1-us-east-1.pooler.supabase.com"
DIRECT = f"db.{REF}.supabase.co"
APP = "shop-chatwoot"
SUPABASE_TOKEN = "sandbox-supabase"


@dataclass
class Project:
    """What the Management API of the twin asks of a database: nothing but its name."""

    project: Mapping[str, Any]
    made_at: float = 0.0
    status: str = "ACTIVE_HEALTHY"
    window: Any = None

    @property
    def cluster(self) -> Any:
        """Its version."""
        return SimpleNamespace(toolkit=SimpleNamespace(programs=SimpleNamespace(version="15.8")))

    def connection_string(self) -> str:
        """Nobody connects to it."""
        return "host=127.0.0.1 port=1 connect_timeout=1"


@dataclass
class Projects:
    """One project, as `hotops.sandbox.projects.Databases` shows them."""

    only: Project
    removed: set[str] = field(default_factory=set)
    toolkit: Any = None

    def __iter__(self) -> Any:
        return iter([self.only])

    def find(self, ref: str) -> Project | None:
        return self.only if ref == REF else None

    def organizations(self) -> list[str]:
        return ["acme"]


@dataclass
class Logins:
    """Who may log in with which password, and where: as PostgreSQL and Supavisor judge it."""

    passwords: dict[str, str]

    def __call__(self, dsn: str) -> str | None:
        """The word for what goes wrong, None where it connects: what a machine of the twin is told."""
        from psycopg.conninfo import conninfo_to_dict

        try:
            wanted = conninfo_to_dict(dsn)
        except Exception:  # noqa: BLE001 (libpq's own errors)
            return "InvalidDsn"
        user, host, port = str(wanted.get("user")), wanted.get("host"), str(wanted.get("port") or 5432)
        if (host, port) not in ((DIRECT, "5432"), (POOLER, "5432"), (POOLER, "6543")):
            return "UnknownHost"
        if host == POOLER:
            role, dot, ref = user.rpartition(".")
            if not dot or ref != REF:
                return "TenantNotFound"
            user = role
        return None if self.passwords.get(user) == wanted.get("password") else "InvalidPassword"

    def prove(self, dsn: Dsn) -> Proof:
        """The same as a proof."""
        error = self(dsn.text().reveal())
        steps = (Step("login", "failed", error, "wrong_password"),) if error else (Step("select", "ok", "PostgreSQL"),)
        return Proof(steps)


class DatabaseStage(SecretsStage):
    """The shop's Chatwoot, which answers 503 without its database; the vault holds its connection string."""

    def __init__(self, folder: Path, *, given: str, database: Mapping[str, Any] | None = None, **common: Any) -> None:
        self.password = "pa/ss!word"
        self.logins = Logins({"postgres": self.password})
        use = {"secret": "supabase/database_url", "parts": "POSTGRES_", "client": "rails", **(database or {})}
        apps = {
            APP: {
                "database": use,
                "health": [{"path": "/health"}],
                "sandbox": {"secrets": self.parts_of_seed(), "groups": {"app": {"count": 2, "needs_database": True}}},
            }
        }
        super().__init__(
            folder, apps=apps, vault={"supabase/database_url_production.env": f"DATABASE_URL={given}\n"},
            supabase_project=REF, **common,
        )  # fmt: skip
        twin = self.stage.twin
        twin.world.connect = self.logins
        twin.tokens["supabase"] = SUPABASE_TOKEN
        project = {"ref": REF, "name": "shop", "region": "us-east-1", "organization": "acme"}
        api = ManagementApi(Projects(Project(project)), SUPABASE_TOKEN)  # type: ignore[arg-type]
        twin.mount("api.supabase.com", "supabase", api.handle)

    @staticmethod
    def parts_of_seed() -> dict[str, Any]:
        """What the app was given: parts that lead nowhere."""
        return {
            "DATABASE_URL": "absent",
            "POSTGRES_HOST": {"text": POOLER},
            "POSTGRES_PORT": {"text": "5432"},
            "POSTGRES_USERNAME": {"text": "postgres"},
            "POSTGRES_PASSWORD": {"text": "pa/ss!word"},
            "POSTGRES_DATABASE": {"text": "postgres"},
        }

    def dsn(self, user: str = "postgres", host: str = DIRECT, port: int = 5432) -> str:
        """A connection string with the right password."""
        return f"postgresql://{user}:{quote(self.password, safe='')}@{host}:{port}/postgres?sslmode=require"

    def fix(self, *, check: bool = False, run: str = "", kind: type[FixDsn] = FixDsn, **want: Any) -> Outcome:
        """Fix (or switch, which is a kind of fix), calls in one order."""
        token = max_workers.set(1)
        try:
            with self.context(**({"run": run} if run else {}), check=check) as context:
                operation = kind(kind.Want(**want), context)
                operation.prover = self.logins
                return as_documented("dsn_fix", drive(operation, check=check))
        finally:
            max_workers.reset(token)

    def failure_of_fix(self, **want: Any) -> HotopsError:
        """How a fix fails; that it does not is a failure too."""
        try:
            self.fix(**want)
        except HotopsError as error:
            return error
        raise AssertionError("it did not fail")

    def context(self, run: str = "20260101T000000Z-dsn_fix-production", **fields: Any) -> Context:
        return super().context(run, **fields)

    # --- what a sweep needs of a world --------------------------------------------------------------------------------

    @property
    def clock(self) -> StageClock:
        return self.stage.clock

    @property
    def wrap(self) -> Callable[[httpx.BaseTransport], httpx.BaseTransport]:
        return self.stage.wrap

    @wrap.setter
    def wrap(self, wrap: Callable[[httpx.BaseTransport], httpx.BaseTransport]) -> None:
        self.stage.wrap = wrap

    @property
    def journal(self) -> Journal:
        return self.stage.journal

    @journal.setter
    def journal(self, journal: Journal) -> None:
        self.stage.journal = journal

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self.stage.control(method, path, body)

    def status(self) -> int:
        """What the app answers through the proxy, once every check had its turn."""
        self.stage.clock.sleep(20)
        return self.stage.get(f"https://{APP}.fly.dev/health")
