"""Values for a sandbox: secrets made when it starts, DSNs, and the names of a pretended Supabase project."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hotops.inventory.sandbox_spec import SandboxSecret

#: Host of Supavisor's pooler for a region's projects (Supabase docs, connect to your database).
POOLER_HOST = "aws-1-{region}.pooler.supabase.com"
DSN_KINDS = frozenset({"dsn_direct", "dsn_pooler", "dsn_transaction"})
#: Names under which applications look for their DSN, and with which a pretended machine connects.
DSN_NAMES = ("DATABASE_URL", "PG_URL")


def project_ref(project: str) -> str:
    """The 20 lower-case letters of a project: `project` itself if it is that, else letters that follow from it."""
    if re.fullmatch(r"[a-z]{20}", project):
        return project
    digest = hashlib.sha256(project.encode()).digest()
    return "".join(chr(ord("a") + byte % 26) for byte in digest[:20])


@dataclass(frozen=True, slots=True)
class PretendedProject:
    """A Supabase project of the sandbox. Its password is made here and holds characters that a URL has to escape."""

    name: str
    region: str
    declared_ref: str | None = None
    db_pass: str = field(default_factory=lambda: f"{secrets.token_urlsafe(18)}/!", repr=False)

    @property
    def ref(self) -> str:
        """20 lower-case letters."""
        return self.declared_ref or project_ref(self.name)

    @property
    def db_host(self) -> str:
        """Host of the direct connection."""
        return f"db.{self.ref}.supabase.co"

    def dsn(self, kind: str) -> str:
        """A DSN: direct, or through the pooler in session mode (5432) or transaction mode (6543)."""
        password = urllib.parse.quote(self.db_pass, safe="")
        if kind == "dsn_direct":
            return f"postgresql://postgres:{password}@{self.db_host}:5432/postgres?sslmode=require"
        pooler = f"postgres.{self.ref}:{password}@{POOLER_HOST.format(region=self.region)}"
        if kind == "dsn_pooler":
            return f"postgresql://{pooler}:5432/postgres?sslmode=require"
        return f"postgresql://{pooler}:6543/postgres?pgbouncer=true&sslmode=require"


def usual_kinds(names: Iterable[str], project: PretendedProject | None) -> dict[str, SandboxSecret]:
    """What secrets of these names usually hold: DSNs, the project's URL, the app's URL, else something random."""
    kinds: dict[str, SandboxSecret] = {}
    for name in names:
        if name in DSN_NAMES and project:
            kinds[name] = SandboxSecret(kind="dsn_direct")
        elif name == "SUPABASE_URL" and project:
            kinds[name] = SandboxSecret(kind="supabase_url")
        elif name.endswith("APP_URL"):
            kinds[name] = SandboxSecret(kind="url")
        else:
            kinds[name] = SandboxSecret(kind="random")
    return kinds


def secret_values(
    declared: Mapping[str, SandboxSecret], *, app_url: str, project: PretendedProject | None
) -> dict[str, str]:
    """A value for each declared secret; those that are `absent` are left out."""
    return {name: _value(spec, app_url, project) for name, spec in declared.items() if spec.kind != "absent"}


def _value(spec: SandboxSecret, app_url: str, project: PretendedProject | None) -> str:
    if spec.text is not None:
        return spec.text
    if spec.kind == "url":
        return app_url
    if spec.kind == "json":
        return json.dumps(
            {
                "type": "service_account",
                "private_key_id": secrets.token_hex(20),
                "private_key": secrets.token_urlsafe(48),
            }
        )
    if project is not None:
        if spec.kind in DSN_KINDS:
            return project.dsn(spec.kind)
        if spec.kind == "supabase_url":
            return f"https://{project.ref}.supabase.co"
        parts = {"db_host": project.db_host, "db_user": "postgres", "db_password": project.db_pass}
        parts |= {
            "pooler_host": POOLER_HOST.format(region=project.region),
            "pooler_user": f"postgres.{project.ref}",
        }
        if spec.kind in parts:
            return parts[spec.kind]
    return secrets.token_urlsafe(32)
