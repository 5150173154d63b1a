"""How long an app takes to answer, over a number of requests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hotops.core.parallel import map_parallel
from hotops.health.probe import HttpCheck, Prober, ProbeResult


@dataclass(frozen=True)
class Latency:
    """Answer times of `n` measured requests, in ms.

    Only requests that were answered have a time; `errors` are those that were not, or not as the check wants.
    `statuses` counts the measured answers by status. `cold_ms` is the very first request, which may have started a
    machine; it is measured apart when there is a warm-up. Percentiles are None where nothing was answered.
    `times_ms` are the times themselves, to compare others with.
    """

    n: int
    errors: int
    statuses: dict[int, int] = field(default_factory=dict)
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    cold_ms: float | None = None
    within_budget: bool = False
    budget_ms: int | None = None
    first_error: str = ""
    times_ms: tuple[float, ...] = ()

    @property
    def error_share(self) -> float:
        """Errors per measured request, 0 to 1."""
        return self.errors / self.n if self.n else 0.0

    def as_row(self) -> dict[str, Any]:
        """The figures as plain data; JSON has no numbers as keys, so statuses are text there."""
        return {
            "n": self.n,
            "errors": self.errors,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            **{
                name: None if (value := getattr(self, name)) is None else round(value, 1)
                for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms", "cold_ms")
            },
            "within_budget": self.within_budget,
            "budget_ms": self.budget_ms,
            "first_error": self.first_error,
        }


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest of `values` that at least `percent` per cent of them do not exceed.

    Raises ValueError without values, or for a per cent outside (0, 100].
    """
    if not values or not 0 < percent <= 100:
        raise ValueError(f"no {percent}th percentile of {len(values)} values")
    # Not percent / 100 * n: 0.07 * 100 is more than 7.
    rank = math.ceil(percent * len(values) / 100)
    return sorted(values)[rank - 1]


def sample(prober: Prober, check: HttpCheck, n: int = 60, warmup: int = 3, concurrency: int = 1) -> Latency:
    """Send `warmup` requests one after another, then `n` measured ones, `concurrency` at once.

    Within budget means that requests were answered, none of them wrong, and their 95th percentile is within
    `check.budget_ms` (a check without a budget has no limit).
    """
    warmed = [prober.probe(check) for _ in range(warmup)]
    results = map_parallel(prober.probe, [check] * n, limit=max(concurrency, 1))
    return summarise(results, first=next(iter(warmed or results), None), budget_ms=check.budget_ms)


def summarise(
    results: Sequence[ProbeResult], *, first: ProbeResult | None = None, budget_ms: int | None = None
) -> Latency:
    """The figures of measured results; `first` is the request before all others."""
    times = [result.took_ms for result in results if result.status is not None and result.took_ms is not None]
    wrong = [result for result in results if not result.ok]
    p95_ms = percentile(times, 95) if times else None
    return Latency(
        n=len(results),
        errors=len(wrong),
        statuses=dict(Counter(result.status for result in results if result.status is not None)),
        p50_ms=percentile(times, 50) if times else None,
        p95_ms=p95_ms,
        p99_ms=percentile(times, 99) if times else None,
        max_ms=max(times, default=None),
        cold_ms=first.took_ms if first is not None else None,
        within_budget=p95_ms is not None and not wrong and (budget_ms is None or p95_ms <= budget_ms),
        budget_ms=budget_ms,
        first_error=wrong[0].says if wrong else "",
        times_ms=tuple(times),
    )
