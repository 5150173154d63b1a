"""When a secret has to be rotated: from how long ago its value was first written, as the ledger knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from hotops.secrets.ledger import Mark
from hotops.secrets.secret_map import Part, SecretMap

DAY_S = 86400.0
#: Told ahead of the day: a month to plan it, a week to do it.
SOON_DAYS, VERY_SOON_DAYS = 30, 7

DueState = Literal["due", "soon", "fresh", "unknown", "undeclared"]


@dataclass(frozen=True)
class Due:
    """How a secret stands to its rotation. `on` is the day (UTC) on which it is due."""

    state: DueState
    on: str | None = None
    days_left: int | None = None
    age_days: int | None = None

    def __str__(self) -> str:
        match self.state:
            case "due":
                return f"due since {self.on}"
            case "soon" | "fresh":
                return f"by {self.on}"
            case "unknown":
                return "unknown since when"
            case "undeclared":
                return "-"


#: Parts of a value that change when it is rotated; a host stays, and is no sign of age.
_CREDENTIAL: frozenset[Part] = frozenset({"value", "base64", "password"})


def marks_of(found: SecretMap, name: str, marks: Mapping[str, Mark]) -> list[Mark]:
    """The marks that tell a secret's age: those of targets which get the credential itself."""
    return [
        marks[str(target)]
        for target, placed in found.placements()
        if placed.secret == name and placed.part in _CREDENTIAL and str(target) in marks
    ]


def due_of(rotate_days: int | None, marks: Iterable[Mark], now: float) -> Due:
    """How a secret stands whose targets have these marks. The oldest place counts: the value is as old as that."""
    if rotate_days is None:
        return Due("undeclared")
    since = min((mark.since for mark in marks if mark.since is not None), default=None)
    if since is None:
        return Due("unknown")
    ends = since + rotate_days * DAY_S
    left = int((ends - now) / DAY_S)
    state: DueState = "due" if now >= ends else "soon" if left <= SOON_DAYS else "fresh"
    return Due(state, datetime.fromtimestamp(ends, UTC).date().isoformat(), left, int((now - since) // DAY_S))
