"""What is known about a value that nobody can read: equal, changed by us, touched elsewhere, or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hotops.secrets.ledger import Mark

Drift = Literal["absent", "equal", "changed", "touched", "interrupted", "different", "unknown"]

MEANINGS = {
    "absent": "not there",
    "equal": "unchanged",
    "changed": "changed in the vault since",
    "touched": "touched elsewhere",
    "interrupted": "a write of ours was cut off",
    "different": "runs with another value than the vault's",
    "unknown": "not known what it holds",
}


@dataclass(frozen=True)
class Remote:
    """A secret as a store shows it: Fly a digest and a time, GitHub a time only."""

    digest: str | None
    updated_at: float | None

    def is_as_noted(self, mark: Mark) -> bool:
        """Whether it is what the mark saw: by digest where there are two, else by time."""
        if self.digest and mark.digest:
            return self.digest == mark.digest
        return self.updated_at is not None and self.updated_at == mark.updated_at


def drift_of(remote: Remote | None, mark: Mark | None, wanted: str) -> Drift:
    """What is known of a target whose value should have the fingerprint `wanted`."""
    if remote is None:
        return "absent"
    if mark is None:
        return "unknown"
    if mark.intended is not None:
        # A write was begun: ours to finish, unless the target is as it was before and already right.
        is_done = mark.intended == wanted == mark.fingerprint and remote.is_as_noted(mark)
        return "equal" if is_done else "interrupted"
    if not mark.fingerprint:
        return "unknown"
    if not remote.is_as_noted(mark):
        return "touched"
    return "equal" if mark.fingerprint == wanted else "changed"


#: States that are made equal without asking; the others hold what somebody else may have meant.
OURS: frozenset[Drift] = frozenset({"absent", "changed", "interrupted"})
