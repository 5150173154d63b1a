"""The one password of a project's role `postgres`: a new one ends the old one at once, everywhere."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from hotops.core.errors import UsageError, VerifyFailed
from hotops.core.operation import Fact
from hotops.core.secret import Secret
from hotops.dsn.connection import Dsn
from hotops.dsn.parsing import parse
from hotops.dsn.proof import Proof
from hotops.rotation.provider import Alone
from hotops.supabase.client import Supabase


@dataclass(frozen=True)
class PostgresOnePassword(Alone):
    """The password is set through the Management API, in its body; statements, which are logged, hold none.

    From then until places and machines have the new one, nothing logs in: the outage that `accept_outage` is for.
    """

    supabase: Supabase
    ref: str
    connect: Callable[[Dsn], Proof]
    fingerprint: Callable[[Secret], str]

    @property
    def overlaps(self) -> bool:
        return False

    @property
    def revokes_first(self) -> bool:
        return False

    def successor(self, current: Secret) -> Secret:
        dsn = parse(current)
        if dsn.role != "postgres":
            raise UsageError(
                f"The connection string is of the role {dsn.role}, and only postgres has the project's password.",
                remedy="Declare provider: {kind: postgres, owner: …} for an app's own roles.",
            )
        return replace(dsn, password=Secret(secrets.token_urlsafe(24))).text()

    def activate(self, new: Secret) -> Fact:
        self.supabase.set_password(self.ref, parse(new).password or Secret(""))
        return {"valid": self.told(new)}

    def prove(self, value: Secret) -> Fact:
        dsn = parse(value)
        proof = self.connect(dsn)
        if not proof.works:
            failed = proof.failure
            raise VerifyFailed(
                f"{dsn.shown()} does not log in: {f'{failed.name}: {failed.said}' if failed else 'no answer'}.",
                remedy="The new password is in the vault as .new. Run it again; see the cause.",
            )
        return {"logged_in": self.told(value)}

    def revoke(self, old: Secret) -> Fact:
        """It went when the new one came."""
        return {"revoked": self.told(old)}

    def told(self, value: Secret) -> str:
        return f"postgres, password {self.fingerprint(value)[:8]}"
