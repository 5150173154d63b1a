"""A transport that reads no more of an answer than somebody wants to judge, and for no longer than allowed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx

from hotops.core.clock import Clock, SystemClock


def stopwatch(clock: Clock) -> Callable[[], float]:
    """Seconds since now, on the run's clock; the system's may be set meanwhile, so the monotonic one stands in."""
    if isinstance(clock, SystemClock):
        began = time.monotonic()
        return lambda: time.monotonic() - began
    start = clock.now()
    return lambda: clock.now() - start


class BoundedTransport(httpx.BaseTransport):
    """Reads at most so many bytes of a body, and for no longer than the timeout: httpx bounds single reads only."""

    def __init__(self, inner: httpx.BaseTransport, limit_bytes: int, clock: Clock) -> None:
        self._inner = inner
        self._limit_bytes = limit_bytes
        self._clock = clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        elapsed_s = stopwatch(self._clock)
        response = self._inner.handle_request(request)
        allowed_s = (request.extensions.get("timeout") or {}).get("read")
        stream = response.stream
        if not isinstance(stream, httpx.SyncByteStream):
            return response
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_BoundedStream(stream, self._limit_bytes, elapsed_s, allowed_s),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._inner.close()


class _BoundedStream(httpx.SyncByteStream):
    def __init__(
        self,
        inner: httpx.SyncByteStream,
        limit_bytes: int,
        elapsed_s: Callable[[], float],
        allowed_s: float | None,
    ) -> None:
        self._inner = inner
        self._left = limit_bytes
        self._elapsed_s, self._allowed_s = elapsed_s, allowed_s

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            yield chunk[: self._left]
            self._left -= len(chunk)
            if self._left <= 0:
                return
            if self._allowed_s is not None and self._elapsed_s() > self._allowed_s:
                raise httpx.ReadTimeout("the body came too slowly")

    def close(self) -> None:
        self._inner.close()
