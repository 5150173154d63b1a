"""The Prometheus subset of api.fly.io: a few metrics, plain selectors and sums over windows, nothing guessed."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from hotops.sandbox.fly import latency_metrics, lifecycle, traffic
from hotops.sandbox.fly.errors import json_reply
from hotops.sandbox.fly.machine import Machine
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.fly.world import App
from hotops.sandbox.wire import Response

routes = Routes()
SELECTOR = re.compile(r"^(?P<metric>[a-z_]+)(?:{(?P<labels>[^}]*)})?(?:\[(?P<window>\d+)(?P<unit>[smhd])\])?$")
LABEL = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"\s*')
FUNCTION = re.compile(r"^(?P<name>increase|rate)\((?P<inner>.+)\)$")
SUM = re.compile(r"^sum(?:\s*by\s*\((?P<by>[\w\s,]+)\))?\s*\((?P<inner>.+?)\)(?:\s*by\s*\((?P<after>[\w\s,]+)\))?$")
QUANTILE = re.compile(r"^histogram_quantile\(\s*(?P<q>[\d.]+)\s*,(?P<inner>.+)\)$")
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
RESPONSES = {"fly_app_http_responses_count", "fly_edge_http_responses_count"}
MOST_POINTS = 500
Series = tuple[dict[str, str], float]


class UnreadableError(ValueError):
    """A query outside the subset."""


@dataclass(frozen=True)
class Query:
    """A parsed query: `sum by (by) (function(metric{labels}[window_s]))` with all but the metric optional.

    With `quantile`, that quantile of the histogram of which it is the sum.
    """

    metric: str
    labels: tuple[tuple[str, str, str], ...]
    window_s: int | None
    function: str | None
    sums: bool
    by: tuple[str, ...]
    quantile: float | None = None


def parse(text: str) -> Query:
    """Read a query; raises UnreadableError for what the subset does not hold."""
    asked = QUANTILE.match(text.strip())
    if asked is not None:
        inner = parse(asked["inner"])
        if "le" not in inner.by:
            raise UnreadableError(f"a quantile is made of a sum by le: {text}")
        return dataclasses.replace(inner, quantile=float(asked["q"]))
    rest, sums = text.strip(), False
    by: tuple[str, ...] = ()
    summed = SUM.match(rest)
    if summed:
        sums = True
        by = tuple(label.strip() for label in (summed["by"] or summed["after"] or "").split(",") if label.strip())
        rest = summed["inner"].strip()
    called = FUNCTION.match(rest)
    function = called["name"] if called else None
    selected = SELECTOR.match((called["inner"] if called else rest).strip())
    if selected is None:
        raise UnreadableError(f"the sandbox cannot read this query: {text}")
    window_s = int(selected["window"]) * UNIT_S[selected["unit"]] if selected["window"] else None
    if (function is None) != (window_s is None):
        raise UnreadableError(f"a window belongs to increase or rate, and to nothing else: {text}")
    labels = tuple((m[1], m[2], m[3]) for m in LABEL.finditer(selected["labels"] or ""))
    return Query(selected["metric"], labels, window_s, function, sums, by)


@routes.on("GET", "/prometheus/{org}/api/v1/query")
@routes.on("POST", "/prometheus/{org}/api/v1/query", writes=False)
def instant(call: Call) -> Response:
    """One value per series, now or at `time`."""
    try:
        at = _time(_parameter(call, "time"), call.now)
        found = evaluate(call, parse(_parameter(call, "query")), at)
    except UnreadableError as error:
        return _refused(error)
    result = [{"metric": labels, "value": [at, _number(value)]} for labels, value in found]
    return _success("vector", result)


@routes.on("GET", "/prometheus/{org}/api/v1/query_range")
@routes.on("POST", "/prometheus/{org}/api/v1/query_range", writes=False)
def over_range(call: Call) -> Response:
    """Values per series between `start` and `end` at each `step`."""
    try:
        query = parse(_parameter(call, "query"))
        start, end = _time(_parameter(call, "start"), call.now), _time(_parameter(call, "end"), call.now)
        step = _step(_parameter(call, "step"))
    except UnreadableError as error:
        return _refused(error)
    if (end - start) / step > MOST_POINTS:
        return _refused(UnreadableError(f"more than {MOST_POINTS} points"))
    series: dict[str, dict[str, Any]] = {}
    for number in range(int((end - start) // step) + 1):
        at = start + number * step
        for labels, value in evaluate(call, query, at):
            row = series.setdefault(json.dumps(labels, sort_keys=True), {"metric": labels, "values": []})
            row["values"].append([at, _number(value)])
    return _success("matrix", list(series.values()))


def evaluate(call: Call, query: Query, at: float) -> list[Series]:
    """The series of a query at a time; raises UnreadableError for an unknown metric."""
    found: list[Series] = []
    for app in call.grant.apps_of(call.world):
        if app.org.slug != call.params["org"]:
            continue
        for machine in app.machines.values():
            lifecycle.advance(call.world, machine, call.now)
        found += [s for s in _series(call, app, query, at) if _matches(s[0], query.labels)]
    if not query.sums:
        return found
    if query.quantile is not None:
        return _quantiles(query.quantile, query.by, found)
    totals: dict[tuple[tuple[str, str], ...], float] = {}
    for labels, value in found:
        key = tuple((name, labels.get(name, "")) for name in query.by)
        totals[key] = totals.get(key, 0.0) + value
    return [(dict(key), value) for key, value in sorted(totals.items())]


def _quantiles(wanted: float, by: tuple[str, ...], found: list[Series]) -> list[Series]:
    """A quantile for each group of series that differ in `le` alone."""
    groups: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
    for labels, value in found:
        key = tuple((name, labels.get(name, "")) for name in by if name != "le")
        counted = groups.setdefault(key, {})
        edge = float(labels["le"].replace("+Inf", "inf"))
        counted[edge] = counted.get(edge, 0.0) + value
    return [(dict(key), latency_metrics.quantile(wanted, counted.items())) for key, counted in sorted(groups.items())]


def _series(call: Call, app: App, query: Query, at: float) -> list[Series]:
    window_s = query.window_s
    since = at - window_s if window_s is not None else app.created_at
    divisor = float(window_s) if query.function == "rate" and window_s else 1.0
    if query.metric in RESPONSES:
        return [
            (_labels(query.metric, app, app.machines.get(machine_id), status=str(status)), count / divisor)
            for (machine_id, status), count in sorted(traffic.counts(call.world, app, since, at).items())
        ]
    if query.metric == latency_metrics.METRIC:
        return [
            (_labels(query.metric, app, None, le=edge), count / divisor)
            for edge, count in latency_metrics.buckets(call.world, app, since, at)
        ]
    if query.metric in {"fly_instance_exit_oom", "fly_instance_exit_code"}:
        return [s for m in app.machines.values() for s in _exits(query, app, m, (since, at), divisor)]
    return [s for m in app.alive(call.now) for s in _gauges(query, app, m, at)]


def _exits(query: Query, app: App, machine: Machine, between: tuple[float, float], divisor: float) -> list[Series]:
    since, until = between
    ended = [run for run in machine.runs if run.ended_at is not None and since <= run.ended_at <= until and run.exit]
    if query.metric == "fly_instance_exit_oom":
        killed = sum(1 for run in ended if run.exit and run.exit.oom_killed)
        return [(_labels(query.metric, app, machine), killed / divisor)]
    last = ended[-1].exit.code if ended and ended[-1].exit else 0
    return [(_labels(query.metric, app, machine), float(last))]


def _gauges(query: Query, app: App, machine: Machine, at: float) -> list[Series]:
    if query.function is not None:
        raise UnreadableError(f"the sandbox has no counter called {query.metric}")
    run = machine.run_at(at)
    total = float(machine.config["guest"]["memory_mb"]) * 2**20
    used = 0.95 if run is not None and run.incarnation.fault == "oom" else 0.45
    values = {
        "fly_instance_up": 1.0,
        "fly_instance_memory_mem_total": total,
        "fly_instance_memory_mem_free": total * (1 - used) * 0.6,
        "fly_instance_memory_mem_available": total * (1 - used),
        "fly_instance_memory_swap_total": 0.0,
        "fly_instance_memory_swap_free": 0.0,
    }
    if query.metric not in values:
        raise UnreadableError(f"the sandbox has no metric called {query.metric}")
    if run is None and query.metric != "fly_instance_up":
        return []
    value = values[query.metric] if run is not None else 0.0
    return [(_labels(query.metric, app, machine), value)]


def _labels(metric: str, app: App, machine: Machine | None, **more: str) -> dict[str, str]:
    labels = {"__name__": metric, "app": app.name, **more}
    if machine is not None and not metric.startswith("fly_edge_"):
        labels |= {"instance": machine.id, "region": machine.region, "host": "twin"}
    return labels


def _matches(labels: dict[str, str], wanted: tuple[tuple[str, str, str], ...]) -> bool:
    for name, operator, value in wanted:
        have = labels.get(name, "")
        alike = have == value if operator in {"=", "!="} else re.fullmatch(value, have) is not None
        if alike == operator.startswith("!"):
            return False
    return True


def _parameter(call: Call, name: str) -> str:
    if call.request.method == "GET":
        return call.request.value(name)
    pairs = re.findall(r"(?:^|&)" + name + r"=([^&]*)", call.request.body.decode(errors="replace"))
    return unquote_plus(pairs[0]) if pairs else call.request.value(name)


def _time(text: str, now: float) -> float:
    if not text:
        return now
    try:
        return float(text) if re.fullmatch(r"[\d.]+", text) else datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise UnreadableError(f"not a time: {text}") from None


def _step(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text or "60")
    if match is None:
        raise UnreadableError(f"not a step: {text}")
    return float(match[1]) * UNIT_S[match[2] or "s"]


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return f"{value:g}" if value != int(value) else str(int(value))


def _success(kind: str, result: list[dict[str, Any]]) -> Response:
    return json_reply({"status": "success", "data": {"resultType": kind, "result": result}})


def _refused(error: UnreadableError) -> Response:
    return json_reply({"status": "error", "errorType": "422", "error": str(error)}, 422)
