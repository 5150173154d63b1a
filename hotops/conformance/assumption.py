"""One assumption of docs/unverified.md, what was seen of it, and whether it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from hotops.core.errors import HotopsError

Verdict = Literal["holds", "differs", "unknown"]
#: What a question gives: whether it holds (None: could not be told), and what was seen.
Found = tuple[bool | None, str]


@dataclass(frozen=True)
class Tried:
    """`number` is the row of docs/unverified.md; 0 is about hotops' models."""

    number: int
    assumed: str
    seen: str
    verdict: Verdict

    def as_row(self) -> dict[str, Any]:
        return dict(vars(self))


def tried(number: int, assumed: str, ask: Callable[[], Found]) -> Tried:
    """Ask. What is refused or does not answer is unknown: it says nothing about the assumption."""
    try:
        holds, seen = ask()
    except HotopsError as error:
        return Tried(number, assumed, f"{error.failure_code}: {error.message}", "unknown")
    return Tried(number, assumed, seen, "unknown" if holds is None else "holds" if holds else "differs")


def refusal(ask: Callable[[], Any], *wanted: type[HotopsError]) -> Found:
    """Whether a call is refused as is assumed; one that is carried out, or refused otherwise, is not."""
    try:
        ask()
    except HotopsError as error:
        status = getattr(error, "status", None)
        told = f"{error.failure_code}{f' ({status})' if status else ''}: {error.message}"
        return isinstance(error, wanted), told
    return False, "it was carried out"
