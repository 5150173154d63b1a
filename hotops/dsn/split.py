"""A connection string as the POSTGRES_* names that some apps want, and joined again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hotops.core.errors import UsageError
from hotops.core.secret import Secret
from hotops.dsn.connection import Dsn, Host

#: Chatwoot, GitLab and others: config/database.yml reads these (chatwoot/chatwoot, develop).
NAMES = ("HOST", "PORT", "USERNAME", "PASSWORD", "DATABASE")
#: What people write instead, and the image never reads.
OTHER_NAMES = {"USER": "USERNAME", "DB": "DATABASE", "PASS": "PASSWORD", "DBNAME": "DATABASE", "NAME": "DATABASE"}


@dataclass(frozen=True)
class Joined:
    """A connection string put together, and the names that were accepted in another's place."""

    dsn: Dsn
    accepted: tuple[tuple[str, str], ...] = ()


def split(dsn: Dsn, prefix: str = "POSTGRES_") -> dict[str, Secret]:
    """The five values an app wants, each as a Secret: `POSTGRES_USERNAME`, not `POSTGRES_USER`."""
    values = {
        "HOST": dsn.host,
        "PORT": str(dsn.port),
        "USERNAME": dsn.user or "",
        "PASSWORD": dsn.password.reveal() if dsn.password else "",
        "DATABASE": dsn.database or "postgres",
    }
    return {prefix + name: Secret(values[name]) for name in NAMES}


def join(values: Mapping[str, Secret], prefix: str = "POSTGRES_") -> Joined:
    """The connection string of separate values. Raises UsageError that names what is missing, never a value."""
    found: dict[str, str] = {}
    accepted: list[tuple[str, str]] = []
    for name, value in values.items():
        part = name.removeprefix(prefix)
        right = OTHER_NAMES.get(part, part)
        if right not in NAMES or (right != part and prefix + right in values):
            continue
        if right != part:
            accepted.append((name, prefix + right))
        found[right] = value.reveal()
    missing = [prefix + name for name in NAMES if name not in found and name not in ("PORT", "DATABASE")]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} is missing.", remedy="Give all of them, or the whole connection string."
        )
    port = found.get("PORT", "").strip() or "5432"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"{prefix}PORT is no port.", remedy="It is 5432 or 6543.")
    host = Host(found["HOST"], int(port))
    dsn = Dsn((host,), found["USERNAME"], Secret(found["PASSWORD"]), found.get("DATABASE") or "postgres")
    return Joined(dsn, tuple(accepted))
