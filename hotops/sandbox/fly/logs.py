"""An app's logs over REST, in pages (api.fly.io, /api/v1/apps/{app}/logs as flyctl reads it)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from hotops.sandbox.fly import checks, lifecycle, log_lines, traffic
from hotops.sandbox.fly.errors import invalid, json_reply
from hotops.sandbox.fly.log_lines import Line
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.fly.world import App, World
from hotops.sandbox.wire import Response

routes = Routes()
PAGE = 100
HORIZON_S = 86_400.0
KEPT_S = 7 * 86_400.0
FIRST_WINDOW_S = 10.0
Keeps = Callable[[Line], bool]


@routes.on("GET", "/api/v1/apps/{app}/logs")
def list_lines(call: Call) -> Response:
    """A page of lines, oldest first: from `next_token` (nanoseconds) on, or the last hundred of a day.

    Without a token there is always at least one entry: flyctl's `logs --no-tail` never ends on an empty page. With one
    there may be none: then it asks again more slowly, and at full speed else.
    """
    app, now, request = call.app, call.now, call.request
    for machine in app.machines.values():
        lifecycle.advance(call.world, machine, now)
        # What a machine could not reach is known only once it was tried.
        checks.rows(call.world, machine, now)
    token = request.value("next_token")
    if token and not token.isdigit():
        raise invalid("next_token")
    instance, region = request.value("instance"), request.value("region")

    def keeps(line: Line) -> bool:
        return (not instance or line.instance == instance) and (not region or line.region == region)

    found = page_after(call.world, app, int(token), now, keeps) if token else last_page(call.world, app, now, keeps)
    if token and not found:
        return json_reply({"data": [], "meta": {"next_token": token}})
    if not found:
        quiet = Line(int(now * 1e9), "info", "no new log lines", instance, region or app.primary_region, "runner")
        found = [quiet]
    return json_reply({"data": [_shown(line) for line in found], "meta": {"next_token": str(found[-1].at_ns + 1)}})


def page_after(world: World, app: App, token_ns: int, now: float, keeps: Keeps) -> list[Line]:
    """At most a hundred lines from a token on."""
    since = max(token_ns / 1e9, now - KEPT_S)
    window_s = FIRST_WINDOW_S
    found: list[Line] = []
    while since < now and len(found) < PAGE:
        until = min(since + window_s, now)
        # Window edges are rounded to floats, so the token decides exactly.
        fresh = [line for line in _between(world, app, since - 0.001, until) if line.at_ns >= token_ns and keeps(line)]
        found += [line for line in fresh if not found or line.at_ns > found[-1].at_ns]
        since, window_s = until, window_s * 4
    return found[:PAGE]


def last_page(world: World, app: App, now: float, keeps: Keeps) -> list[Line]:
    """The last hundred lines of a day."""
    window_s = FIRST_WINDOW_S
    while True:
        found = [line for line in _between(world, app, now - window_s, now) if keeps(line)]
        if len(found) >= PAGE or window_s >= HORIZON_S:
            return found[-PAGE:]
        window_s = min(window_s * 4, HORIZON_S)
        if traffic.has_traffic(app) and window_s * app.traffic_rps > 100 * PAGE:
            # Only a filter can leave so few of so many; what it hides further back is not worth a day of lines.
            return found[-PAGE:]


def _between(world: World, app: App, since: float, until: float) -> list[Line]:
    lines = [
        *log_lines.of_runs(world, app, since, until),
        *log_lines.of_requests(app, since, until),
        *_bounded(log_lines.of_visits(world, app, since, until)),
    ]
    return sorted(lines, key=lambda line: line.at_ns)


def _bounded(lines: Iterator[Line]) -> Iterator[Line]:
    return islice(lines, 200 * PAGE)


def _shown(line: Line) -> dict[str, Any]:
    """A line in the JSON:API form that flyctl decodes."""
    seconds, nanoseconds = divmod(line.at_ns, 1_000_000_000)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{nanoseconds:09d}Z"
    http: dict[str, Any] = {"request": {"id": "", "method": line.method, "version": "HTTP/2"}, "response": {}}
    http["response"]["status_code"] = line.status or 0
    meta: dict[str, Any] = {
        "instance": line.instance,
        "region": line.region,
        "event": {"provider": line.provider},
        "http": http if line.status is not None else {"request": {}, "response": {}},
        "error": {"code": line.error_code, "message": line.message if line.error_code else ""},
        "url": {"full": line.path},
    }
    return {
        "id": str(line.at_ns),
        "type": "log",
        "attributes": {
            "timestamp": stamp,
            "message": line.message,
            "level": line.level,
            "instance": line.instance,
            "region": line.region,
            "meta": meta,
        },
    }
