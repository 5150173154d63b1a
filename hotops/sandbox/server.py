"""The sandbox's HTTP server: sockets, TLS, delays and broken connections; every decision is the twin's."""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from hotops.sandbox.ca import ServerNames
from hotops.sandbox.wire import Pending, Request, Response

SLICE_S = 0.05
"""A waiting request is looked at this often at least: what it waits for may happen early."""

IDLE_TIMEOUT_S = 120.0
HANDSHAKE_TIMEOUT_S = 10.0
LARGEST_BODY_BYTES = 16 * 1024 * 1024
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost"})

log = logging.getLogger(__name__)

_DEFECT = Response(
    500, {"Content-Type": "application/json", "X-Sandbox-Defect": "1"}, b'{"error": "the sandbox failed; see its log"}'
)
"""A defect of the sandbox, which must not pass for an error of the cloud."""


class Backend(Protocol):
    """What answers requests; called from many threads at once."""

    def handle(self, request: Request, now: float) -> Response | Pending:
        """Answer, or say when to ask again with the same object."""
        ...


class Listener(ThreadingHTTPServer):
    """One loopback port. ``names`` are the hosts that may be asked for on it, besides this computer's own; `*.` before
    one stands for any name right below it.

    ``tls`` encrypts; ``secure`` says that a plain port stands for an encrypted one of the real world: callers asked for
    https. Each connection has its thread, so a delay holds up nobody else.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(
        self, backend: Backend, names: Iterable[str], *, tls: ServerNames | None = None, secure: bool = False
    ) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.backend = backend
        self.tls = tls
        self.secure = secure or tls is not None
        self.stopping = threading.Event()
        self._is_serving = False
        self._names = frozenset(name.lower() for name in names)

    @property
    def port(self) -> int:
        """The port this listens on."""
        return int(self.server_address[1])

    def serve_in_background(self) -> None:
        """Serve from a thread of its own until `stop`."""
        self._is_serving = True
        threading.Thread(target=self.serve_forever, args=(0.1,), name=f"listener-{self.port}", daemon=True).start()

    def stop(self) -> None:
        """Take no more connections; requests that wait end at once."""
        self.stopping.set()
        if self._is_serving:  # else shutdown would wait for a loop that never began
            self.shutdown()
        self.server_close()

    def may_ask_for(self, authority: str) -> str | None:
        """The host name of a Host header where it is one of ours, None where it is foreign.

        A page in a browser can point any name at 127.0.0.1, but it cannot make the browser lie about that name.
        """
        host, _, port = authority.lower().partition(":")
        if host in _LOOPBACK_NAMES:
            return host if port == str(self.port) else None
        if port not in ("", "80", "443", str(self.port)):
            return None
        return host if {host, f"*.{host.partition('.')[2]}"} & self._names else None

    def may_come_from(self, origin: str) -> bool:
        """Whether a request that a page makes comes from one of our own."""
        return self.may_ask_for(urlsplit(origin).netloc) is not None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, in its thread; the TLS handshake happens here so that it blocks nobody."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(HANDSHAKE_TIMEOUT_S)
        with self.tls.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that ended badly is the client's matter; anything else is ours and goes to the log."""
        log.log(logging.DEBUG if _is_wire_error() else logging.ERROR, "connection failed", exc_info=True)


class Conversation(BaseHTTPRequestHandler):
    """One connection with its requests, one after the other."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave in one packet
    disable_nagle_algorithm = True
    timeout = IDLE_TIMEOUT_S
    server: Listener

    def serve(self) -> None:
        """Read one request, have it answered, send the answer or break the connection."""
        body = self._read_body()
        if body is None:
            return
        host = self.server.may_ask_for(self.headers.get("Host", ""))
        if host is None:
            self._refuse(421, "This host name is not served here.")
            return
        origin = self.headers.get("Origin")
        if origin is not None and not self.server.may_come_from(origin):
            self._refuse(403, "Requests from this origin are not accepted.")
            return
        target = urlsplit(self.path)
        request = Request(
            method=self.command,
            host=host,
            path=target.path or "/",
            query=parse_qsl(target.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            tls=self.server.secure,
        )
        response = self._answer(request)
        if response is not None:
            self._deliver(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve  # noqa: N815

    def _answer(self, request: Request) -> Response | None:
        """Ask until there is an answer; None when the client has gone or the sandbox stops."""
        while True:
            now = time.time()
            try:
                answer = self.server.backend.handle(request, now)
            except Exception:
                log.exception("%s %s%s failed", request.method, request.host, request.path)
                return _DEFECT
            if isinstance(answer, Response):
                return answer
            if self.server.stopping.wait(min(SLICE_S, max(0.001, answer.check_at - now))) or self._client_has_gone():
                self.close_connection = True
                return None

    def _deliver(self, response: Response) -> None:
        if response.delay_s > 0 and self.server.stopping.wait(response.delay_s):
            self.close_connection = True
            return
        if response.reset is not None:
            self._reset_connection()
            return
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string())
        announced = False
        for name, value in response.headers.items():
            announced = announced or name.lower() == "content-length"
            self.send_header(name, value)
        bodiless = self.command == "HEAD" or response.status in (204, 304)
        if not announced and response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        if response.truncate:
            self.close_connection = True
        self.end_headers()
        if not bodiless:
            body = response.body
            self.wfile.write(body[: len(body) // 2] if response.truncate else body)
        self.wfile.flush()

    def _read_body(self) -> bytes | None:
        """The whole body, None after a request whose body cannot be read was refused."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if not 0 <= length <= LARGEST_BODY_BYTES:
            self._refuse(413 if length > 0 else 400, "The length of the body is not acceptable.")
            return None
        return self.rfile.read(length) if length else b""

    def _read_chunks(self) -> bytes | None:
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(64).split(b";")[0], 16)
            except ValueError:
                size = -1
            if size < 0 or len(body) + size > LARGEST_BODY_BYTES:
                self._refuse(400, "The chunks of the body are not acceptable.")
                return None
            if size == 0:
                while self.rfile.readline(1024).strip():
                    continue
                return bytes(body)
            body += self.rfile.read(size)
            self.rfile.readline(8)

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True
        headers = {"Content-Type": "application/json", "Connection": "close"}
        self._deliver(Response(status, headers, json.dumps({"error": message}).encode()))

    def _client_has_gone(self) -> bool:
        if self.server.tls is not None:
            return False  # a look without reading is not possible through TLS
        readable, _, _ = select.select([self.connection], [], [], 0)
        if not readable:
            return False
        try:
            waiting: bytes = self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True
        return waiting == b""

    def _reset_connection(self) -> None:
        """End the connection with RST, as a dying host or a dropped route does, without a farewell."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class's name
        """Nothing: the twin keeps the log of calls, and a path may hold what no log should."""


def _is_wire_error() -> bool:
    return isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError, BrokenPipeError))
