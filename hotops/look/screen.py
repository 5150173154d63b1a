"""How a screen is laid out: 80 columns, no colour needed, the worst first, the next command last."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from hotops.core.table import WIDTH, one_line
from hotops.health.finding import Finding

#: What stands before an app's name: readable without colour, and found by eye in a column.
MARKS = {"ok": "·", "warn": "-", "unknown": "?", "bad": "!"}
_UNITS = (("d", 86_400.0), ("h", 3600.0), ("m", 60.0))


def short_age(seconds: float) -> str:
    """`45s`, `12m`, `3h`, `8d`: for a narrow column."""
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(0.0, seconds):.0f}s"


def wrapped(text: str, *, first: str = "", then: str = "") -> list[str]:
    """A text in lines of the screen's width; words longer than a line (a URL) are not cut."""
    return textwrap.wrap(
        one_line(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=then or " " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


#: What says most about an app, first: the others are mostly its consequences.
_TELLING = (
    "no_machines",
    "suspended",
    "oom",
    "crash_loop",
    "stopped",
    "bad_exit",
    "failing_check",
    "unfinished_run",
    "two_images",
    "errors_5xx",
)


def finding_lines(findings: Iterable[Finding], *, most: int, more: str) -> list[str]:
    """A short paragraph for each app: its most telling finding, and how many it has beside it.

    What is left out is counted, and `more` is the command that shows it.
    """
    by_app: dict[str, list[Finding]] = {}
    for finding in findings:
        by_app.setdefault(finding.app or finding.subject, []).append(finding)
    lines: list[str] = []
    for app, found in list(by_app.items())[:most]:
        told = min(found, key=_telling)
        beside = f" And {len(found) - 1} more." if len(found) > 1 else ""
        subject = told.subject if told.subject.startswith(app) else f"{app}: {told.subject}"
        lines += wrapped(f"{subject}: {told.says}{beside}", first=f"  {MARKS[told.severity]} ", then="    ")
    if len(by_app) > most:
        lines.append(f"    and {len(by_app) - most} more apps: {more}")
    return lines


def _telling(finding: Finding) -> tuple[int, int]:
    severity = ("bad", "unknown", "warn").index(finding.severity)
    return severity, _TELLING.index(finding.kind) if finding.kind in _TELLING else len(_TELLING)


def fact(name: str, text: str) -> list[str]:
    """`database  shop ACTIVE_HEALTHY …`, wrapped below itself."""
    return wrapped(text, first=f"{name:<10}", then=" " * 10)


def cut(text: str, longest: int) -> str:
    """The text on one line, shortened with a mark."""
    line = one_line(text)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
