"""The refusals of Fly's interfaces, in the envelopes their clients read."""

from __future__ import annotations

import json
from typing import Any

from hotops.sandbox.wire import Response


class RefusalError(Exception):
    """A request the twin answers with an error status.

    `text` carries the gRPC-like prefix clients match on (`failed_precondition:`, `aborted:` ...); `code` is the
    Machines API's `status` field (`insufficient_capacity`, `name_taken`), left out when None.
    """

    def __init__(self, status: int, text: str, code: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.code = code
        self.headers = headers or {}

    def reply(self) -> Response:
        """The reply in the Machines API's envelope `{"error", "status"?}` (Machines API, ErrorResponse)."""
        body: dict[str, Any] = {"error": self.text}
        if self.code is not None:
            body["status"] = self.code
        return Response(self.status, {"content-type": "application/json", **self.headers}, json.dumps(body).encode())


def not_found(what: str) -> RefusalError:
    """404 for something that does not exist; flyctl matches the texts "machine not found" and "lease not found"."""
    return RefusalError(404, f"{what} not found")


def invalid(text: str) -> RefusalError:
    """400 for a request that could never succeed."""
    return RefusalError(400, f"invalid_argument: {text}")


def unmet(text: str) -> RefusalError:
    """412 for a request that the present state forbids."""
    return RefusalError(412, f"failed_precondition: {text}")


def json_reply(payload: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON reply."""
    return Response(status, {"content-type": "application/json", **(headers or {})}, json.dumps(payload).encode())


def empty_reply(status: int = 204) -> Response:
    """A reply without a body."""
    return Response(status, {}, b"")
