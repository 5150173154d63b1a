"""How old a credential is, and when it is due: from the rotation log, else from the ledger of what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from hotops.secrets.ledger import Mark
from hotops.secrets.rotation_log import Entry
from hotops.secrets.secret_map import CREDENTIAL_PARTS, SecretMap

DAY_S = 86400.0
#: Told so many days ahead: first for the plan of the month, then for this week.
AHEAD_DAYS, SOON_DAYS = 30, 7

Due = Literal["overdue", "soon", "ahead", "fine", "unknown", "never"]


@dataclass(frozen=True)
class Age:
    """How old the present credential is. `age_days` is None where nobody knows since when it is there."""

    age_days: float | None
    due_in_days: float | None
    state: Due

    def on(self, now: float) -> str | None:
        """The day (UTC) on which it is due, None where nobody knows or it never is."""
        if self.due_in_days is None:
            return None
        return datetime.fromtimestamp(now + self.due_in_days * DAY_S, UTC).date().isoformat()

    @property
    def is_due(self) -> bool | None:
        """Whether it is to be rotated now; None where nobody knows."""
        return None if self.due_in_days is None else self.due_in_days <= 0


def age_of(name: str, found: SecretMap, marks: Mapping[str, Mark], entries: Sequence[Entry], *, now: float) -> Age:
    """The age of one secret of the map. A rotation counts from its proof, as long as its value is the one that was
    written; everything else counts from its oldest write."""
    secret = found.secrets[name]
    written = [
        (placed.part, mark)
        for target, placed in found.placements()
        if placed.secret == name and placed.part in CREDENTIAL_PARTS and (mark := marks.get(str(target))) is not None
    ]
    proven = [entry for entry in entries if entry.secret == name and entry.event in ("proven", "undone")]
    whole = {mark.fingerprint for part, mark in written if part == "value" and mark.fingerprint}
    if proven and (not whole or proven[-1].fingerprint in whole):
        since: float | None = max(entry.at for entry in proven)
    else:  # changed by hand since the log's last line, or never rotated
        since = min((mark.since for _, mark in written if mark.since is not None), default=None)
    age = None if since is None else (now - since) / DAY_S
    if secret.rotate_days is None:
        return Age(age, None, "never")
    if age is None:
        return Age(None, None, "unknown")
    left = secret.rotate_days - age
    state: Due = "overdue" if left <= 0 else "soon" if left <= SOON_DAYS else "ahead" if left <= AHEAD_DAYS else "fine"
    return Age(age, left, state)
