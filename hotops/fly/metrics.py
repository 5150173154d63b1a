"""Metrics: queries to Fly's Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotops.core.answer import Answer
from hotops.core.errors import WireError
from hotops.fly.models import Sample
from hotops.fly.surfaces import Surfaces, path


class Metrics:
    """An organisation's metrics, kept for about 15 days (Fly docs, metrics). Labels: app, region, host, instance."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def query(self, org: str, expression: str, *, at: float | None = None) -> list[Sample]:
        """The value of each series at a time (unix seconds; now if not given)."""
        params: dict[str, Any] = {"query": expression, **({"time": at} if at is not None else {})}
        return self._ask(org, "query", params)

    def query_range(self, org: str, expression: str, *, start: float, end: float, step_s: float = 15.0) -> list[Sample]:
        """Each series' points between two times (unix seconds), `step_s` apart; scrapes are 15 s apart."""
        return self._ask(org, "query_range", {"query": expression, "start": start, "end": end, "step": step_s})

    def _ask(self, org: str, kind: str, params: dict[str, Any]) -> list[Sample]:
        answer = self._surfaces.prometheus.request(
            "GET", f"{path('prometheus', org, 'api', 'v1')}/{kind}", params=params
        )
        return [_sample(item) for item in _series(answer)]


def _series(answer: Answer) -> list[Any]:
    """The result of a query. Raises WireError: an answer that names none is not a query without series."""
    data = answer.object.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("result"), list):
        raise WireError("The metrics answered no result.", remedy="Try again.", code="unknown_reply")
    return list(data["result"])


def _sample(item: Mapping[str, Any]) -> Sample:
    points = item.get("values") or ([item["value"]] if item.get("value") else [])
    return Sample(
        labels=dict(item.get("metric") or {}), points=tuple((float(at), float(value)) for at, value in points)
    )
