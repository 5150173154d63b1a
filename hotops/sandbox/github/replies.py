"""GitHub's answers: JSON, errors in its envelopes, times, and pages with their Link header."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from hotops.sandbox.wire import Request, Response

HOST = "api.github.com"
DOCS = "https://docs.github.com/rest"
LARGEST_PAGE = 100

T = TypeVar("T")


class RefusalError(Exception):
    """A request that is answered with an error: `{"message", "documentation_url", "status"}`, perhaps `errors`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}

    def reply(self) -> Response:
        """The refusal as it goes on the wire."""
        body: dict[str, Any] = {"message": self.message, "documentation_url": DOCS, "status": str(self.status)}
        if self.errors is not None:
            body["errors"] = list(self.errors)
            del body["status"]  # a validation error has none (GitHub's document, validation-error)
        return json_reply(body, self.status, self.headers)


def not_found() -> RefusalError:
    """404, the same for what does not exist and for what this token may not know of."""
    return RefusalError(404, "Not Found")


def unprocessable(resource: str, field: str, code: str, message: str = "") -> RefusalError:
    """422 with one reason."""
    error = {"resource": resource, "field": field, "code": code, **({"message": message} if message else {})}
    return RefusalError(422, "Validation Failed", errors=[error])


def invalid(message: str) -> RefusalError:
    """422 that says its reason in the message alone."""
    return RefusalError(422, message)


def json_reply(payload: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    content = json.dumps(payload, ensure_ascii=False).encode()
    return Response(status, {"content-type": "application/json; charset=utf-8", **(headers or {})}, content)


def empty_reply(status: int = 204) -> Response:
    """An answer without a body."""
    return Response(status, {}, b"")


def time_of(unix_s: float) -> str:
    """`2026-01-31T10:00:00Z`: GitHub tells whole seconds."""
    return datetime.fromtimestamp(int(unix_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def maybe_time(unix_s: float | None) -> str | None:
    """The same, null where there is no time."""
    return None if unix_s is None else time_of(unix_s)


def api_url(path: str) -> str:
    """The address of a thing in the API."""
    return f"https://{HOST}{path}"


def web_url(path: str) -> str:
    """The address of its page."""
    return f"https://github.com{path}"


def page_of(
    request: Request, items: Sequence[T], show: Callable[[T], Any], *, key: str | None = None, default: int = 30
) -> Response:
    """One page of a list: `{total_count, <key>: […]}`, or the bare list; `Link` leads to the next page."""
    size = min(LARGEST_PAGE, max(1, _number(request, "per_page", default)))
    number = max(1, _number(request, "page", 1))
    shown = [show(item) for item in items[(number - 1) * size : number * size]]
    headers: dict[str, str] = {}
    last = max(1, -(-len(items) // size))
    if number < last:
        headers["link"] = ", ".join(
            f'<{_page_url(request, wanted)}>; rel="{name}"' for name, wanted in (("next", number + 1), ("last", last))
        )
    return json_reply({"total_count": len(items), key: shown} if key else shown, headers=headers)


def _page_url(request: Request, number: int) -> str:
    others = [(name, value) for name, value in request.query if name != "page"]
    return f"{api_url(request.path)}?{urlencode([*others, ('page', str(number))])}"


def _number(request: Request, name: str, default: int) -> int:
    value = request.value(name)
    return int(value) if value.isdigit() else default
