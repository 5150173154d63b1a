"""What crosses the wire of the twin: a request, a response, or "not yet"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

Surface = Literal["machines", "graphql", "uiex", "logs", "registry", "proxy", "supabase", "prometheus", "github"]
Effect = Literal["none", "exec", "write"]


@dataclass(slots=True)
class Request:
    """One HTTP request as the twin sees it.

    `path` is decoded no further than the server received it and holds no query; header names are lower case; `host` is
    the name the client asked for (no port). A request that was answered with `Pending` is handed in again as *the
    same object*: the twin keeps in `first_seen_at` and `memory` what it already decided, so that a waiting request
    is counted, limited and broken by a fault only once.
    """

    method: str
    host: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    tls: bool = True
    first_seen_at: float | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def to(
        cls,
        method: str,
        url_host: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        payload: Any = None,
        tls: bool = True,
    ) -> Request:
        """Build a request from a target such as `/v1/apps/shop/machines?summary=true`; `payload` is sent as JSON."""
        path, _, query = target.partition("?")
        content = body if body is not None else (b"" if payload is None else json.dumps(payload).encode())
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        return cls(
            method=method.upper(),
            host=url_host.lower(),
            path=path or "/",
            query=parse_qsl(query, keep_blank_values=True),
            headers=lowered,
            body=content,
            tls=tls,
        )

    def values(self, name: str) -> list[str]:
        """Every value of a query parameter, in order."""
        return [value for key, value in self.query if key == name]

    def value(self, name: str, default: str = "") -> str:
        """The first value of a query parameter, else `default`."""
        return next((value for key, value in self.query if key == name), default)


@dataclass(slots=True)
class Response:
    """One HTTP reply. The server sends it after `delay_s`, or breaks the connection as `reset` and `truncate` say.

    `reset` "before": the connection is reset and nothing was done; "after": it was done, then reset. Both send no byte.
    `truncate`: the headers announce the whole body, half of it is sent, then the connection is closed.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0
    reset: Literal["before", "after"] | None = None
    truncate: bool = False

    def json(self) -> Any:
        """The body as JSON; raises ValueError where it is none."""
        return json.loads(self.body)


@dataclass(slots=True, frozen=True)
class Pending:
    """No answer yet: hand the same request in again at `check_at` (unix seconds) at the latest."""

    check_at: float
