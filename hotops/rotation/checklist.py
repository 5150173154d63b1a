"""Credentials that a person changes: which steps, and a reading call that tells whether each is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from hotops.core.context import Context
from hotops.core.errors import Forbidden, Unauthorized, VerifyFailed
from hotops.core.http import Http
from hotops.core.operation import Fact
from hotops.core.secret import Secret
from hotops.rotation.provider import Alone, ByHand
from hotops.secrets.issuers import Check, Checklist


@dataclass(frozen=True)
class GuidedByHand(Alone):
    """A person makes the successor and puts it into the vault as `.new`; everything else is done and verified here.

    Without a declared `check` nobody can tell whether a value is valid, and that is said.
    """

    context: Context
    declared: Checklist
    #: How the secret and its place in the vault are named.
    secret: str
    new_place: str
    fingerprint: Callable[[Secret], str]

    @property
    def revokes_first(self) -> bool:
        """A person does, as the first step."""
        return False

    def by_hand(self, *, leaked: bool) -> tuple[str, ...]:
        where = f" at {self.declared.url}" if self.declared.url else ""
        first = (f"Revoke the leaked one{where} now: what uses it stops.",) if leaked else ()
        made = self.declared.steps or (f"Make a new one{where}, beside the present one.",)
        return (
            *first,
            *made,
            f"Put it into the vault as {self.new_place}, mode 600, under the same key.",
            "Run it again: it is proven, goes to all places, and you are told when to revoke the old one.",
        )

    def successor(self, current: Secret) -> Secret:
        raise ByHand("\n".join(self.by_hand(leaked=False)))

    def activate(self, new: Secret) -> Fact:
        return {"valid": self.told(new)}

    def prove(self, value: Secret) -> Fact:
        if self.declared.check is None:
            return {"logged_in": self.told(value), "not_proven": "the map declares no check"}
        if not self._is_valid(self.declared.check, value):
            raise VerifyFailed(
                f"{_host(self.declared.check)} refuses {self.told(value)}.",
                remedy=f"Is the whole key in {self.new_place}, under the same name? Correct it, and run it again.",
            )
        return {"logged_in": self.told(value)}

    def revoke(self, old: Secret) -> Fact:
        """Proves that a person did. Raises ByHand while it is still valid."""
        where = f" at {self.declared.url}" if self.declared.url else ""
        check = self.declared.check
        if check is None:
            return {"left": f"{self.told(old)}: revoke it{where}; the map declares no check, so nobody verifies that"}
        if self._is_valid(check, old):
            raise ByHand(
                f"The old {self.secret} is still valid. Everything has the new one: revoke the old one{where}",
                remedy="Then run it again, which verifies that.",
            )
        return {"revoked": self.told(old)}

    def told(self, value: Secret) -> str:
        return f"key {self.fingerprint(value)[:8]}"

    def _is_valid(self, check: Check, value: Secret) -> bool:
        parts = urlsplit(check.url)
        http = Http(
            f"{parts.scheme}://{parts.netloc}",
            transport=self.context.make_transport(),
            clock=self.context.clock,
            headers={check.header: f"{check.scheme} {value.reveal()}".strip()},
            limiter=self.context.limiter(parts.netloc, value.reveal()),
            on_call=self.context.note_call,
        )
        try:
            http.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        except (Unauthorized, Forbidden):
            return False
        finally:
            http.close()
        return True


def _host(check: Check) -> str:
    return urlsplit(check.url).netloc
