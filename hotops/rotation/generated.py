"""Secrets that nobody issues: random bytes for sessions and signatures, with a second name where an app has one."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hotops.core.errors import VerifyFailed
from hotops.core.operation import Fact
from hotops.core.secret import Secret
from hotops.rotation.provider import Alone
from hotops.secrets.issuers import Generated


def random_text(declared: Generated) -> str:
    """Random bytes in the declared form."""
    content = secrets.token_bytes(declared.bytes)
    match declared.form:
        case "hex":
            return content.hex()
        case "base64":
            return base64.b64encode(content).decode()
        case _:
            return base64.urlsafe_b64encode(content).decode().rstrip("=")


@dataclass(frozen=True)
class GeneratedSecret(Alone):
    """Random bytes. Without a second name the old one ends as each machine gets the new one: sessions end with it.

    With one, the app takes both as valid and signs with the first. So the second name gets the new one first (every
    machine knows it before any signs with it), then the first name gets it and the second the old one, and last the old
    one goes from the second name too: at no moment a machine meets a signature that it does not know.
    """

    declared: Generated
    fingerprint: Callable[[Secret], str]
    #: Writes a secret of the map into the vault and has its places and machines follow.
    place: Callable[[Mapping[str, Secret]], Fact]
    #: The secret's present value: what stays when the old one goes from the second name.
    present: Callable[[], Secret]

    @property
    def revokes_first(self) -> bool:
        """Nobody can take it away but by replacing it."""
        return False

    def successor(self, current: Secret) -> Secret:
        return Secret(random_text(self.declared))

    def activate(self, new: Secret) -> Fact:
        second = self.declared.previous
        if second is None:
            return {"valid": self.told(new)}
        return {"valid": self.told(new), "accepted_as": second, **self.place({second: new})}

    def beside(self, old: Secret) -> Mapping[str, Secret]:
        return {self.declared.previous: old} if self.declared.previous else {}

    def prove(self, value: Secret) -> Fact:
        """It is whole; that machines run with it is what the mirror proves."""
        if len(value.reveal()) < self.declared.bytes:
            raise VerifyFailed(
                "The new secret is shorter than declared.", remedy="Remove the .new sibling from the vault, run again."
            )
        return {"logged_in": self.told(value)}

    def revoke(self, old: Secret) -> Fact:
        second = self.declared.previous
        placed = self.place({second: self.present()}) if second else {}
        return {"revoked": self.told(old), **placed}

    def told(self, value: Secret) -> str:
        return f"secret {self.fingerprint(value)[:8]}"
