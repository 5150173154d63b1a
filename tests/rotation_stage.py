"""A stage with an app that logs in as one of two roles: its vault, its map, and a pretended PostgreSQL behind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError
from hotops.core.journal import Journal
from hotops.core.parallel import max_workers
from hotops.dsn.connection import Dsn
from hotops.dsn.proof import Proof
from hotops.dsn.proof import Stage as Step
from hotops.rotation.postgres import PostgresRoles
from hotops.rotation.rotate import RotateSecret, RotateWant
from hotops.sandbox.supabase import ManagementApi
from hotops.sandbox.wire import Request, Response
from hotops.supabase.client import Supabase
from tests.database_stage import DIRECT, REF, SUPABASE_TOKEN, Project, Projects
from tests.documented import as_documented
from tests.secrets_stage import SecretsStage
from tests.stage import StageClock

APP = "shop-production"
ITEM = "supabase/database_url"
REPO = "acme/shop"
MAP: Mapping[str, Any] = {
    "DATABASE_URL": {
        "vault": ITEM,
        "fly": {APP: ["DATABASE_URL"]},
        "github": {"environments": {"production": "DATABASE_URL"}},
        "rotate_days": 90,
        "provider": {"kind": "postgres", "owner": "shop_app"},
    }
}


class Roles:
    """PostgreSQL's roles, as far as a rotation speaks of them: verifiers by role, None for one that may not log in."""

    def __init__(self) -> None:
        self.verifiers: dict[str, str | None] = {"shop_app": None}
        self.statements: list[str] = []

    def run(self, query: str) -> list[dict[str, Any]]:
        """Carry a statement of hotops' out."""
        self.statements.append(query)
        looked = re.search(r"from pg_roles where rolname = '(\w+)'$", query)
        if looked:
            return [{"there": 1}] if looked[1] in self.verifiers else []
        given = re.search(r"alter role (\w+) with login password '([^']+)'", query)
        if given:
            self.verifiers[given[1]] = given[2]
        taken = re.search(r"alter role (\w+) with nologin", query)
        if taken and taken[1] in self.verifiers:
            self.verifiers[taken[1]] = None
        return []

    def __call__(self, dsn: str) -> str | None:
        """What a machine of the twin is told: the word for a refusal, None where it logs in."""
        from psycopg.conninfo import conninfo_to_dict

        wanted = conninfo_to_dict(dsn)
        stored = self.verifiers.get(str(wanted.get("user")))
        if stored is None or not _fits(str(wanted.get("password")), stored):
            return "InvalidPassword"
        return None

    def prove(self, dsn: Dsn) -> Proof:
        error = self(dsn.text().reveal())
        return Proof((Step("login", "failed", error, "wrong_password") if error else Step("select", "ok", ""),))


def _fits(password: str, stored: str) -> bool:
    """Whether a password is the verifier's (RFC 5803)."""
    iterations, salt = stored.split("$")[1].split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return base64.b64encode(key).decode() == stored.split("$")[2].split(":", maxsplit=1)[0]


class RotationStage(SecretsStage):
    """An app that runs with the vault's connection string, written there by a mirror."""

    def __init__(self, folder: Path, **common: Any) -> None:
        from hotops.core.secret import Secret
        from hotops.rotation.scram import verifier

        password = "first-word"
        given = f"postgresql://shop_app_a:{quote(password)}@{DIRECT}:5432/postgres?sslmode=require"
        self.roles = Roles()
        self.roles.verifiers["shop_app_a"] = verifier(Secret(password))
        world = {"sandbox": {"groups": {"app": {"count": 2, "needs_database": True}}}}
        super().__init__(
            folder, apps={APP: world}, vault={f"{ITEM}_production.env": f"DATABASE_URL={given}\n"}, secret_map=MAP,
            supabase_project=REF, github_repo=REPO,
            sandbox_world={"repositories": {REPO: {"environments": {"production": {}}}}}, **common,
        )  # fmt: skip
        twin = self.stage.twin
        twin.world.connect = self.roles
        twin.tokens["supabase"] = SUPABASE_TOKEN
        project = {"ref": REF, "name": "shop", "region": "us-east-1", "organization": "acme"}
        self._api = ManagementApi(Projects(Project(project)), SUPABASE_TOKEN)  # type: ignore[arg-type]
        twin.mount("api.supabase.com", "supabase", self._answer)
        self.mirror(adopt="write")
        self.stage.clock.sleep(60)
        self.empty_log()

    def _answer(self, request: Request, now: float) -> Response:
        """The Management API, with queries for the pretended PostgreSQL."""
        import json

        if "/database/query" not in request.path:
            return self._api.handle(request, now)
        request.memory["effect"] = "none" if request.path.endswith("read-only") else "write"
        rows = self.roles.run(json.loads(request.body)["query"])
        return Response(201, {"Content-Type": "application/json"}, json.dumps(rows).encode())

    def rotate(self, *, check: bool = False, run: str = "", **want: Any) -> Outcome:
        """Rotate, calls in one order."""
        token = max_workers.set(1)
        try:
            with self.context(**({"run": run} if run else {}), check=check) as context:
                operation = RotateSecret(RotateWant(secret="DATABASE_URL", **want), context)
                operation.provider_for = lambda *_given: PostgresRoles(
                    context.client(Supabase), REF, "shop_app", self.roles.prove
                )
                return as_documented("secrets_rotate", drive(operation, check=check))
        finally:
            max_workers.reset(token)

    def failure_of_rotation(self, **want: Any) -> HotopsError:
        try:
            self.rotate(**want)
        except HotopsError as error:
            return error
        raise AssertionError("it did not fail")

    def valid(self) -> dict[str, bool]:
        """Whether each place's credential logs in: the vault's, Fly's, GitHub's, and every machine's."""
        return {place: self.roles(dsn) is None for place, dsn in self._places().items()}

    def roles_in_use(self) -> dict[str, str]:
        """The role of each place's credential."""
        return {place: dsn.partition("://")[2].partition(":")[0] for place, dsn in self._places().items()}

    def _places(self) -> dict[str, str]:
        github = self.stage.twin.github.hub.repositories[REPO].environments["production"].keyring.values
        places = {"vault": self.vault().value(ITEM).reveal(), "fly": self.at(APP)["DATABASE_URL"]}
        places["github"] = github["DATABASE_URL"].value.decode()
        return places | {f"machine {n}": given["DATABASE_URL"] for n, given in enumerate(self.runs_with(APP))}

    # --- what a sweep needs of a world --------------------------------------------------------------------------------

    @property
    def clock(self) -> StageClock:
        return self.stage.clock

    @property
    def wrap(self) -> Any:
        return self.stage.wrap

    @wrap.setter
    def wrap(self, wrap: Any) -> None:
        self.stage.wrap = wrap

    @property
    def journal(self) -> Journal:
        return self.stage.journal

    @journal.setter
    def journal(self, journal: Journal) -> None:
        self.stage.journal = journal

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self.stage.control(method, path, body)
