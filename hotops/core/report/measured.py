"""What a run measured of its apps, read out of its evidence: answer times and failures before, during and after."""

from __future__ import annotations

import base64
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Line = Mapping[str, Any]

PARTS = BEFORE, DURING, AFTER = ("before", "during", "after")
#: Subjects of observations that are answers: while machines were replaced, in the watch, after a rollback.
MEASURING = ("during", "watch", "after")


@dataclass(frozen=True)
class Asked:
    """One request of hotops' own. `at` is None where only the order is known, `took_ms` where there was no answer."""

    at: float | None
    took_ms: float | None
    is_failed: bool


@dataclass(frozen=True)
class Answers:
    """Visitors' answers in some seconds, as the app's log told them."""

    at: float
    answers: int
    failed: int


@dataclass(frozen=True)
class Part:
    """One of before, during and after: requests in their order, and how many answers visitors got."""

    name: str
    asked: tuple[Asked, ...] = ()
    answers: int = 0
    failed: int = 0

    @property
    def failed_requests(self) -> int:
        return sum(one.is_failed for one in self.asked)

    @property
    def times_ms(self) -> list[float]:
        return sorted(one.took_ms for one in self.asked if one.took_ms is not None)

    @property
    def error_share(self) -> str:
        """Visitors' failed answers, as `5 (2.5 %)`."""
        return f"{self.failed} ({100 * self.failed / self.answers:.1f} %)" if self.failed else "0"

    @property
    def median_ms(self) -> float | None:
        return statistics.median(self.times_ms) if self.times_ms else None

    @property
    def p95_ms(self) -> float | None:
        times = self.times_ms
        return times[min(len(times) - 1, int(len(times) * 0.95))] if times else None


@dataclass(frozen=True)
class Measured:
    """All of one app. `series` are visitors' answers during the watch, `says` is what the watch made of them."""

    app: str
    parts: tuple[Part, ...]
    series: tuple[Answers, ...] = ()
    says: str = ""


def measured(lines: Iterable[Line]) -> list[Measured]:
    """Every app of which something was measured, in the order in which the run came to it."""
    parts: dict[str, dict[str, Part]] = {}
    series: dict[str, tuple[Answers, ...]] = {}
    says: dict[str, str] = {}
    for line in lines:
        if line.get("kind") == "verdict":
            for app, part in _before(line).items():
                parts.setdefault(app, {})[BEFORE] = part
        elif line.get("kind") == "observation" and line.get("subject") in MEASURING:
            app, name = str(line.get("app") or ""), DURING if line["subject"] == "during" else AFTER
            found = _mapping(line.get("found"))
            parts.setdefault(app, {})[name] = Part(
                name,
                tuple(_requests(_mapping(found.get("series")).get("requests"))),
                _count(found.get("answers")),
                _count(found.get("answers_5xx")),
            )
            if name == AFTER:
                series[app] = tuple(_answers(_mapping(found.get("series")).get("answers")))
                says[app] = str(_mapping(found.get("verdict")).get("says") or line.get("text") or "")
    return [
        Measured(
            app,
            tuple(found[name] for name in (BEFORE, DURING, AFTER) if name in found),
            series.get(app, ()),
            says.get(app, ""),
        )
        for app, found in parts.items()
    ]


def _before(verdict: Line) -> dict[str, Part]:
    """What the gates measured stands in the signed verdict, which the watch compares with."""
    try:
        payload = _mapping(json.loads(base64.b64decode(_mapping(verdict.get("envelope")).get("payload") or "e30=")))
    except ValueError:
        return {}  # nothing of ours: an envelope that somebody else wrote is not read
    found = {}
    for app, told in _mapping(payload.get("before")).items():
        row = _mapping(told)
        requests, answers = _mapping(row.get("requests")), _mapping(row.get("answers"))
        times = [float(took) for took in _list(row.get("times_ms")) if isinstance(took, (int, float))]
        asked = [Asked(None, took_ms, is_failed=False) for took_ms in times]
        asked += [Asked(None, None, is_failed=True)] * _count(requests.get("failed"))
        found[str(app)] = Part(BEFORE, tuple(asked), _count(answers.get("answers")), _count(answers.get("failed")))
    return found


def _requests(rows: object) -> Iterable[Asked]:
    for row in _list(rows):
        match row:
            case [int() | float() as at, int() | float() | None as took, int() as failed]:
                yield Asked(float(at), None if took is None else float(took), bool(failed))


def _answers(rows: object) -> Iterable[Answers]:
    for row in _list(rows):
        match row:
            case [int() | float() as at, int() as answers, int() as failed]:
                yield Answers(float(at), answers, failed)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
