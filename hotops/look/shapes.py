"""The shape of a reply: which fields it has and of which kind, without one value."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

#: Objects whose keys are names that somebody chose, or values: only what they hold is told.
_FREE = frozenset(
    {"env", "metadata", "labels", "Labels", "guest_path", "headers", "details", "definition", "user_config"}
)
#: What names a thing in a path: an app, a machine, a digest, a project, a repository.
_NAMES_BEFORE = frozenset(
    {"apps", "machines", "orgs", "projects", "repos", "manifests", "prometheus", "certificates", "v2"}
)
_ID = re.compile(r"[0-9a-f]{12,}|sha256:[0-9a-f]+|[a-z]{20}")

Shape = Any


def shape_of(value: Any, *, free: bool = False) -> Shape:
    """`{"id": "text", "checks": [{"name": "text"}]}`: lists as one item that has all fields of all items."""
    if isinstance(value, dict):
        if free:
            return {"*": merged([shape_of(item) for item in value.values()])} if value else {}
        return {str(key): shape_of(item, free=key in _FREE) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [merged([shape_of(item) for item in value])] if value else []
    return {bool: "boolean", int: "number", float: "number", str: "text", type(None): "null"}.get(type(value), "other")


def merged(shapes: list[Shape]) -> Shape:
    """One shape that holds them all; kinds that differ stand side by side as `null or text`."""
    if not shapes:
        return "nothing"
    if all(isinstance(shape, dict) for shape in shapes):
        keys = sorted({key for shape in shapes for key in shape})
        return {key: merged([shape[key] for shape in shapes if key in shape]) for key in keys}
    if all(isinstance(shape, list) for shape in shapes):
        inner = [item for shape in shapes for item in shape]
        return [merged(inner)] if inner else []
    words = sorted({shape if isinstance(shape, str) else json.dumps(shape, sort_keys=True) for shape in shapes})
    return " or ".join(words)


def route_of(request: httpx.Request) -> str:
    """`GET api.machines.dev/v1/apps/*/machines`: the path without names."""
    parts = request.url.path.split("/")
    plain = [
        "*" if at and (parts[at - 1] in _NAMES_BEFORE or _ID.fullmatch(part)) and part else part
        for at, part in enumerate(parts)
    ]
    return f"{request.method} {request.url.host}{'/'.join(plain)}"


class Recording(httpx.BaseTransport):
    """Hands requests on and keeps the shape of each JSON reply by its route; refuses whatever is no read."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.shapes: dict[str, Shape] = {}
        self.statuses: dict[str, set[int]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_query = request.method == "POST" and request.url.path.endswith("/graphql")
        if request.method not in ("GET", "HEAD") and not is_query:
            raise AssertionError(f"a look would have sent {request.method} {request.url.path}")
        response = self._inner.handle_request(request)
        content = response.read()
        route = route_of(request)
        self.statuses.setdefault(route, set()).add(response.status_code)
        if response.status_code < 400 and content:
            self._keep(route, content)
        headers = [(k, v) for k, v in response.headers.raw if k.lower() not in (b"content-encoding", b"content-length")]
        return httpx.Response(response.status_code, headers=headers, content=content, request=request)

    def _keep(self, route: str, content: bytes) -> None:
        try:
            found = shape_of(json.loads(content))
        except ValueError:
            found = "no JSON"
        known = self.shapes.get(route)
        self.shapes[route] = found if known is None else merged([known, found])

    def close(self) -> None:
        self._inner.close()
