"""What was measured of an app over time, small enough for a line of evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

#: No more requests than these are kept one by one (failed ones first), nor more buckets of visitors' answers.
MOST_REQUESTS = 400
MOST_BUCKETS = 120


@dataclass
class Series:
    """Requests of our own one by one, visitors' answers by the second. Times in unix seconds and ms."""

    requests: list[tuple[float, float | None, bool]] = field(default_factory=list)
    _answers: dict[int, tuple[int, int]] = field(default_factory=dict)

    def asked(self, at: float, took_ms: float | None, *, is_failed: bool) -> None:
        """A request of our own; no time where it was not answered."""
        self.requests.append((at, took_ms, is_failed))

    def answered(self, at: float, *, is_error: bool) -> None:
        """An answer that a visitor got."""
        answers, failed = self._answers.get(int(at), (0, 0))
        self._answers[int(at)] = (answers + 1, failed + is_error)

    def as_row(self) -> dict[str, list[list[float | None]]]:
        """`requests`: [when, ms, failed], thinned evenly where they are many; `answers`: [when, answers, failed]."""
        failed = [one for one in self.requests if one[2]][:MOST_REQUESTS]
        good = [one for one in self.requests if not one[2]]
        stride = -(-len(good) // max(1, MOST_REQUESTS - len(failed)))
        kept = sorted([*failed, *good[:: max(1, stride)]], key=lambda one: one[0])
        return {
            "requests": [
                [round(at, 2), None if took_ms is None else round(took_ms, 1), int(is_failed)]
                for at, took_ms, is_failed in kept
            ],
            "answers": self._buckets(),
        }

    def _buckets(self) -> list[list[float | None]]:
        """Every bucket from the first to the last answer, empty ones too: a gap is what one looks for."""
        if not self._answers:
            return []
        first, last = min(self._answers), max(self._answers)
        wide = -(-(last - first + 1) // MOST_BUCKETS)
        found: list[list[float | None]] = []
        for begin in range(first, last + 1, wide):
            within = [self._answers.get(second, (0, 0)) for second in range(begin, begin + wide)]
            found.append([begin, sum(answers for answers, _ in within), sum(failed for _, failed in within)])
        return found
