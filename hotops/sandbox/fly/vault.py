"""One app's secrets: their values, versions, and what a machine launched at some version sees."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from hotops.sandbox.fly.ids import rfc3339


@dataclass(frozen=True, repr=False)
class Entry:
    """One secret. Its repr shows nothing, so that no log line or traceback of the twin can."""

    value: str
    digest: str
    created_at: float
    updated_at: float

    def __repr__(self) -> str:
        return f"Entry({self.digest})"


@dataclass(repr=False)
class Vault:
    """A vault: `version` grows with each write; all apps share `digest_key`, so equal values show equal digests."""

    digest_key: bytes
    version: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    views: dict[int, dict[str, str]] = field(default_factory=dict)

    def write(self, values: dict[str, str | None], now: float) -> int:
        """Set values, delete those that are None (an unknown name too), and return the new version.

        Source: Machines API, secrets bulk update. An unchanged value keeps its `updated_at`.
        """
        for name, value in values.items():
            if value is None:
                self.entries.pop(name, None)
                continue
            known = self.entries.get(name)
            digest = self.digest(value)
            created_at = known.created_at if known else now
            updated_at = known.updated_at if known and known.digest == digest else now
            self.entries[name] = Entry(value, digest, created_at, updated_at)
        self.version += 1
        self.views[self.version] = {name: entry.value for name, entry in self.entries.items()}
        return self.version

    def view(self) -> dict[str, str]:
        """What a machine launched now is given."""
        return dict(self.views.get(self.version, {}))

    def digest(self, value: str) -> str:
        """An opaque digest: equal digests mean equal values, and nothing else can be learnt from it."""
        return hmac.new(self.digest_key, value.encode(), hashlib.sha256).hexdigest()[:16]

    def shown(self, name: str) -> dict[str, str]:
        """A secret as the API lists it: never its value (Machines API, AppSecret)."""
        entry = self.entries[name]
        return {
            "name": name,
            "digest": entry.digest,
            "created_at": rfc3339(entry.created_at),
            "updated_at": rfc3339(entry.updated_at),
        }
