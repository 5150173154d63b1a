"""The one HTTP core of all clients: connections, deadlines, safe retries, limits, typed errors."""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from hotops import __version__
from hotops.core.answer import Answer
from hotops.core.clock import Clock
from hotops.core.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
    RateLimited,
    ServerError,
    Unauthorized,
    WireError,
)
from hotops.core.hidden import hidden_in, refuse_unsendable, unlogged, without
from hotops.core.limiter import Limiter, NoLimiter, Rate
from hotops.core.secret import Secret, scrub
from hotops.core.world import World

USER_AGENT = f"hotops/{__version__}"
#: Repeating these is safe whatever became of the first try.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
READS = frozenset({"GET", "HEAD"})
#: Statuses that say "not now". A 500 is a bug more often than a bad minute: only a read is repeated for it.
TRANSIENT = frozenset({502, 503, 504})
_MAX_ERROR_TEXT = 600


@dataclass(frozen=True)
class Call:
    """One request that went out, as evidence and tests count it. `status` is None where no answer came.

    `clock_ahead_s` is how far this computer's clock is ahead of the cloud's `Date` header, which has whole seconds.
    """

    method: str
    host: str
    path: str
    status: int | None
    request_id: str | None
    duration_s: float
    clock_ahead_s: float | None = None


@dataclass(frozen=True)
class Retry:
    """How often and how patiently a safe request is repeated. A value, so that tests inject their own."""

    attempts: int = 4
    first_s: float = 0.25
    factor: float = 2.0
    cap_s: float = 8.0
    jitter: float = 0.2
    #: Told to wait longer than that, a run says so instead of sitting still.
    longest_wait_s: float = 90.0

    def pause_s(self, attempt: int) -> float:
        return min(self.first_s * self.factor**attempt, self.cap_s) * self._spread()

    def _spread(self) -> float:
        return 1 + random.uniform(-self.jitter, self.jitter)  # noqa: S311 (spreads retries, hides nothing)


#: The surface's own reading of an error body: (status, body, headers) -> (message, code or None).
ReadError = Callable[[int, bytes, Mapping[str, str]], tuple[str, str | None]]
#: Seconds to wait where an answer (status, body, headers, now) is a limit's, None for every other answer.
RateLimitWait = Callable[[int, bytes, Mapping[str, str], float], "float | None"]
#: Turns a general ApiError into a cloud's particular one (a lease, a lack of room).
Refine = Callable[[ApiError], ApiError]


def plain_error(status: int, body: bytes, _headers: Mapping[str, str]) -> tuple[str, str | None]:
    """The `message` or `error` of a JSON body, else the text itself."""
    text = body.decode("utf-8", "replace").strip()
    try:
        data = json.loads(text)
    except ValueError:
        return text[:_MAX_ERROR_TEXT] or f"status {status}", None
    if isinstance(data, dict):
        message = data.get("message") or data.get("error") or data
        code = data.get("status") or data.get("code")
        return str(message)[:_MAX_ERROR_TEXT], code if isinstance(code, str) else None
    return str(data)[:_MAX_ERROR_TEXT], None


def wait_of_429(status: int, _body: bytes, headers: Mapping[str, str], _now: float) -> float | None:
    """The usual form: 429, with the seconds in `Retry-After`; 0 where it names none."""
    if status != 429:
        return None
    seconds = headers.get("retry-after", "")
    return float(seconds) if seconds.replace(".", "", 1).isdigit() else 0.0


@lru_cache(maxsize=4)
def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """One TLS context a process (making one costs 20 ms; forked children share it safely)."""
    if ca_file is None:
        return httpx.create_ssl_context()
    return ssl.create_default_context(cafile=ca_file)


class MappedTransport(httpx.BaseTransport):
    """Real names, sandbox addresses: connects to the mapped address, keeps Host and SNI as the client meant them."""

    def __init__(self, world: World) -> None:
        self._world = world
        verify = tls_context(str(world.ca_file)) if world.ca_file else True
        self._inner = httpx.HTTPTransport(verify=verify, limits=httpx.Limits(max_connections=64), trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        address = self._world.locate(host, port)
        if address is None:
            raise httpx.ConnectError(f"the name {host} does not resolve in this sandbox (port {port})")
        extensions = dict(request.extensions)
        if address.tls:
            extensions["sni_hostname"] = host
        url = request.url.copy_with(scheme="https" if address.tls else "http", host=address.address, port=address.port)
        mapped = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=extensions
        )
        return self._inner.handle_request(mapped)

    def close(self) -> None:
        self._inner.close()


