"""A new release against the old one: one verdict of errors and answer times, looked at as often as one likes.

The level, 1 % unless told otherwise, is the chance that a release no worse than the old one is ever called bad, over
the whole watch and all looks. It is split between what may call it bad: visitors' answers, our own requests, and
their times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hotops.health.answers import SETTLES_S, Answers, Count
from hotops.health.errors_compared import ErrorsAfter
from hotops.health.opinion import WORDS, Kind, Opinion
from hotops.health.times_compared import TimesCompared

#: The chance of a false alarm over a whole watch.
LEVEL = 0.01
#: How the level is split.
_ANSWERS, _REQUESTS, _TIMES = 0.5, 0.2, 0.3
#: From so many on, the answers that visitors got decide; with fewer, our own requests do.
LEAST_ANSWERS = 30


@dataclass(frozen=True)
class Before:
    """The old release: `answers` its log told of (none where only failures are logged), our own `requests`, their
    times in ms. Plain data on the way, `as_row` and `from_row`."""

    answers: Count = field(default_factory=Count)
    requests: Count = field(default_factory=Count)
    times_ms: tuple[float, ...] = ()

    def as_row(self) -> dict[str, Any]:
        """As plain data that JSON keeps."""
        times = [round(value, 1) for value in self.times_ms]
        return {"answers": self.answers.as_row(), "requests": self.requests.as_row(), "times_ms": times}

    @classmethod
    def from_row(cls, row: Mapping[str, Any] | None) -> Before:
        """What `as_row` gave; nothing known of None."""
        if row is None:
            return cls()
        times = tuple(float(value) for value in row["times_ms"])
        return cls(Count.from_row(row["answers"]), Count.from_row(row["requests"]), times)


@dataclass(frozen=True)
class Verdict:
    """Good, bad or too thin to tell; `says` for an operator; what each comparison found, by its name."""

    kind: Kind
    says: str
    opinions: Mapping[str, Opinion]
    notes: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        return WORDS[self.kind]

    def as_row(self) -> dict[str, Any]:
        """The verdict as plain data."""
        return {
            "verdict": self.kind,
            "says": self.says,
            **{name: opinion.as_row() for name, opinion in self.opinions.items()},
            "notes": list(self.notes),
        }


class ReleaseJudge:
    """Takes what is seen of a new release and says what it proves. Times in unix seconds and ms."""

    def __init__(self, before: Before, *, tolerated: float, factor: float, level: float = LEVEL) -> None:
        self._log, self._own = Answers(), Answers()
        self.answers = ErrorsAfter(before.answers, tolerated, level * _ANSWERS)
        self.requests = ErrorsAfter(before.requests, tolerated, level * _REQUESTS)
        self.times = TimesCompared(before.times_ms, factor, level * _TIMES)

    def answered(self, at: float, *, is_error: bool, count: int = 1, source: str = "") -> None:
        """What a visitor got, as the app's log tells it."""
        self._log.add(at, is_new=True, is_error=is_error, count=count, source=source)

    def asked(self, at: float, *, is_error: bool, took_ms: float | None) -> None:
        """A request of our own; None where it was not answered or its time counts for nothing."""
        self._own.add(at, is_new=True, is_error=is_error)
        if took_ms is not None:
            self.times.take(took_ms)

    def settle(self, until: float = math.inf) -> None:
        """Judge the seconds that are complete at `until`: the newest ones of a log are not."""
        for second in self._log.settle(until - SETTLES_S):
            self.answers.take(second)
        for second in self._own.settle(until):
            self.requests.take(second)

    def verdict(self) -> Verdict:
        """What is known now."""
        own, times = self.requests.opinion(), self.times.opinion()
        seen = self.answers.now
        # Fly's proxy logs failures only: a share means something only where good answers are logged, too.
        is_known = seen.answers > seen.failed
        answers = self.answers.opinion() if is_known else None
        found = {"answers": answers, "requests": own if self.requests.now.answers else None, "times": times}
        opinions = {name: opinion for name, opinion in found.items() if opinion is not None}
        notes = self._notes(is_known=is_known, has_times=times is not None)
        bad = [opinion for opinion in opinions.values() if opinion.kind == "bad"]
        if bad:
            return Verdict("bad", _joined(bad), opinions, notes)
        thin = self._thin(opinions, notes)
        return Verdict("too_thin" if thin else "good", _joined(thin or list(opinions.values())), opinions, notes)

    def _thin(self, opinions: Mapping[str, Opinion], notes: Sequence[str]) -> list[Opinion]:
        """What stands between these opinions and "good"."""
        deciding = "answers" if self.answers.now.answers >= LEAST_ANSWERS and "answers" in opinions else "requests"
        if deciding not in opinions:
            return [Opinion("too_thin", "; ".join(["no answers to judge", *notes]))]
        doubted = {name for name, one in (("answers", self.answers), ("requests", self.requests)) if one.is_too_many}
        return [
            opinion
            for name, opinion in opinions.items()
            if opinion.kind == "too_thin" and (name in (deciding, "times") or name in doubted)
        ]

    def _notes(self, *, is_known: bool, has_times: bool) -> tuple[str, ...]:
        notes = []
        if not is_known:
            logged = f" ({self.answers.now.failed} failures)" if self.answers.now.failed else ""
            notes.append(f"the log tells of no good answers{logged}, so only requests of our own count")
        if not has_times:
            notes.append("too few answer times from before to compare with")
        return tuple(notes)


def _joined(opinions: Sequence[Opinion]) -> str:
    return "; ".join(opinion.words for opinion in opinions)
