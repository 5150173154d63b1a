"""An httpx transport straight into the twin: no socket, and time passes on the clock given."""

from __future__ import annotations

from typing import Protocol

import httpx

from hotops.sandbox.twin import Twin
from hotops.sandbox.wire import Pending, Request


class Clock(Protocol):
    """What tells the time (unix seconds) and passes it."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class Transport(httpx.BaseTransport):
    """Hands each request to the twin; waits and latencies are slept on the clock.

    Where the client's read timeout would be over before the answer, that time is slept and httpx.ReadTimeout raised.
    """

    def __init__(self, twin: Twin, clock: Clock) -> None:
        self._twin = twin
        self._clock = clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises httpx.ReadError for a reset, httpx.RemoteProtocolError for a truncated body, httpx.ReadTimeout.
        """
        wired = Request(
            method=request.method,
            host=request.headers.get("host", request.url.host).partition(":")[0],
            path=request.url.raw_path.decode("ascii").partition("?")[0],
            query=list(request.url.params.multi_items()),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.read(),
            tls=request.url.scheme == "https",
        )
        timeout_s = (request.extensions.get("timeout") or {}).get("read")
        deadline = None if timeout_s is None else self._clock.now() + float(timeout_s)
        result = self._twin.handle(wired, self._clock.now())
        while isinstance(result, Pending):
            self._sleep_until(result.check_at, deadline, request)
            result = self._twin.handle(wired, self._clock.now())
        if result.delay_s:
            self._sleep_until(self._clock.now() + result.delay_s, deadline, request)
        if result.reset:
            raise httpx.ReadError("connection reset by peer", request=request)
        if result.truncate:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete body", request=request)
        return httpx.Response(result.status, headers=result.headers, content=result.body, request=request)

    def _sleep_until(self, at: float, deadline: float | None, request: httpx.Request) -> None:
        now = self._clock.now()
        if deadline is not None and at > deadline:
            self._clock.sleep(max(0.0, deadline - now))
            raise httpx.ReadTimeout("the read operation timed out", request=request)
        self._clock.sleep(max(0.0, at - now))
