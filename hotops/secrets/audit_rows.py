"""The audit's table: a row for each secret of the map with each of its places, and what nobody mapped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hotops.secrets.ages import Age, age_of
from hotops.secrets.audit_places import PlacesSeen
from hotops.secrets.drift import MEANINGS
from hotops.secrets.judgement import Judgement
from hotops.secrets.ledger import Mark
from hotops.secrets.logins import Login
from hotops.secrets.rotation_log import Entry
from hotops.secrets.secret_map import SecretMap, Target
from hotops.secrets.sharing import Shared
from hotops.secrets.wanted import Problem
from hotops.vault.vault import Item


@dataclass(frozen=True)
class PlaceRow:
    """One target: what is known of its value, and whether machines run with it."""

    target: Target
    state: str
    says: str
    machines: str | None = None

    def as_row(self) -> dict[str, Any]:
        return {
            "destination": self.target.destination,
            "name": self.target.name,
            "state": self.state,
            "says": self.says,
            "machines": self.machines,
        }


@dataclass(frozen=True)
class SecretRow:
    """One secret of the map. `vault` is present, or its trouble there: missing, empty, placeholder, malformed …"""

    name: str
    vault: str
    stands_at: str
    says: str
    required: bool
    age: Age
    #: The day on which it is due.
    due_on: str | None
    places: tuple[PlaceRow, ...]
    used_by: tuple[str, ...] = ()
    shared: tuple[Shared, ...] = ()
    shared_ok: bool = False
    login: Login | None = None

    def as_row(self) -> dict[str, Any]:
        """Plain data: names, places and states."""
        return {
            "secret": self.name,
            "vault": self.vault,
            "stands_at": self.stands_at,
            "required": self.required,
            "places": [place.as_row() for place in self.places],
            "rotation": {
                "state": self.age.state,
                "on": self.due_on,
                "due_in_days": None if self.age.due_in_days is None else round(self.age.due_in_days, 1),
                "age_days": None if self.age.age_days is None else round(self.age.age_days, 1),
            },
            "shared_with": [str(shared) for shared in self.shared],
            "shared_ok": self.shared_ok,
            "used_by": list(self.used_by),
            "login": self.login.as_row() if self.login else None,
        }


@dataclass(frozen=True)
class Audited:
    """All that an audit knows. `unused`: in the vault, not in the map; `undocumented`: at a place, not in the map."""

    rows: tuple[SecretRow, ...]
    unused: tuple[str, ...]
    undocumented: tuple[PlaceRow, ...]
    seen: PlacesSeen
    problems: tuple[Problem, ...] = ()
    unreadable_files: tuple[str, ...] = field(default=())


def rows_of(
    found: SecretMap,
    seen: PlacesSeen,
    judged: Judgement,
    *,
    items: Mapping[str, Item],
    problems: Iterable[Problem],
    marks: Mapping[str, Mark],
    rotations: Sequence[Entry],
    shared: Mapping[str, tuple[Shared, ...]],
    now: float,
) -> tuple[SecretRow, ...]:
    """A row for each secret of the map, in its order."""
    troubled: dict[str, Problem] = {}
    for one in problems:
        troubled.setdefault(one.secret, one)
    targets: dict[str, list[Target]] = {name: [] for name in found.secrets}
    for target, placed in found.placements():
        targets[placed.secret].append(target)
    rows = []
    for name, mapped in found.secrets.items():
        problem, item = troubled.get(name), items.get(name)
        age = age_of(name, found, marks, rotations, now=now)
        rows.append(
            SecretRow(
                name,
                problem.trouble if problem is not None else "present",
                str(item) if item is not None else problem.place if problem is not None else "",
                _told(problem) if problem is not None else "",
                mapped.required,
                age,
                age.on(now),
                tuple(_place(target, judged, seen) for target in targets[name]),
                mapped.used_by,
                shared.get(name, ()),
                mapped.shared_ok,
            )
        )
    return tuple(rows)


def undocumented(judged: Judgement) -> tuple[PlaceRow, ...]:
    """Names at the places that the map does not have."""
    return tuple(PlaceRow(target, "extra", "not in the map", judged.states.get(target)) for target in judged.extra)


def _told(problem: Problem) -> str:
    return f"{problem.place}: {problem.text}" if problem.place else problem.text


def _place(target: Target, judged: Judgement, seen: PlacesSeen) -> PlaceRow:
    closed = seen.closed.get(target.destination)
    if closed is not None:
        return PlaceRow(target, "unreadable", closed.says)
    if target.destination in seen.not_asked:
        return PlaceRow(target, "not asked", "this run is about some apps")
    known = judged.targets.get(target)
    if known is not None:
        return PlaceRow(target, known.drift, MEANINGS[known.drift], judged.states.get(target))
    # The vault can't give it: whether it is there is known, what it holds is not.
    there = target.name in seen.held.remotes.get(target.destination, {})
    return PlaceRow(
        target,
        "unknown" if there else "absent",
        "there, and the vault has nothing to compare it with" if there else MEANINGS["absent"],
        judged.states.get(target),
    )
