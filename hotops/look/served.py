"""What visitors got in the last minutes, of all apps of an organisation in two queries of Fly's metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hotops.core.clock import spoken_duration
from hotops.fly import Fly
from hotops.fly.models import Sample

#: Long enough that a quiet app has requests in it, short enough to be now.
WINDOW = "15m"
WINDOW_S = 900.0
#: Metrics are read off every 15 s (Fly docs, metrics), so over less than this an increase says nothing.
LEAST_S = 30.0
#: Counted and timed by Fly's proxy, so also what no machine answered (Fly docs, metrics: edge).
ANSWERS = f"sum by (app, status) (increase(fly_edge_http_responses_count[{WINDOW}]))"
P95 = f"histogram_quantile(0.95, sum by (app, le) (rate(fly_edge_http_response_time_seconds_bucket[{WINDOW}])))"


@dataclass(frozen=True)
class Served:
    """An app's answers in the window; `p95_ms` is None where there were none."""

    answers: int = 0
    errors_5xx: int = 0
    p95_ms: float | None = None
    window_s: float = WINDOW_S

    @property
    def spoken(self) -> str:
        """The window in words."""
        return spoken_duration(max(1.0, self.window_s))

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
            "window": f"{self.window_s:.0f}s" if self.window_s < WINDOW_S else WINDOW,
        }


def answers_of(fly: Fly, org: str) -> list[Sample]:
    """Answers by app and status. Raises Forbidden where the token may not read the organisation's metrics."""
    return fly.metrics.query(org, ANSWERS)


def times_of(fly: Fly, org: str) -> list[Sample]:
    """The 95th percentile by app."""
    return fly.metrics.query(org, P95)


def answers_since(fly: Fly, org: str, app: str, age_s: float) -> Served:
    """What visitors got of what runs, where that is younger than the window: the rest was answered by what is gone."""
    if age_s < LEAST_S:
        return Served(window_s=age_s)
    query = f'sum by (app, status) (increase(fly_edge_http_responses_count{{app="{app}"}}[{age_s:.0f}s]))'
    found = served(app, fly.metrics.query(org, query), ())
    return Served(found.answers, found.errors_5xx, window_s=age_s)


def served(app: str, answers: Iterable[Sample], times: Iterable[Sample]) -> Served:
    """One app's part of both; an app of which the metrics know nothing was not asked."""
    mine = [sample for sample in answers if sample.labels.get("app") == app]
    p95 = [sample.value for sample in times if sample.labels.get("app") == app]
    known = [value * 1000 for value in p95 if math.isfinite(value)]
    failed = sum(sample.value for sample in mine if sample.labels.get("status", "").startswith("5"))
    return Served(round(sum(sample.value for sample in mine)), round(failed), max(known, default=None))
