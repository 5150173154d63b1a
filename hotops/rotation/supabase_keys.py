"""API keys of a Supabase project: two names in turn, each key made and deleted through the Management API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hotops.core.errors import VerifyFailed
from hotops.core.operation import Fact
from hotops.core.secret import Secret
from hotops.rotation.provider import Alone
from hotops.secrets.issuers import SupabaseKey
from hotops.supabase.api_keys import ApiKey, ApiKeys

_TWO = ("_a", "_b")


@dataclass(frozen=True)
class SupabaseApiKey(Alone):
    """Keys NAME_a and NAME_b. A key is valid from the moment it is made.

    One that was made while the answer or the process was lost is found by its name, and revealed: it is nobody else's.
    """

    keys: ApiKeys
    ref: str
    declared: SupabaseKey
    fingerprint: Callable[[Secret], str]

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
        return {"logged_in": self.told(value), "key": key.name}

    def revoke(self, old: Secret) -> Fact:
        """Deleted; a legacy JWT can't be deleted alone and is left."""
        key = self._of(old)
        if key is None:
            return {"revoked": self.told(old)}
        if key.type == "legacy" or key.id is None:
            return {"left": f"{self.told(old)}, a legacy key: disable those in the dashboard once nobody uses them"}
        self.keys.delete(self.ref, key.id)
        return {"revoked": self.told(old), "key": key.name}

    def told(self, value: Secret) -> str:
        return f"API key {self.fingerprint(value)[:8]}"

    def _of(self, value: Secret) -> ApiKey | None:
        return next((key for key in self.keys.all(self.ref) if key.value == value), None)
