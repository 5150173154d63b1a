"""Which backups are kept: the newest of each hour, day, week, month and year, so many of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from hotops.inventory.policy import Keep

_PERIODS: Mapping[str, Callable[[datetime], str]] = {
    "hourly": lambda at: at.strftime("%Y-%m-%dT%H"),
    "daily": lambda at: at.strftime("%Y-%m-%d"),
    "weekly": lambda at: at.strftime("%G-W%V"),
    "monthly": lambda at: at.strftime("%Y-%m"),
    "yearly": lambda at: at.strftime("%Y"),
}


def kept_for(backups: Sequence[tuple[str, float]], keep: Keep) -> dict[str, list[str]]:
    """Of (id, taken at), why each that is kept is kept. The newest always is."""
    newest_first = sorted(backups, key=lambda backup: backup[1], reverse=True)
    why: dict[str, list[str]] = {}
    if newest_first:
        why[newest_first[0][0]] = ["newest"]
    for name, period in _PERIODS.items():
        seen: set[str] = set()
        for backup, at in newest_first:
            label = period(datetime.fromtimestamp(at, UTC))
            if label in seen:
                continue
            if len(seen) == getattr(keep, name):
                break
            seen.add(label)
            why.setdefault(backup, []).append(name)
    return why
