"""API keys of a Supabase project: two names in turn, each key made and deleted through the Management API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hotops.core.context import Context
from hotops.core.errors import Unauthorized, VerifyFailed, WaitTimeout
from hotops.core.operation import Fact
from hotops.core.secret import Secret
from hotops.core.waiting import wait_for
from hotops.rotation.provider import Alone
from hotops.secrets.issuers import SupabaseKey
from hotops.supabase.api_keys import ApiKey, ApiKeys
from hotops.supabase.client import Supabase
from hotops.supabase.project_keys import try_key

_TWO = ("_a", "_b")
#: How long the project may need until it knows of a key that was made or deleted.
_SPREADS_S = 60.0


@dataclass(frozen=True)
class SupabaseApiKey(Alone):
    """Keys NAME_a and NAME_b. A key is valid from the moment it is made.

    One that was made while the answer or the process was lost is found by its name, and revealed: it is nobody else's.
    """

    context: Context
    ref: str
    declared: SupabaseKey
    fingerprint: Callable[[Secret], str]

    @property
    def keys(self) -> ApiKeys:
        return ApiKeys(self.context.client(Supabase))

    def successor(self, current: Secret) -> Secret:
        there = self.keys.all(self.ref)
        mine = next((key for key in there if key.value == current), None)
        name = self.declared.name + (_TWO[1] if mine is not None and mine.name.endswith(_TWO[0]) else _TWO[0])
        made = next((key for key in there if key.name == name and key is not mine), None)
        if made is None or made.value is None:
            made = self.keys.create(self.ref, name, self.declared.type, self.declared.role)
        if made.value is None:
            raise VerifyFailed(
                f"Supabase made the key {name} and did not show it.", remedy="Give the token the right api_keys_read."
            )
        return made.value

    def activate(self, new: Secret) -> Fact:
        key = self._of(new)
        return {"valid": self.told(new), "key": key.name if key else None}

    def prove(self, value: Secret) -> Fact:
        key = self._of(value)
        if key is None:
            raise VerifyFailed(
                f"The project {self.ref} has no API key with this value.",
                remedy="Remove the .new sibling from the vault if it is a made-up one, and run it again.",
            )
        self._wait_until(value, is_taken=True)
        return {"logged_in": self.told(value), "key": key.name}

    def revoke(self, old: Secret) -> Fact:
        """Deleted, and refused by the project itself; a legacy JWT can't be deleted alone and is left."""
        key = self._of(old)
        if key is not None and (key.type == "legacy" or key.id is None):
            return {"left": f"{self.told(old)}, a legacy key: disable those in the dashboard once nobody uses them"}
        if key is not None and key.id is not None:
            self.keys.delete(self.ref, key.id)
        self._wait_until(old, is_taken=False)
        return {"revoked": self.told(old), **({"key": key.name} if key is not None else {})}

    def told(self, value: Secret) -> str:
        return f"API key {self.fingerprint(value)[:8]}"

    def _of(self, value: Secret) -> ApiKey | None:
        return next((key for key in self.keys.all(self.ref) if key.value == value), None)

    def _wait_until(self, value: Secret, *, is_taken: bool) -> None:
        """The project itself takes the key, or refuses it: there it is used. Raises VerifyFailed where it does not."""
        host, told, clock = f"{self.ref}.supabase.co", self.told(value), self.context.clock

        def taken() -> bool:
            try:
                try_key(self.context, self.ref, value)
            except Unauthorized:
                return False
            return True

        try:
            wait_for(lambda seen: seen is is_taken, taken, clock=clock, timeout_s=_SPREADS_S, what=told)
        except WaitTimeout:
            says = f"{host} refuses" if is_taken else f"It is deleted, and {host} still takes"
            raise VerifyFailed(f"{says} the {told}.", remedy=f"status.supabase.com; the keys of {self.ref}.") from None
