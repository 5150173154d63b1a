"""Plots as numbers from 0 to 1000, which the page's SVG stretches over its width: no text in them, so none shrinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotops.core.report.course import Stretch
from hotops.core.report.measured import Answers, Measured

WIDTH = 1000.0
HEIGHT = 200.0
#: The least that can be seen of what took no time, and a dot's distance from the edge.
_LEAST = 3.0
_EDGE = 6.0
#: A part's least share of the width: its name has to fit below it on a phone.
_NARROWEST = 0.2


@dataclass(frozen=True)
class Bar:
    """A stretch of a run on the line of time."""

    name: str
    target: str
    status: str
    took_s: float
    x: float
    width: float
    is_phase: bool
    is_back: bool


@dataclass(frozen=True)
class Dot:
    """A request: where, how long it took in ms (None: no answer)."""

    x: float
    y: float
    is_failed: bool


@dataclass(frozen=True)
class Zone:
    """Before, during or after in a plot of requests: its part of the width, its dots, its median as a height."""

    name: str
    x: float
    width: float
    dots: tuple[Dot, ...]
    median_y: float | None


@dataclass(frozen=True)
class Column:
    """Visitors' answers in some seconds: their height, and that of the failed ones among them."""

    x: float
    width: float
    height: float
    failed_height: float


def bars(stretches: Sequence[Stretch], length_s: float) -> list[Bar]:
    """A bar a stretch, at its time; whatever is short is wide enough to be seen."""
    found = []
    for one in stretches:
        width = max(_LEAST, WIDTH * one.took_s / length_s)
        x = min(WIDTH * one.began_s / length_s, WIDTH - width)
        found.append(Bar(one.name, one.target, one.status, one.took_s, max(0.0, x), width, one.is_phase, one.is_back))
    return found


def top_ms(found: Measured) -> float:
    """What the height of the plot of requests stands for, in ms: a round number above all of them."""
    slowest = max((part.times_ms[-1] for part in found.parts if part.times_ms), default=0.0)
    for step in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000):
        if slowest <= step:
            return float(step)
    return slowest


def zones(found: Measured) -> list[Zone]:
    """Requests before, during and after, side by side, each part as wide as it has requests (and never a sliver)."""
    asked = [part for part in found.parts if part.asked]
    if not asked:
        return []
    top = top_ms(found)
    shares = [max(len(part.asked), _NARROWEST * sum(len(each.asked) for each in asked)) for part in asked]
    zones: list[Zone] = []
    left = 0.0
    for part, share in zip(asked, shares, strict=True):
        width = WIDTH * share / sum(shares)
        pace = (width - 2 * _EDGE) / max(1, len(part.asked) - 1)
        dots = tuple(
            Dot(
                x=left + (_EDGE + number * pace if len(part.asked) > 1 else width / 2),
                y=_height(one.took_ms, top) if one.took_ms is not None else _EDGE,
                is_failed=one.is_failed,
            )
            for number, one in enumerate(part.asked)
        )
        median = part.median_ms
        zones.append(Zone(part.name, left, width, dots, None if median is None else _height(median, top)))
        left += width
    return zones


def columns(series: Sequence[Answers]) -> list[Column]:
    """Visitors' answers over the watch, a column a bucket of time."""
    highest = max((one.answers for one in series), default=0)
    if highest == 0:
        return []
    step = WIDTH / len(series)
    return [
        Column(
            x=step * number + step * 0.08,
            width=step * 0.84,
            height=HEIGHT * one.answers / highest,
            failed_height=max(_LEAST * bool(one.failed), HEIGHT * one.failed / highest),
        )
        for number, one in enumerate(series)
    ]


def _height(took_ms: float, top: float) -> float:
    return HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * min(took_ms, top) / top
