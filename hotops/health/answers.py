"""Answers of an app, second by second: how many there were and in which seconds something failed.

Errors come in bursts: one client that tries again five times, one database that hiccups under all machines. So at most
one error a second counts, whichever machine it fell on, and the second after one that counted proves nothing: a burst
that crosses a full second is still one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

#: A log brings its lines out of order by no more than this; a second is judged when it is so old.
SETTLES_S = 3.0


@dataclass(frozen=True)
class Second:
    """One second: answers and failed ones among them, of new and of old machines; `at` is its unix time.

    One that `follows` a second with an error is counted and proves nothing.
    """

    at: int
    new: int = 0
    new_failed: int = 0
    old: int = 0
    old_failed: int = 0
    follows: bool = False

    @property
    def failed(self) -> int:
        return self.new_failed + self.old_failed


class Answers:
    """Observations as they come in, seconds as they are complete.

    Memory holds only seconds that are not complete yet. What comes later than its second was judged is counted in
    `late` and in the totals, and in nothing else.
    """

    def __init__(self) -> None:
        self._open: dict[int, Counter[tuple[str, bool, bool]]] = {}
        self._settled = -math.inf
        self._counted_at = -math.inf
        self.late = 0

    def add(self, at: float, *, is_new: bool, is_error: bool, count: int = 1, source: str = "") -> None:
        """So many answers at a time (unix seconds).

        Two sources that tell of the same answers (the proxy's log and the app's) are not added up: in each second the
        one that tells more counts.
        """
        second = math.floor(at)
        if second < self._settled:
            self.late += count
            return
        self._open.setdefault(second, Counter())[source, is_new, is_error] += count

    def settle(self, until: float = math.inf) -> Iterator[Second]:
        """The seconds that ended before `until` and were not given yet, in order."""
        edge = math.floor(until) if math.isfinite(until) else until
        ready = sorted(second for second in self._open if second < edge)
        self._settled = max(self._settled, edge)
        for at in ready:
            second = _second(at, self._open.pop(at), follows=at == self._counted_at + 1)
            if second.failed and not second.follows:
                self._counted_at = at
            yield second


def _second(at: int, counts: Mapping[tuple[str, bool, bool], int], *, follows: bool) -> Second:
    def most(*, is_new: bool, is_error: bool) -> int:
        return max((n for (_, new, error), n in counts.items() if (new, error) == (is_new, is_error)), default=0)

    new_failed, old_failed = most(is_new=True, is_error=True), most(is_new=False, is_error=True)
    return Second(
        at,
        new=most(is_new=True, is_error=False) + new_failed,
        new_failed=new_failed,
        old=most(is_new=False, is_error=False) + old_failed,
        old_failed=old_failed,
        follows=follows,
    )


@dataclass
class Count:
    """Answers and failed ones; `incidents` are the seconds with a failure, `seconds` how many had how many answers.

    In a second with an incident the repeats are no answers of their own: five failed ones count as one. Of a second
    that follows one, only the answers are counted.
    """

    answers: int = 0
    failed: int = 0
    incidents: int = 0
    seconds: Counter[int] = field(default_factory=Counter)

    def take(self, answers: int, failed: int, *, follows: bool = False) -> int:
        """Add one second; returns the answers that prove something in it."""
        self.answers += answers
        self.failed += failed
        if follows or not answers:
            return 0
        self.incidents += failed > 0
        exposed = answers - max(failed - 1, 0)
        self.seconds[exposed] += 1
        return exposed

    @property
    def exposed(self) -> int:
        """The answers that prove something."""
        return sum(answers * count for answers, count in self.seconds.items())

    @property
    def share(self) -> float:
        """Failed ones among all, 0 to 1."""
        return self.failed / self.answers if self.answers else 0.0

    def as_row(self) -> dict[str, Any]:
        """The count as plain data that JSON keeps."""
        return {
            "answers": self.answers,
            "failed": self.failed,
            "incidents": self.incidents,
            "seconds": [[answers, count] for answers, count in sorted(self.seconds.items())],
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Count:
        """What `as_row` gave."""
        seconds = Counter({int(answers): int(count) for answers, count in row["seconds"]})
        return cls(int(row["answers"]), int(row["failed"]), int(row["incidents"]), seconds)