def make_transport(world: World) -> httpx.BaseTransport:
    """The transport for a world: mapped in a sandbox, plain HTTPS otherwise."""
    if world.hosts is not None:
        return MappedTransport(world)
    return httpx.HTTPTransport(verify=tls_context(), limits=httpx.Limits(max_connections=64), trust_env=True)


def warm(ca_file: str | None = None) -> None:
    """Pay once, in a parent, for what each forked worker would pay again: TLS contexts, httpcore's late imports.

    `ca_file` is the sandbox's, where one runs.
    """
    with httpx.Client(verify=tls_context()):
        pass
    if ca_file is not None:
        with contextlib.suppress(OSError):  # gone, or no certificate: who needs it will say so
            tls_context(ca_file)
    "x".encode("idna")


class Http:
    """Requests to one surface of a cloud.

    Retries only what is safe: idempotent methods on connection errors, 502, 503 and 504, reads on 500; any method where
    the request is proven not to have been applied (it never left, or a rate limit). Everything else is raised with
    `applied=None`, for the caller to look before repeating. Safe for use by several threads.
    """

    def __init__(
        self,
        base_url: str,
        *,
        transport: httpx.BaseTransport,
        clock: Clock,
        headers: Mapping[str, str] | None = None,
        limiter: Limiter | None = None,
        retry: Retry | None = None,
        read_error: ReadError = plain_error,
        refine: Refine = lambda error: error,
        rate_limit_wait_s: RateLimitWait = wait_of_429,
        timeout_s: float = 20.0,
        on_call: Callable[[Call], None] | None = None,
        request_id_header: str = "fly-request-id",
    ) -> None:
        self._base_url = base_url
        self._clock = clock
        self._limiter = limiter or NoLimiter()
        self._retry = retry or Retry()
        self._read_error = read_error
        self._refine = refine
        self._rate_limit_wait_s = rate_limit_wait_s
        self._on_call = on_call
        self._request_id_header = request_id_header
        refuse_unsendable(headers or {}, urlsplit(base_url).netloc or "a webhook")
        self._hidden = hidden_in(headers or {})
        # httpx.Client.__init__ would build a TLS context of its own (20 ms) unless it is given one.
        self._client = httpx.Client(
            transport=transport,
            headers={"user-agent": USER_AGENT, **(headers or {})},
            timeout=httpx.Timeout(timeout_s, connect=10.0),
            trust_env=False,
            follow_redirects=False,
        )
        self._guard = threading.Lock()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        limits: tuple[tuple[str, Rate], ...] = (),
        timeout_s: float | None = None,
        idempotent: bool | None = None,
        accept: frozenset[int] = frozenset(),
        follow: bool = False,
        hidden: tuple[Secret, ...] = (),
    ) -> Answer:
        """Send and read one answer. `limits`: the buckets it takes from; `accept`: statuses from 300 on to return;
        `hidden`: secrets in the body, which no error repeats, as it repeats none of the headers.

        Raises the ApiError of the status, or WireError where no usable answer came: a redirect that is neither followed
        nor accepted is none, whatever its body looks like.
        """
        repeatable = method in IDEMPOTENT if idempotent is None else idempotent
        content = None if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if content is not None else {}
        hidden = (*self._hidden, *hidden_in(headers or {}), *hidden)
        attempt = 0
        while True:
            for bucket, rate in limits:
                self._limiter.take(bucket, rate)
            try:
                answer = self._send(
                    method,
                    path,
                    params=params,
                    content=content,
                    headers={**sent, **(headers or {})},
                    timeout_s=timeout_s,
                    follow=follow,
                    hidden=hidden,
                )
                if answer.status < 300 or answer.status in accept:
                    return answer
                if answer.status < 400:
                    raise _sent_elsewhere(method, path, answer)
                error: ApiError | WireError = self._api_error(method, path, answer)
                again = isinstance(error, RateLimited) or (repeatable and answer.status in TRANSIENT)
                again = again or (answer.status == 500 and method in READS)
            except WireError as wire:
                error = wire
                again = wire.applied is False or repeatable
                if wire.failure_code in ("unresolved", "redirected"):
                    again = False
            attempt += 1
            if not again or attempt >= self._retry.attempts:
                raise without(error, hidden)
            wait_s = error.retry_after_s if isinstance(error, RateLimited) and error.retry_after_s else None
            if wait_s is not None and wait_s > self._retry.longest_wait_s:
                raise without(error, hidden)
            self._clock.sleep(wait_s if wait_s is not None else self._retry.pause_s(attempt - 1))

    def close(self) -> None:
        self._client.close()

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        content: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float | None,
        follow: bool,
        hidden: tuple[Secret, ...],
    ) -> Answer:
        url = path if "://" in path else self._base_url + path
        timeout = httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)) if timeout_s else httpx.USE_CLIENT_DEFAULT
        try:
            request = self._client.build_request(
                method, url, params=params, content=content, headers=headers, timeout=timeout
            )
        except httpx.InvalidURL as error:  # neither an HTTPError nor a ValueError
            raise WireError(f"{url!r} is not a URL: {error}.", applied=False, code="unresolved") from error
        started = time.monotonic()
        try:
            with unlogged():
                response = self._client.send(request, follow_redirects=follow)
        except httpx.HTTPError as error:
            self._note(request, None, time.monotonic() - started)
            raise wire_error(error, request.url.host) from error
        took_s = time.monotonic() - started
        self._note(request, response, took_s)
        request_id = response.headers.get(self._request_id_header)
        return Answer(response.status_code, response.headers, response.content, request_id, took_s, hidden)

    def _note(self, request: httpx.Request, response: httpx.Response | None, took_s: float) -> None:
        if self._on_call is not None:
            call = Call(
                request.method,
                request.url.host,
                request.url.path,
                response.status_code if response is not None else None,
                response.headers.get(self._request_id_header) if response is not None else None,
                took_s,
                self._clock_ahead_s(response),
            )
            with self._guard:
                self._on_call(call)

    def _clock_ahead_s(self, response: httpx.Response | None) -> float | None:
        try:
            told = parsedate_to_datetime(response.headers["date"]) if response is not None else None
        except (KeyError, ValueError):
            return None
        return self._clock.now() - told.timestamp() if told is not None else None

    def _api_error(self, method: str, path: str, answer: Answer) -> ApiError:
        message, code = self._read_error(answer.status, answer.body, answer.headers)
        text = f"{method} {path.partition('?')[0]} answered {answer.status}: {answer.shown(message)}"
        wait_s = self._rate_limit_wait_s(answer.status, answer.body, answer.headers, self._clock.now())
        if wait_s is not None:
            return RateLimited(text, status=answer.status, request_id=answer.request_id, retry_after_s=wait_s or None)
        kind = _BY_STATUS.get(answer.status, ServerError if answer.status >= 500 or answer.status == 408 else ApiError)
        details: dict[str, object] = {"cloud_code": code} if code else {}
        return self._refine(
            kind(
                text,
                status=answer.status,
                request_id=answer.request_id,
                details=details,
                remedy=_REMEDIES.get(answer.status, ""),
            )
        )


