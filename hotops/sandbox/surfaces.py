"""The port of the clouds' interfaces, and beside them the sandbox's own controls behind their token."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

from hotops.sandbox.control import Control
from hotops.sandbox.projects import Databases
from hotops.sandbox.twin import Twin
from hotops.sandbox.wire import Pending, Request, Response

CONTROL_PREFIX = "/_sandbox"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost")


class ApiSurfaces:
    """The twin's clouds on their own names, the control interface on this computer's.

    ``before_reset`` runs before the twin is seeded anew, ``stop`` when a shutdown is asked for.
    """

    def __init__(
        self,
        twin: Twin,
        token: str,
        *,
        databases: Databases,
        before_reset: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        self._twin = twin
        self._controls = Control(twin)
        self._token = token
        self._databases = databases
        self._before_reset = before_reset
        self._stop = stop

    def handle(self, request: Request, now: float) -> Response | Pending:
        """Answer one request."""
        if request.host in _LOOPBACK_NAMES and request.path.startswith(f"{CONTROL_PREFIX}/"):
            return self._control(request, now)
        return self._twin.handle(request, now)

    def _control(self, request: Request, now: float) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token.encode()):
            return _reply(401, {"error": "The control token is missing or wrong."})
        action = (request.method, request.path.removeprefix(f"{CONTROL_PREFIX}/"))
        if action == ("POST", "shutdown"):
            self._stop()
            return _reply(202, {"ok": True})
        if action == ("POST", "reset"):
            self._before_reset()
        if action == ("POST", "database"):
            return self._break_database(json.loads(request.body or b"{}"))
        return self._controls.handle(request, now)

    def _break_database(self, payload: dict[str, Any]) -> Response:
        """`{"ref", "do": "lose"}`: the project's server and disk are gone, its archive is not."""
        database = self._databases.find(str(payload.get("ref")))
        if database is None:
            return _reply(404, {"error": f"no project {payload.get('ref')!r}"})
        if payload.get("do") != "lose":
            return _reply(400, {"error": f"do: {payload.get('do')!r} is not lose"})
        self._databases.lose(database)
        return _reply(200, {"ok": True})


def _reply(status: int, payload: dict[str, Any]) -> Response:
    return Response(status, {"Content-Type": "application/json"}, json.dumps(payload).encode())
