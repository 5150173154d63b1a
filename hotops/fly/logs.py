"""An app's log lines, from a time on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hotops.core.clock import parse_rfc3339
from hotops.fly.models import LogLine
from hotops.fly.surfaces import Surfaces, path

#: Stamps have nanoseconds, and are read to the microsecond: a line of this very moment seems a little older.
RESOLUTION_S = 0.001


class Logs:
    """Logs over HTTP: kept for about seven days, "mostly stable" (Fly docs, logs API)."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def read(
        self,
        app: str,
        *,
        since: float,
        until: float | None = None,
        region: str | None = None,
        instance: str | None = None,
        max_pages: int = 100,
    ) -> Iterator[LogLine]:
        """Lines from `since` to `until` (unix seconds; now if not given), in the API's order, each once.

        Pages are read as they are needed, no more than `max_pages`. Raises NotFound for an unknown app.
        """
        end = self._surfaces.clock.now() if until is None else until
        # The token is a time in nanoseconds, so it can also start the reading (Fly docs, logs API).
        token = str(int(since * 1e9))
        seen: set[str] = set()
        for _ in range(max_pages):
            page, following = self._page(app, token, region, instance)
            new = [line for line in page if _identity(line) not in seen]
            seen.update(_identity(line) for line in new)
            yield from (line for line in new if since <= line.at <= end)
            reached = max((line.at for line in new), default=end) >= end - RESOLUTION_S
            if reached or not following or following == token:
                return
            token = following

    def newest(self, app: str) -> list[LogLine]:
        """The last hundred lines of a day, in one call: what the API answers without a token (Fly docs, logs API)."""
        return self._page(app, "", None, None)[0]

    def _page(self, app: str, token: str, region: str | None, instance: str | None) -> tuple[list[LogLine], str]:
        params = {"next_token": token} if token else {}
        if region:
            params["region"] = region
        if instance:
            params["instance"] = instance
        answer = self._surfaces.logs.request("GET", f"/api/v1{path('apps', app, 'logs')}", params=params)
        lines = [_line(item) for item in answer.items("data")]
        data = answer.data or {}
        return lines, str((data.get("meta") or {}).get("next_token") or "")


def _identity(line: LogLine) -> str:
    return line.id or f"{line.at}|{line.instance}|{line.message}"


def _line(item: Mapping[str, Any]) -> LogLine:
    """One JSON:API entry, flattened: the proxy's lines carry the request and its answer in `meta`."""
    attributes = item.get("attributes") or {}
    meta = attributes.get("meta") or {}
    http = meta.get("http") or {}
    error = meta.get("error") or {}
    stamp = attributes.get("timestamp") or ""
    return LogLine.model_validate(
        {
            "id": str(item.get("id") or ""),
            "at": parse_rfc3339(stamp) if stamp else 0.0,
            "message": attributes.get("message"),
            "level": attributes.get("level"),
            "instance": attributes.get("instance") or meta.get("instance"),
            "region": attributes.get("region") or meta.get("region"),
            "provider": (meta.get("event") or {}).get("provider"),
            "status": (http.get("response") or {}).get("status_code"),
            "method": (http.get("request") or {}).get("method"),
            "url": (meta.get("url") or {}).get("full"),
            "error_code": str(error.get("code") or ""),
            "error": error.get("message"),
        }
    )
