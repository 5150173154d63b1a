"""How long the proxy's answers took, as the histogram that Fly's Prometheus keeps, and the quantiles made of it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hotops.sandbox.fly import traffic
from hotops.sandbox.fly.world import App, World

METRIC = "fly_edge_http_response_time_seconds_bucket"
#: Upper edges in seconds; Prometheus' own defaults, since Fly's are not written down.
EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
#: Visits that are looked at for one window; more are counted in proportion.
MOST_VISITS = 200


def buckets(world: World, app: App, since: float, until: float) -> list[tuple[str, float]]:
    """Edges with the number of answers up to each (Prometheus, histograms: cumulative); nothing without traffic."""
    if not traffic.has_traffic(app):
        return []
    first, last = traffic.number_at(app, since), traffic.number_at(app, until) - 1
    if last < first:
        return []
    stride = max(1, math.ceil((last - first + 1) / MOST_VISITS))
    seen = [visit.seconds for n in range(first, last + 1, stride) for visit in traffic.visits(world, app, n, n)]
    weight = (last - first + 1) / len(seen)
    return [(label_of(edge), weight * sum(1 for seconds in seen if seconds <= edge)) for edge in EDGES]


def label_of(edge: float) -> str:
    return "+Inf" if math.isinf(edge) else f"{edge:g}"


def quantile(q: float, counted: Iterable[tuple[float, float]]) -> float:
    """The q-quantile of cumulative buckets, linear within a bucket (Prometheus, histogram_quantile); NaN if empty."""
    ordered = sorted(counted)
    total = ordered[-1][1] if ordered else 0.0
    if not total:
        return math.nan
    below_edge = below = 0.0
    for edge, count in ordered:
        if count >= q * total:
            if math.isinf(edge):
                return below_edge
            return below_edge + (edge - below_edge) * ((q * total - below) / (count - below) if count > below else 0.0)
        below_edge, below = edge, count
    return below_edge
