"""The report of a drill: one page to look at, and one paragraph for who decides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hotops.core.clock import rfc3339
from hotops.core.report.look import template
from hotops.core.state import write_atomically
from hotops.drill.record import PHASES
from hotops.drill.result import Result
from hotops.proofs.register import Entry

HTML = "drill.html"
BRIEF = "drill.md"
#: Bars of phases in the report's width, and the least that can be seen.
_WIDTH = 720.0
_LEAST = 3.0
_COLOURS = ("#8a5a00", "#b07d1a", "#3b6ea5", "#4c8fbd", "#5aa9a3", "#6f9e4f", "#4f7f3f", "#7a5c9e", "#9e5c7a")


def write_report(folder: Path, result: Result, earlier: Sequence[Entry]) -> Path:
    """Write drill.html and drill.md into a run's folder, whole or not at all; returns the path of the page."""
    seen = _seen(result, earlier)
    page = folder / HTML
    write_atomically(page, template("hotops.drill", "report.html.j2").render(seen))
    write_atomically(folder / BRIEF, template("hotops.drill", "brief.md.j2", autoescape=False).render(seen))
    return page


def _seen(result: Result, earlier: Sequence[Entry]) -> dict[str, Any]:
    entry = result.entry
    fault = result.moments.get("fault")
    return {
        "entry": entry,
        "env_kind": entry.env_kind,
        "title": result.title,
        "description": result.description,
        "says": result.says,
        "lost": result.lost,
        "notes": result.notes,
        "bars": _bars(entry),
        "timeline": [
            {
                "name": "the fault" if moment == "fault" else PHASES[moment],
                "at": rfc3339(at, millis=True),
                "after": None if fault is None else at - fault,
            }
            for moment, at in result.moments.items()
        ],
        "beats": _beats(result),
        "history": _history([*earlier[-11:], entry]),
        "earlier": list(reversed(earlier[-11:])),
        "machines": len(result.facts.get("machines", [])),
        "tables": len(result.facts.get("content", {})),
        "rows": sum(rows for rows, _ in result.facts.get("content", {}).values()),
        "longest": max(entry.phases, key=lambda name: entry.phases[name], default=None),
    }


def _bars(entry: Entry) -> list[dict[str, Any]]:
    """A bar a phase, one after the other, as long as it took."""
    total = sum(entry.phases.values()) or 1.0
    bars: list[dict[str, Any]] = []
    left = 0.0
    for number, (name, took) in enumerate(entry.phases.items()):
        width = max(_LEAST, _WIDTH * took / total)
        bars.append({"name": name, "took": took, "x": left, "width": width, "colour": _COLOURS[number % len(_COLOURS)]})
        left += width
    scale = _WIDTH / left if left else 1.0
    return [{**bar, "x": bar["x"] * scale, "width": bar["width"] * scale} for bar in bars]


def _beats(result: Result) -> list[dict[str, Any]]:
    """A mark a beat, over the time of the drill: kept or refused."""
    if len(result.beats) < 2:
        return []
    first, last = result.beats[0].at, result.beats[-1].at
    return [{"x": _WIDTH * (beat.at - first) / (last - first), "kept": beat.kept} for beat in result.beats]


def _history(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """A column a drill, as high as the recovery took, against what is allowed."""
    measured = [entry for entry in entries if entry.recovery_s is not None]
    if not measured:
        return []
    highest = max(entry.recovery_s or 0.0 for entry in measured) or 1.0
    step = _WIDTH / max(len(measured), 6)
    return [
        {
            "x": step * number + step * 0.15,
            "width": step * 0.7,
            "height": max(2.0, 110.0 * (entry.recovery_s or 0.0) / highest),
            "took": entry.recovery_s,
            "at": entry.at[:10],
            "passed": entry.passed,
        }
        for number, entry in enumerate(measured)
    ]
