"""What a drill measured: the moments of a disaster and of the way back, and the times between them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from hotops.core.clock import Clock
from hotops.core.state import write_atomically

Moment = Literal[
    "fault",
    "detected",
    "decided",
    "archived",
    "revoked",
    "made",
    "fetched",
    "decrypted",
    "loaded",
    "indexed",
    "verified",
    "repointed",
    "served",
]
MOMENTS: tuple[Moment, ...] = get_args(Moment)
#: What the time before each moment is called.
PHASES: Mapping[Moment, str] = {
    "detected": "detect",
    "decided": "decide",
    "archived": "archive",
    "revoked": "revoke",
    "made": "make",
    "fetched": "fetch",
    "decrypted": "decrypt",
    "loaded": "load",
    "indexed": "index",
    "verified": "verify",
    "repointed": "re-point",
    "served": "serve",
}


@dataclass(frozen=True)
class Phase:
    """One part of the way back, in seconds."""

    name: str
    seconds: float


class Record:
    """The moments and facts of a drill, kept in a file so that who tidies up after a dead drill knows them too.

    No value of a secret may be given to it. Safe in threads.
    """

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self._clock = clock
        self._path = path
        self._lock = threading.Lock()
        self._moments: dict[Moment, float] = {}
        self.facts: dict[str, Any] = {}
        if path is not None and path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            self._moments = dict(kept["moments"])
            self.facts = dict(kept["facts"])

    def mark(self, moment: Moment, at: float | None = None) -> float:
        """Keep when something happened (now if not given); the first time counts."""
        with self._lock:
            known = self._moments.setdefault(moment, self._clock.now() if at is None else at)
        self._keep()
        return known

    def note(self, **facts: Any) -> None:
        """Keep facts: names, ids, counts, moments."""
        with self._lock:
            self.facts.update(facts)
        self._keep()

    def at(self, moment: Moment) -> float | None:
        """When it happened, in unix seconds; None if it did not."""
        return self._moments.get(moment)

    @property
    def moments(self) -> dict[Moment, float]:
        """All that happened, in the order of the way back."""
        return {moment: self._moments[moment] for moment in MOMENTS if moment in self._moments}

    def phases(self) -> list[Phase]:
        """The parts of the way back that this disaster had, in order; together they are the recovery time."""
        found: list[Phase] = []
        before = self.at("fault")
        for moment, at in self.moments.items():
            if before is None or moment == "fault":
                continue
            found.append(Phase(PHASES[moment], max(0.0, at - before)))
            before = max(before, at)
        return found

    def recovery_s(self) -> float | None:
        """From the fault to the first correct answer, in seconds; None if there was none."""
        fault, served = self.at("fault"), self.at("served")
        return None if fault is None or served is None else served - fault

    def _keep(self) -> None:
        if self._path is None:
            return
        with self._lock:
            kept = {"schema": 1, "moments": dict(self._moments), "facts": dict(self.facts)}
        write_atomically(self._path, json.dumps(kept, indent=1, sort_keys=True))
