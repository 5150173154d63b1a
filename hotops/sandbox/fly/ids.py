"""Identifiers and timestamps in the forms Fly writes them, reproducible from a seed number."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ADJECTIVES = ("quiet", "blue", "cold", "late", "wild", "dry", "green", "long", "red", "old")
NOUNS = ("river", "moon", "leaf", "sky", "stone", "frost", "lake", "pine", "field", "wave")


def rfc3339(at: float) -> str:
    """A time in UTC with milliseconds, as the Machines API writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def rfc3339_seconds(at: float) -> str:
    """A time in UTC with whole seconds, as lease conflicts and GraphQL write it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stable_number(*parts: object) -> int:
    """A number that depends on nothing but its parts."""
    text = "\x00".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class Identifiers:
    """Hands out identifiers; the same sequence of calls gives the same sequence of identifiers."""

    def __init__(self, salt: str = "twin") -> None:
        self._salt = salt
        self._count = 0

    def _next(self, kind: str) -> int:
        self._count += 1
        return stable_number(self._salt, kind, self._count)

    def machine(self) -> str:
        """A machine id: 14 hexadecimal digits."""
        return f"{self._next('machine'):016x}"[:14]

    def machine_name(self) -> str:
        """A name such as Fly gives to a machine created without one."""
        number = self._next("name")
        return f"{ADJECTIVES[number % 10]}-{NOUNS[number // 10 % 10]}-{number % 9000 + 1000}"

    def ulid(self, at: float) -> str:
        """A ULID of time `at`: machine versions, events and launch ids; sorts by time."""
        milliseconds = int(at * 1000)
        head = "".join(CROCKFORD[(milliseconds >> shift) & 31] for shift in range(45, -1, -5))
        number = self._next("ulid") | (self._count << 64)
        return head + "".join(CROCKFORD[(number >> shift) & 31] for shift in range(75, -1, -5))

    def nonce(self) -> str:
        """A lease nonce."""
        return f"{self._next('nonce'):016x}"[:12]

    def request(self, at: float) -> str:
        """A request id as in the header fly-request-id."""
        return self.ulid(at) + "-ord"

    def numeric(self) -> int:
        """An internal numeric id."""
        return self._next("numeric") % 9_000_000 + 1_000_000

    def short(self, prefix: str) -> str:
        """A prefixed id of a kind without a fixed form, such as a release or a volume."""
        return f"{prefix}{self._next(prefix):016x}"
