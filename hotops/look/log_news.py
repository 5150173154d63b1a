"""What an app's log says now that it did not say before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hotops.core.clock import rfc3339
from hotops.fly import Fly
from hotops.health.logs import LogFindings, Signature, scan

#: So much of the log before the change is compared with.
BEFORE_S = 1800.0
#: Pages of a hundred lines from there on: enough to know what is usual, few enough to be quick.
PAGES_BEFORE = 3
#: Right after the change; the newest page comes with them.
PAGES_AFTER = 2
_UNTELLING = frozenset({"restart", "exception"})


@dataclass(frozen=True)
class LogNews:
    """`since` (unix seconds) is the change that divides the log; `new` are the signatures that came with it."""

    since: float
    new: tuple[Signature, ...]
    now: LogFindings

    def as_row(self) -> dict[str, Any]:
        """The news as plain data."""
        return {"since": rfc3339(self.since), "new": [item.as_row() for item in self.new], "lines": self.now.lines}


def read_news(fly: Fly, app: str, *, since: float, now: float) -> LogNews:
    """Read both sides of a moment (unix seconds): up to six calls. Raises NotFound.

    The platform's lines about a restart are left out: what ended the process is told beside it.
    """
    usual = scan(fly.logs.read(app, since=since - BEFORE_S, until=since, max_pages=PAGES_BEFORE))
    after = list(fly.logs.read(app, since=since, until=now, max_pages=PAGES_AFTER))
    told = {line.id or f"{line.at} {line.message}" for line in after}
    newest = [line for line in fly.logs.newest(app) if line.at >= since]
    after += [line for line in newest if (line.id or f"{line.at} {line.message}") not in told]
    found = scan(after)
    known = {(item.kind, item.text) for item in usual.signatures}
    new = [item for item in found.signatures if (item.kind, item.text) not in known]
    # A stack trace says less than the error that it belongs to.
    telling = [item for item in new if item.kind not in _UNTELLING] or new
    return LogNews(since, tuple(telling), found)
