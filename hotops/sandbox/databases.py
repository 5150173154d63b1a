"""Connecting to a database the way a machine would: real names, mapped addresses, and a word for what went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

CACHE_S = 1.0
CONNECT_TIMEOUT_S = 2


class Connector:
    """A callable that opens a connection for a DSN and says what failed, None if nothing did.

    Names resolve through the map alone ("name:port" to address and port), never through real DNS. Results are kept
    for a second, so that load on the twin does not become load on the database.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, Mapping[str, Any]] = {}
        self._ca_file: str | None = None
        self._known: dict[str, tuple[float, str | None]] = {}
        self._lock = threading.Lock()

    def set_hosts(self, hosts: Mapping[str, Mapping[str, Any]], ca_file: str | None = None) -> None:
        """Replace the map of names; entries hold `address`, `port` and `tls`."""
        with self._lock:
            self._hosts = dict(hosts)
            self._ca_file = ca_file
            self._known.clear()

    def network(self) -> tuple[Mapping[str, Mapping[str, Any]], str | None]:
        """The map of names and the authority's file: what a program inside a machine sees of the network."""
        with self._lock:
            return dict(self._hosts), self._ca_file

    def __call__(self, dsn: str) -> str | None:
        with self._lock:
            known = self._known.get(dsn)
            if known is not None and time.monotonic() - known[0] < CACHE_S:
                return known[1]
            error = self._connect(dsn)
            self._known[dsn] = (time.monotonic(), error)
            return error

    def _connect(self, dsn: str) -> str | None:
        try:
            import psycopg  # an extra: without a database the twin runs without it
            from psycopg.conninfo import conninfo_to_dict
        except ImportError:
            return "DriverMissing"
        try:
            wanted = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:
            return "InvalidDsn"
        if not dsn.startswith(("postgres://", "postgresql://")):
            return "InvalidDsn"
        place = self._hosts.get(f"{wanted.get('host')}:{wanted.get('port') or 5432}")
        if place is None:
            return "UnknownHost"
        options: dict[str, Any] = {
            **wanted,
            "hostaddr": place["address"],
            "port": place["port"],
            "connect_timeout": CONNECT_TIMEOUT_S,
        }
        if not place.get("tls"):
            options["sslmode"] = "disable"
        elif self._ca_file is not None:
            options.setdefault("sslrootcert", self._ca_file)
        try:
            with psycopg.connect(**options) as connection:
                connection.execute("select 1")
        except psycopg.Error as error:
            return type(error).__name__ if error.sqlstate else _class_of(str(error))
        return None


def _class_of(message: str) -> str:
    """A word for a failure libpq tells in text only; the text itself may hold a user name and is not passed on."""
    causes = {
        "password authentication failed": "InvalidPassword",
        "does not exist": "InvalidCatalogName",
        "refused": "ConnectionRefused",
        "timeout": "ConnectionTimeout",
        "SSL": "TlsFailure",
        "certificate": "TlsFailure",
        "too many": "TooManyConnections",
        "MaxClients": "TooManyConnections",
    }
    return next((word for text, word in causes.items() if text in message), "OperationalError")
