"""App secrets: their names and digests, writes, and whether machines have them."""

from __future__ import annotations

import builtins
import secrets
from collections.abc import Iterable, Mapping
from typing import Literal

from hotops.core.errors import Conflict, LeaseHeld
from hotops.core.secret import Secret
from hotops.fly.models import AppSecret, Machine, Release, SecretsWrite
from hotops.fly.states import is_managed
from hotops.fly.surfaces import Surfaces, path

SecretState = Literal["deployed", "staged", "partial", "unknown"]

#: A write that meets another is refused with 409; the second is sent again after a pause (measured by others).
_PAUSES_S = (0.5, 1.0, 2.0)
#: flyctl tells nothing for more machines than this.
_MOST_MACHINES = 100


class Secrets:
    """An app's vault: write-only. A write never touches machines: they see it when they are next created or updated."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def list(self, app: str, *, min_version: int | None = None) -> builtins.list[AppSecret]:
        """Names, digests and times (Machines API, list secrets). `min_version` reads no older view of the vault."""
        answer = self._surfaces.call(
            "secrets.list",
            app,
            "GET",
            path("apps", app, "secrets"),
            params={"min_version": str(min_version)} if min_version is not None else None,
        )
        return [AppSecret.model_validate(item) for item in answer.items("secrets")]

    def set(self, app: str, name: str, value: Secret) -> SecretsWrite:
        """Write one secret; machines keep the old value until their next update."""
        return self.bulk(app, {name: value})

    def delete(self, app: str, names: Iterable[str]) -> SecretsWrite:
        """Delete secrets by name; unknown names are fine."""
        return self.bulk(app, dict.fromkeys(names))

    def bulk(self, app: str, values: Mapping[str, Secret | None]) -> SecretsWrite:
        """Write several secrets in one version; None deletes (Machines API, update secrets).

        Safe to repeat: the same values end as the same vault. Raises Conflict where others keep writing.
        """
        body = {"values": {name: value.reveal() if value is not None else None for name, value in values.items()}}
        sent = tuple(value for value in values.values() if value is not None)
        for pause_s in (*_PAUSES_S, None):
            try:
                answer = self._surfaces.call(
                    "secrets.bulk", app, "POST", path("apps", app, "secrets"), body=body, idempotent=True, hidden=sent
                )
            except LeaseHeld:
                raise
            except Conflict:
                if pause_s is None:
                    raise
                self._surfaces.clock.sleep(pause_s)
            else:
                data = answer.data or {}
                # "Version" is what older replies say (Machines API, AppSecretsUpdateResp: deprecated).
                return SecretsWrite.model_validate({**data, "version": data.get("version") or data.get("Version")})
        raise AssertionError("unreachable")

    def learn_version(self, app: str) -> int:
        """The vault's version, which only a write tells: one that deletes a name nobody has (flyctl, secrets sync).

        Changes no secret, but is a write: never in check mode.
        """
        return self.bulk(app, {f"HOTOPS_NO_SUCH_{secrets.token_hex(8).upper()}": None}).version


def deployed_state(
    found: Iterable[AppSecret], machines: Iterable[Machine], releases: Iterable[Release]
) -> dict[str, SecretState]:
    """Whether the app's managed machines were given each secret's present value (flyctl, secrets list).

    A machine has it if the release that last updated it (`fly_release_version`) is not older than the value. All:
    deployed; none: staged; some: partial. No machines: staged. Where a secret or a machine's release has no date and
    the others do not decide it, or there are more than 100 machines: unknown (flyctl guesses "staged" there).
    """
    managed = [machine for machine in machines if is_managed(machine)]
    dated = {release.version: release.created_at for release in releases}
    updated = [dated.get(m.release_version) if m.release_version is not None else None for m in managed]
    return {secret.name: _state(secret, updated) for secret in found}


def _state(secret: AppSecret, updated: builtins.list[float | None]) -> SecretState:
    if not updated:
        return "staged"
    if secret.updated_at is None or len(updated) > _MOST_MACHINES:
        return "unknown"
    having = sum(1 for at in updated if at is not None and secret.updated_at <= at)
    lacking = sum(1 for at in updated if at is not None and secret.updated_at > at)
    if having and lacking:
        return "partial"
    if having + lacking < len(updated):
        return "unknown"
    return "deployed" if having else "staged"
