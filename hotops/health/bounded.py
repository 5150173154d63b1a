"""A transport that reads no more of an answer than somebody wants to judge, and for no longer than allowed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx


class BoundedTransport(httpx.BaseTransport):
    """Reads at most so many bytes of a body, and for no longer than the timeout: httpx bounds single reads only."""

    def __init__(self, inner: httpx.BaseTransport, limit_bytes: int) -> None:
        self._inner = inner
        self._limit_bytes = limit_bytes

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        started = time.monotonic()
        response = self._inner.handle_request(request)
        allowed_s = (request.extensions.get("timeout") or {}).get("read")
        deadline = None if allowed_s is None else started + float(allowed_s)
        stream = response.stream
        if not isinstance(stream, httpx.SyncByteStream):
            return response
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_BoundedStream(stream, self._limit_bytes, deadline),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._inner.close()


class _BoundedStream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, limit_bytes: int, deadline: float | None) -> None:
        self._inner = inner
        self._left = limit_bytes
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            yield chunk[: self._left]
            self._left -= len(chunk)
            if self._left <= 0:
                return
            if self._deadline is not None and time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("the body came too slowly")

    def close(self) -> None:
        self._inner.close()
