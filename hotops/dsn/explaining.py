"""What an error text of a client or server means: cause, cure, and where that is known from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from hotops.core.secret import Secret, scrub
from hotops.dsn.catalogue import table


@dataclass(frozen=True)
class Explanation:
    """One cause, by a stable name, and the line that shows it (scrubbed)."""

    cause: str
    says: str
    do: str
    source: str
    line: str
    count: int = 1


def explain(text: str, secrets: Iterable[Secret] = ()) -> tuple[Explanation, ...]:
    """The causes that a log or an error names, in the order of their first line, each once."""
    known = list(secrets)
    found: dict[str, Explanation] = {}
    for line in text.splitlines():
        cause = cause_of(line)
        if cause is None:
            continue
        if cause in found:
            seen = found[cause]
            found[cause] = Explanation(seen.cause, seen.says, seen.do, seen.source, seen.line, seen.count + 1)
            continue
        entry = _entry(cause)
        shown = scrub(" ".join(line.split()), known)[:200]
        found[cause] = Explanation(cause, entry["says"], entry["do"], entry["source"], shown)
    return tuple(found.values())


def cause_of(line: str, sqlstate: str | None = None) -> str | None:
    """The cause that a line names, or that an SQLSTATE names where no text does; None for an unknown one."""
    for cause, pattern in _patterns():
        if pattern.search(line):
            return cause
    by_state = (entry["cause"] for entry in table("error_texts")["texts"] if sqlstate in entry.get("sqlstate", ()))
    return next(by_state, None)


def causes() -> list[str]:
    """Every cause that has a name."""
    return [entry["cause"] for entry in table("error_texts")["texts"]]


def cure_of(cause: str) -> str:
    """What to do about a cause."""
    return _entry(cause)["do"]


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((entry["cause"], re.compile(entry["text"], re.I)) for entry in table("error_texts")["texts"])


def _entry(cause: str) -> dict[str, str]:
    return next(entry for entry in table("error_texts")["texts"] if entry["cause"] == cause)