_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
}

_REMEDIES: Mapping[int, str] = {
    401: "The token is missing, mistyped or expired: make a new one.",
    403: "The token is valid but may not do this: use one that covers this app or organisation.",
    404: "Check the name; with an app-scoped token other apps look absent.",
}


def _sent_elsewhere(method: str, path: str, answer: Answer) -> WireError:
    """A log-in page in between, or a thing that was renamed: what it answers tells nothing about what was asked."""
    target = urlsplit(answer.headers.get("location", ""))
    where = f"{target.netloc}{target.path}" or "nowhere"
    return WireError(
        f"{method} {path.partition('?')[0]} answered {answer.status}: it is sent elsewhere, to {scrub(where)}.",
        remedy="Was it renamed? Then correct the name. Else something stands between hotops and the cloud.",
        code="redirected",
    )


def wire_error(error: httpx.HTTPError, host: str) -> WireError:
    """What a transport error means, and whether the request can have been applied."""
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
        text = str(error)
        if "resolve" in text or "Name or service" in text or "nodename" in text or "No address" in text:
            return WireError(
                f"{host} does not resolve: {text}.",
                remedy="Check the name and the DNS.",
                applied=False,
                code="unresolved",
            )
        if "certificate" in text.lower() or "ssl" in text.lower():
            return WireError(f"TLS with {host} failed: {text}.", applied=False, code="tls")
        return WireError(f"No connection to {host}: {text or type(error).__name__}.", applied=False, code="unreachable")
    if isinstance(error, httpx.TimeoutException):
        return WireError(f"{host} did not answer in time.", applied=None, code="timeout")
    return WireError(
        f"The connection to {host} broke: {str(error) or type(error).__name__}.", applied=None, code="broken"
    )
