"""The course of a run, read out of its evidence: phases and steps with their times, machines before and after."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hotops.core.clock import parse_rfc3339
from hotops.core.summary import changes

Line = Mapping[str, Any]

#: An image's reference, of which the host says nothing and twelve digits of the digest say enough.
_IMAGE = re.compile(r"^(?:registry\.fly\.io/)?([^@]*)@sha256:([0-9a-f]{12})[0-9a-f]*$")


@dataclass(frozen=True)
class Stretch:
    """A phase or a step: what it was, from and to in seconds since the run began, and how it ended."""

    name: str
    target: str
    status: str
    began_s: float
    ended_s: float
    is_phase: bool = False
    is_back: bool = False

    @property
    def took_s(self) -> float:
        return self.ended_s - self.began_s


@dataclass(frozen=True)
class Changed:
    """What one step was to change: before, after, how it ended, how long it took, and the error in words."""

    step: str
    target: str
    before: str
    after: str
    status: str
    took_s: float | None
    error: str = ""
    phase: str = ""
    is_back: bool = False

    @property
    def app(self) -> str:
        return self.step.partition("/")[0]

    @property
    def name(self) -> str:
        """The step within its app."""
        return self.step.partition("/")[2] or self.step


def length_s(lines: Sequence[Line]) -> float:
    """From the first line to the last, in seconds; at least a little, so that it can be drawn."""
    began = _began(lines)
    return max(0.001, *(_at(line) - began for line in lines)) if lines else 0.001


def stretches(lines: Sequence[Line]) -> list[Stretch]:
    """Phases and the steps within them, in the order in which they began; what has no end goes on to the last line."""
    began, last_s = _began(lines), length_s(lines)
    ends = _ends(lines)
    found: list[Stretch] = []
    for place, line in enumerate(lines):
        start_s = _at(line) - began
        if line.get("kind") == "phase_started":
            status, end_s = _end_of_phase(lines[place:], last_s=last_s, began=began)
            found.append(Stretch(str(line.get("phase")), "", status, start_s, max(start_s, end_s), is_phase=True))
        elif line.get("kind") == "intent":
            end = ends.get(_number(line.get("n")))
            status, end_s = (str(end.get("status") or "done"), _at(end) - began) if end else ("unknown", last_s)
            name, target = str(line.get("step")), str(line.get("target"))
            found.append(Stretch(name, target, status, start_s, max(start_s, end_s), is_back=_is_back(line)))
    return found


def changed(lines: Sequence[Line]) -> list[Changed]:
    """Every step with what was before and after it, in order."""
    ends = _ends(lines)
    found, phase = [], ""
    for line in lines:
        if line.get("kind") == "phase_started":
            phase = str(line.get("phase"))
        elif line.get("kind") == "intent":
            found.append(_changed(line, ends.get(_number(line.get("n")), {}), phase))
    return found


def _changed(intent: Line, outcome: Line, phase: str) -> Changed:
    before, after = intent.get("before"), intent.get("after")
    if isinstance(before, Mapping) and isinstance(after, Mapping) and isinstance(after.get("image"), str):
        # An image says more than all the facts beside it, and its reference holds the digest.
        was, becomes = _image(before.get("image")), _image(after["image"])
    else:
        told = changes(before, after)
        was, _, becomes = told.partition(" → ") if told.count(" → ") == 1 else ("", "", told)
    error = outcome.get("error")
    took = outcome.get("duration_s")
    return Changed(
        step=str(intent.get("step")),
        target=str(intent.get("target")),
        before=was,
        after=becomes,
        status=str(outcome.get("status") or "unknown"),
        took_s=float(took) if isinstance(took, (int, float)) and math.isfinite(took) else None,
        error=str(error.get("message") or "") if isinstance(error, Mapping) else str(error or ""),
        phase=phase,
        is_back=_is_back(intent),
    )


def _ends(lines: Iterable[Line]) -> dict[int | None, Line]:
    """What became of each step, by the number of the line in which it was begun."""
    found = {_number(line.get("intent")): line for line in lines if line.get("kind") == "outcome"}
    found.pop(None, None)
    return found


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _is_back(intent: Line) -> bool:
    """Whether the step brings back what another one changed; the driver's word for it."""
    return str(intent.get("action")).startswith("bringing back")


def _image(value: object) -> str:
    return _IMAGE.sub(r"\1 (\2)", value) if isinstance(value, str) else "nothing"


def _end_of_phase(lines: Sequence[Line], *, last_s: float, began: float) -> tuple[str, float]:
    """How the phase ended whose beginning is the first line, and when. One that failed leaves no line of its own: what
    comes after it tells, the next phase or the seal."""
    for line in lines[1:]:
        if line.get("kind") == "phase_finished" and line.get("phase") == lines[0].get("phase"):
            return str(line.get("status") or "done"), _at(line) - began
        if line.get("kind") in ("phase_started", "run_sealed"):
            return "failed", _at(line) - began
    return "unknown", last_s


def _began(lines: Sequence[Line]) -> float:
    return min((_at(line) for line in lines), default=0.0)


def timed(lines: Iterable[Line]) -> list[Line]:
    """The lines that bear a time that can be read; what hotops writes always does."""
    found = []
    for line in lines:
        try:
            parse_rfc3339(str(line.get("at")))
        except ValueError:
            continue
        found.append(line)
    return found


def _at(line: Line) -> float:
    return parse_rfc3339(str(line["at"]))
