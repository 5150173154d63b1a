"""What visitors got in the last minutes, of all apps of an organisation in two queries of Fly's metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hotops.fly import Fly
from hotops.fly.models import Sample

#: Long enough that a quiet app has requests in it, short enough to be now.
WINDOW = "15m"
#: Counted and timed by Fly's proxy, so also what no machine answered (Fly docs, metrics: edge).
ANSWERS = f"sum by (app, status) (increase(fly_edge_http_responses_count[{WINDOW}]))"
P95 = f"histogram_quantile(0.95, sum by (app, le) (rate(fly_edge_http_response_time_seconds_bucket[{WINDOW}])))"


@dataclass(frozen=True)
class Served:
    """An app's answers in the window; `p95_ms` is None where there were none."""

    answers: int = 0
    errors_5xx: int = 0
    p95_ms: float | None = None

    @property
    def share(self) -> float:
        return self.errors_5xx / self.answers if self.answers else 0.0

    def as_row(self) -> dict[str, Any]:
        """The counts as plain data."""
        p95 = None if self.p95_ms is None else round(self.p95_ms, 1)
        return {
            "answers": self.answers,
            "errors_5xx": self.errors_5xx,
            "share": round(self.share, 4),
            "p95_ms": p95,
            "window": WINDOW,
        }


def answers_of(fly: Fly, org: str) -> list[Sample]:
    """Answers by app and status. Raises Forbidden where the token may not read the organisation's metrics."""
    return fly.metrics.query(org, ANSWERS)


def times_of(fly: Fly, org: str) -> list[Sample]:
    """The 95th percentile by app."""
    return fly.metrics.query(org, P95)


def served(app: str, answers: Iterable[Sample], times: Iterable[Sample]) -> Served:
    """One app's part of both; an app of which the metrics know nothing was not asked."""
    mine = [sample for sample in answers if sample.labels.get("app") == app]
    p95 = [sample.value for sample in times if sample.labels.get("app") == app]
    known = [value * 1000 for value in p95 if math.isfinite(value)]
    failed = sum(sample.value for sample in mine if sample.labels.get("status", "").startswith("5"))
    return Served(round(sum(sample.value for sample in mine)), round(failed), max(known, default=None))
