"""What is known of every target of the map, and what it takes to make it true. Pure: compares what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hotops.fly.secrets import SecretState
from hotops.secrets.drift import MEANINGS, OURS, Drift, drift_of
from hotops.secrets.ledger import Mark
from hotops.secrets.places import Held
from hotops.secrets.secret_map import SecretMap, Target
from hotops.secrets.wanted import Problem, Wanted


@dataclass(frozen=True)
class Judged:
    """One target: what is known of it, and whether it is to be written now."""

    wanted: Wanted
    drift: Drift
    write: bool
    #: Equal, as a challenge proved: to be noted in the ledger, nothing is written anywhere else.
    proven: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it stays as it is although it is not known to be right."""
        return not self.write and not self.proven and self.drift != "equal"


@dataclass(frozen=True)
class Judgement:
    """All targets, what is beside them, and what the vault can't give."""

    targets: Mapping[Target, Judged]
    extra: tuple[Target, ...]
    removed: tuple[Target, ...]
    states: Mapping[Target, SecretState]
    problems: tuple[Problem, ...] = ()
    stale: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def at(self, destination: str) -> dict[str, Judged]:
        """The judged targets of one destination, by name."""
        return {target.name: judged for target, judged in self.targets.items() if target.destination == destination}

    @property
    def open(self) -> dict[Target, Judged]:
        """What stays unknown, or as somebody else left it."""
        return {target: judged for target, judged in self.targets.items() if judged.is_open}

    def rows(self) -> list[dict[str, Any]]:
        """A row for every target, and for every name beside them."""
        found = [
            {
                "destination": target.destination,
                "name": target.name,
                "secret": judged.wanted.secret,
                "state": judged.drift if not judged.proven else "equal",
                "says": "proven equal inside a machine" if judged.proven else MEANINGS[judged.drift],
                "deployed": self.states.get(target),
                "fingerprint": judged.wanted.fingerprint,
                "written": judged.write,
            }
            for target, judged in self.targets.items()
        ]
        found += [
            {
                "destination": target.destination,
                "name": target.name,
                "secret": None,
                "state": "extra",
                "says": "to be removed" if target in self.removed else "not in the map",
                "deployed": self.states.get(target),
                "fingerprint": None,
                "written": target in self.removed,
            }
            for target in self.extra
        ]
        return found


def judge(
    found: SecretMap,
    wanted: Mapping[Target, Wanted],
    held: Held,
    marks: Mapping[str, Mark],
    *,
    adopt: bool,
    removed: tuple[Target, ...] = (),
    answers: Mapping[Target, bool | None] | None = None,
    problems: tuple[Problem, ...] = (),
) -> Judgement:
    """Compare what is wanted with what is held and noted. `answers` are those of the challenge in place."""
    said = answers or {}
    targets: dict[Target, Judged] = {}
    for target, want in wanted.items():
        if target.destination not in held.remotes:
            continue
        remote = held.remotes[target.destination].get(target.name)
        drift = drift_of(remote, marks.get(str(target)), want.fingerprint)
        answer = said.get(target)
        if drift in ("unknown", "touched") and answer is True:
            targets[target] = Judged(want, drift, write=False, proven=True)
            continue
        drift = "different" if drift in ("unknown", "touched") and answer is False else drift
        targets[target] = Judged(want, drift, write=drift in OURS or (adopt and drift != "equal"))
    mapped = {target for target, _ in found.placements()}
    extra = tuple(
        target
        for destination, names in held.remotes.items()
        for name in sorted(names)
        if (target := Target(destination, name)) not in mapped and not found.is_unmanaged(target)
    )
    states = {
        Target(f"fly:{app.app}", name): state for app in held.apps.values() for name, state in app.states().items()
    }
    stale = {
        app.app: frozenset(
            name
            for name in app.remotes()
            if states[Target(f"fly:{app.app}", name)] in ("staged", "partial") and app.machines
        )
        for app in held.apps.values()
    }
    return Judgement(targets, extra, removed, states, problems, stale)
