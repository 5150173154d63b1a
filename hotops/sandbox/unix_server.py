"""The sandbox on a Unix socket: for a client that takes no server's address, but a socket to reach all of them by."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

from hotops.sandbox.server import Backend, Conversation, Listener

LONGEST_PATH = 100
"""A socket's address holds 108 bytes (unix(7))."""


class LocalConversation(Conversation):
    """One connection over the socket, which has no TCP to tune."""

    disable_nagle_algorithm = False


class UnixListener(Listener):
    """A socket in a private folder. Callers ask for real names, and for https, though nothing is encrypted here."""

    address_family = socket.AF_UNIX

    def __init__(self, backend: Backend, names: Iterable[str], path: Path) -> None:
        ThreadingMixIn.__init__(self)
        path.unlink(missing_ok=True)
        UnixStreamServer.__init__(self, str(path), LocalConversation)  # type: ignore[type-var]
        path.chmod(0o600)
        self.backend = backend
        self.tls = None
        self.secure = True
        self.stopping = threading.Event()
        self._path = path
        self._is_serving = False
        self._names = frozenset(name.lower() for name in names)

    @property
    def port(self) -> int:
        """It has none, so that no name with a port is its own."""
        return -1

    def server_bind(self) -> None:
        """Bind; an HTTP server would look its own name up in the DNS."""
        UnixStreamServer.server_bind(self)

    def serve_in_background(self) -> None:
        """Serve from a thread of its own until `stop`."""
        self._is_serving = True
        threading.Thread(target=self.serve_forever, args=(0.1,), name="listener-unix", daemon=True).start()

    def stop(self) -> None:
        """Take no more connections, and remove the socket."""
        super().stop()
        self._path.unlink(missing_ok=True)


def fits(path: Path) -> bool:
    """Whether a socket can have this path."""
    return len(os.fsencode(path)) <= LONGEST_PATH
