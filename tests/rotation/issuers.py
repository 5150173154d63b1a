"""A stage per kind of credential: who issues it, which values are valid there, and the places that have it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError
from hotops.core.journal import Journal
from hotops.core.parallel import max_workers
from hotops.dsn.connection import Dsn
from hotops.dsn.proof import Proof
from hotops.dsn.proof import Stage as Step
from hotops.rotation.due import DueWanted, SecretsDue
from hotops.rotation.postgres_password import PostgresOnePassword
from hotops.rotation.rotate import RotateSecret, RotateWant
from hotops.sandbox.fly import limited_tokens
from hotops.sandbox.supabase import ManagementApi
from hotops.sandbox.supabase_host import ProjectHosts
from hotops.sandbox.wire import Request, Response
from hotops.secrets.rotation_log import Entry, RotationLog
from hotops.supabase.client import Supabase
from tests.database_stage import DIRECT, REF, SUPABASE_TOKEN, Project, Projects
from tests.documented import as_documented
from tests.secrets_stage import SecretsStage
from tests.stage import StageClock

APP, REPO, NAME, SECOND = "shop-production", "acme/shop", "SHOP_KEY", "SHOP_KEY_PREVIOUS"
FILE, SECOND_FILE = "shop/key_production.env", "shop/key_previous_production.env"
VENDOR = "api.vendor.example"
PROVIDERS: Mapping[str, Mapping[str, Any]] = {
    "generated": {"kind": "generated", "previous": SECOND},
    "generated_alone": {"kind": "generated", "form": "urlsafe", "bytes": 24},
    "supabase_key": {"kind": "supabase_key", "name": "shop"},
    "fly_token": {"kind": "fly_token", "app": APP},
    "fly_token_of_org": {"kind": "fly_token"},
    "postgres_password": {"kind": "postgres_password"},
    "checklist": {
        "kind": "checklist",
        "url": "https://vendor.example/keys",
        "steps": ["Make a key named shop."],
        "check": {"url": f"https://{VENDOR}/v1/me"},
    },
}


class IssuedStage(SecretsStage):
    """An app and a repository that have one credential; `valid` says which values its issuer takes now."""

    def __init__(self, folder: Path, kind: str, *, in_hand: bool = False, **more: Any) -> None:
        places = {"fly": {APP: [NAME]}, "github": {"environments": {"production": NAME}}}
        secret_map: dict[str, Any] = {
            NAME: {"vault": "shop/key", "rotate_days": 90, "provider": {**PROVIDERS[kind], **more}, **places}
        }
        if kind == "generated":
            secret_map[SECOND] = {"vault": "shop/key_previous", "fly": {APP: [SECOND]}}
        self.kind = kind
        self.keys: set[str] = set()
        self.password = "the-first-one"
        super().__init__(
            folder, apps={APP: {}}, vault={FILE: f"{NAME}=x\n"}, secret_map=secret_map, supabase_project=REF,
            github_repo=REPO, sandbox_world={"repositories": {REPO: {"environments": {"production": {}}}}},
            wait_timeout_s=60,
        )  # fmt: skip
        twin = self.stage.twin
        twin.tokens["supabase"] = SUPABASE_TOKEN
        project = Project({"ref": REF, "name": "shop", "region": "us-east-1", "organization": "acme"})
        project.set_password = self._set_password  # type: ignore[attr-defined]
        self.supabase = ManagementApi(Projects(project), SUPABASE_TOKEN)  # type: ignore[arg-type]
        twin.mount("api.supabase.com", "supabase", self.supabase.handle)
        twin.mount(f"{REF}.supabase.co", "supabase", ProjectHosts(Projects(project), self.supabase.keys).handle)  # type: ignore[arg-type]
        twin.mount(VENDOR, "supabase", self._vendor)
        first = self.first = self._first(in_hand=in_hand)
        self.keep(FILE, f"{NAME}={first}\n")
        if kind == "generated":
            self.keep(SECOND_FILE, f"{SECOND}={first}\n")
        self.mirror(adopt="write")
        self.stage.clock.sleep(60)
        self.empty_log()

    def _first(self, *, in_hand: bool) -> str:
        twin = self.stage.twin
        match self.kind:
            case "generated" | "generated_alone":
                return secrets.token_hex(32)
            case "supabase_key":
                return str(next(k["api_key"] for k in self.supabase.keys._of(REF, 0.0) if k["type"] == "secret"))
            case "fly_token" | "fly_token_of_org" if in_hand:
                return str(twin.tokens["fly"])
            case "fly_token" | "fly_token_of_org":
                app = twin.world.apps[APP]
                scope = app if self.kind == "fly_token" else None
                made = limited_tokens.make(
                    twin.world, app.org, scope, name="by hand", expiry=None, now=self.stage.clock.now()
                )
                return str(made["tokenHeader"])
            case "postgres_password":
                return f"postgresql://postgres:{self.password}@{DIRECT}:5432/postgres"
            case _:
                return self.new_key()

    def new_key(self) -> str:
        """What a person makes at the vendor's."""
        key = f"vendor-{secrets.token_hex(12)}"
        self.keys.add(key)
        return key

    def is_valid(self, value: str) -> bool:
        """Whether the issuer takes a value now; random bytes are nobody's, and the app knows what it was given."""
        match self.kind:
            case "supabase_key":
                return value in self.supabase.keys.valid(REF)
            case "fly_token" | "fly_token_of_org":
                return value in self.stage.twin.world.tokens
            case "postgres_password":
                return f":{self.password}@" in value
            case "checklist":
                return value in self.keys
            case _:
                return True

    def places(self) -> dict[str, str]:
        """The value at each place."""
        github = self.stage.twin.github.hub.repositories[REPO].environments["production"].keyring.values
        found = {"vault": self.value(), "fly": self.at(APP)[NAME], "github": github[NAME].value.decode()}
        return found | {f"machine {n}": given[NAME] for n, given in enumerate(self.runs_with(APP))}

    def value(self) -> str:
        return self.vault().value("shop/key").reveal()

    def coming(self) -> str | None:
        vault = self.vault()
        value = vault.sibling(vault.find("shop/key"), "new")
        return value.reveal() if value else None

    def not_understood(self) -> list[str]:
        """Machines whose signature another one does not take: each signs with its first name, takes both."""
        machines = self.runs_with(APP)
        return [
            f"machine {n} does not take what machine {other} signs"
            for n, mine in enumerate(machines)
            for other, theirs in enumerate(machines)
            if theirs[NAME] not in (mine[NAME], mine.get(SECOND))
        ]

    def rotate(self, *, check: bool = False, run: str = "", **want: Any) -> Outcome:
        """Rotate, calls in one order."""
        token = max_workers.set(1)
        try:
            with self.context(run or "20260101T000000Z-secrets_rotate-production", check=check) as context:
                operation = RotateSecret(RotateWant(secret=NAME, **want), context)
                if self.kind == "postgres_password":
                    operation.provider_for = lambda asked: PostgresOnePassword(
                        context.client(Supabase), REF, self._prove, asked.fingerprint
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

    def due(self, *, fail_when_due: bool = False) -> Mapping[str, Any]:
        """What `secrets_due` tells."""
        with self.context() as context:
            return as_documented(
                "secrets_due", drive(SecretsDue(DueWanted(fail_when_due=fail_when_due), context))
            ).result

    def log(self) -> list[Entry]:
        return RotationLog(self.vault()).entries()

    def _set_password(self, password: str) -> None:
        self.password = password

    def _prove(self, dsn: Dsn) -> Proof:
        good = self.is_valid(dsn.text().reveal())
        return Proof((Step("select", "ok", "") if good else Step("login", "failed", "refused", "wrong_password"),))

    def _vendor(self, request: Request, now: float) -> Response:
        del now
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        return Response(200 if key in self.keys else 401, {"Content-Type": "application/json"}, b"{}")

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
