"""How long a way back takes, as the last drill of it measured: a figure, or none; never a guess."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: Which drills measured which way back, the nearest first.
SCENARIOS = {
    "backup": ("backup_restored",),
    "moment": ("bad_migration", "database_lost"),
    "volume": ("volume_lost",),
}


class Measured(NamedTuple):
    """Seconds until users were served again, of the last drill that passed, and what it was."""

    seconds: float
    scenario: str
    at: str


def measured(register: Path, environment: str, env_kind: str, way: str) -> Measured | None:
    """The newest passed drill of a way back. A sandbox's figures are no live environment's, and the other way round.

    Of the register (hotops dr due) only what is asked here is read; a line that is none is another command's to tell.
    """
    found = [
        Measured(float(str(entry["recovery_s"])), str(entry["scenario"]), str(entry["at"]))
        for entry in _entries(register)
        if entry.get("passed") is True
        and entry.get("scenario") in SCENARIOS[way]
        and (entry.get("environment"), entry.get("env_kind")) == (environment, env_kind)
        and isinstance(entry.get("recovery_s"), int | float)
    ]
    return max(found, key=lambda one: one.at, default=None)


def _entries(register: Path) -> Iterator[dict[str, object]]:
    try:
        lines = register.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
