"""A stage with a vault and a secret map: some apps on the twin in this process, and secrets to be mirrored to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hotops.core.context import Context
from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError
from hotops.core.parallel import max_workers
from hotops.secrets.audit import AuditSecrets, AuditWant
from hotops.secrets.mirror import MirrorSecrets, MirrorWant
from hotops.vault.opening import open_vault
from hotops.vault.vault import Vault
from tests.documented import as_documented
from tests.stage import Stage

APPS: Mapping[str, Any] = {"shop-production": {}, "shop-api": {}}


class SecretsStage:
    """The twin, a folder of env files, and the map that joins them."""

    def __init__(
        self,
        folder: Path,
        *,
        apps: Mapping[str, Any] = APPS,
        vault: Mapping[str, str] | None = None,
        secret_map: Mapping[str, Any] | None = None,
        **common: Any,
    ) -> None:
        self.folder = folder
        self.stage = Stage(folder, apps=apps, vault="vault", env_name="production", **common)
        (folder / "vault").mkdir(mode=0o700, exist_ok=True)
        for path, text in (vault or {}).items():
            self.keep(path, text)
        self.map(secret_map or {})

    def keep(self, path: str, text: str) -> None:
        """Write a file of the vault by hand."""
        file = self.folder / "vault" / path
        file.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)

    def map(self, secrets: Mapping[str, Any], **more: Any) -> None:
        """Write the secret map."""
        file = self.folder / "inventories/secret_maps/production.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({"secrets": dict(secrets), **more}, sort_keys=False), encoding="utf-8")

    def vault(self) -> Vault:
        """The vault as production sees it."""
        return open_vault(self.folder / "vault", "production")

    def context(self, run: str = "20260101T000000Z-secrets_mirror-production", **fields: Any) -> Context:
        """A context whose selection is all apps."""
        return self.stage.context(run, **{"selection": tuple(self.stage.environment.apps), **fields})

    def mirror(self, *, check: bool = False, serial: bool = True, run: str = "", **want: Any) -> Outcome:
        """Mirror, calls in one order."""
        token = max_workers.set(1 if serial else 64)
        try:
            with self.context(**({"run": run} if run else {}), check=check) as context:
                return as_documented("secrets_mirror", drive(MirrorSecrets(MirrorWant(**want), context), check=check))
        finally:
            max_workers.reset(token)

    def audit(self, *, check: bool = False, selection: tuple[str, ...] | None = None, **want: Any) -> Outcome:
        """Audit, calls in one order."""
        token = max_workers.set(1)
        chosen = {} if selection is None else {"selection": selection}
        try:
            with self.context("20260101T000000Z-secrets_audit-production", check=check, **chosen) as context:
                return as_documented("secrets_audit", drive(AuditSecrets(AuditWant(**want), context), check=check))
        finally:
            max_workers.reset(token)

    def failure(self, **want: Any) -> HotopsError:
        """How a mirror fails; that it does not is a failure too."""
        try:
            self.mirror(**want)
        except HotopsError as error:
            return error
        raise AssertionError("it did not fail")

    def at(self, app: str) -> dict[str, str]:
        """The values that an app's store holds."""
        return {name: entry.value for name, entry in self.stage.twin.world.apps[app].vault.entries.items()}

    def runs_with(self, app: str) -> list[dict[str, str]]:
        """What each of an app's machines was given."""
        machines = self.stage.twin.world.apps[app].machines.values()
        return [machine.current.given for machine in machines if machine.state != "destroyed"]

    def set(self, app: str, **values: str) -> None:
        """Write at the store by somebody else's hand, a while later."""
        self.stage.clock.time += 60
        self.stage.twin.world.apps[app].vault.write(dict(values), self.stage.clock.now())

    def calls(self) -> list[tuple[str, str, str]]:
        """Calls since the log was emptied: method, path, effect."""
        return [(c["method"], c["path"], c["effect"]) for c in self.stage.control("GET", "log")["entries"]]

    def empty_log(self) -> None:
        """Forget the calls until now."""
        self.stage.twin.calls.clear()
