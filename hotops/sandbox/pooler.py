"""The shared pooler of a region: speaks Supavisor's user names and errors, before PostgreSQL and PgBouncer.

Port 5432 is session mode: a client is one connection of PostgreSQL's, as many as the pool has. Port 6543 is transaction
mode: PgBouncer's, which lends a connection for one transaction. Logging in is between client and database (SCRAM passes
through); what stands in front is the project's name, TLS, and the limits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hotops.sandbox.ca import Authority, server_context_of

SESSION_PORT, TRANSACTION_PORT = 5432, 6543
#: Of the smallest compute (Management API, config/database/pooler; Supabase docs, compute and disk).
POOL_SIZE, MAX_CLIENTS = 15, 200
HELLO_TIMEOUT_S = 10.0

_SSL, _GSS, _CANCEL, _VERSION = 80877103, 80877104, 80877102, 196608
_LONGEST_HELLO = 10_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Upstream:
    """Where one project's connections go: PostgreSQL itself, and PgBouncer where there is one (0: there is none)."""

    address: str
    session_port: int = SESSION_PORT
    transaction_port: int = 0


@dataclass(frozen=True)
class Refused(Exception):
    """What the pooler tells a client, with its SQLSTATE (supabase/supavisor, lib/supavisor/errors)."""

    message: str
    sqlstate: str = "XX000"


def no_identifier() -> Refused:
    """A user name without a project's ref."""
    return Refused("(ENOIDENTIFIER) no tenant identifier provided (external_id or sni_hostname required)")


def not_found(user: str, ref: str) -> Refused:
    """A project that this pooler does not serve."""
    return Refused(f"(ENOTFOUND) tenant/user {user}.{ref} not found")


def session_full(size: int) -> Refused:
    """More clients in session mode than the pool has connections."""
    return Refused(
        f"(EMAXCLIENTSESSION) max clients reached in session mode - max clients are limited to pool_size: {size}"
    )


def clients_full(limit: int) -> Refused:
    """More clients in transaction mode than the compute takes."""
    return Refused(f"(EMAXCLIENTCONN) max client connections reached, limit: {limit}")


@dataclass
class Pooler:
    """One host's pooler, on one loopback address. ``find`` tells a project's upstream by its ref, None if unknown."""

    host: str
    address: str
    authority: Authority
    find: Callable[[str], Upstream | None]
    scratch_dir: Path
    transactions: bool
    clients: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    @property
    def ports(self) -> tuple[int, ...]:
        """Session mode always, transaction mode where PgBouncer is there."""
        return (SESSION_PORT, TRANSACTION_PORT) if self.transactions else (SESSION_PORT,)

    def start(self) -> None:
        """Listen on its ports, from a thread of its own. Raises: OSError."""
        started: threading.Event = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._serve(started))
            except OSError as error:
                failure.append(error)
                started.set()

        self._thread = threading.Thread(target=run, name=f"pooler-{self.address}", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            raise failure[0]

    def stop(self) -> None:
        """Take no more connections and drop those that are open."""
        loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            loop.call_soon_threadsafe(self._over.set)
            self._thread.join(5)

    async def _serve(self, started: threading.Event) -> None:
        self._over = asyncio.Event()
        tls = server_context_of(self.authority.issue([self.host, self.address]), self.scratch_dir)
        servers = []
        for port in self.ports:

            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = port) -> None:
                await self._talk(reader, writer, port, tls)

            servers.append(await asyncio.start_server(talk, self.address, port, backlog=256))
        self._loop = asyncio.get_running_loop()
        started.set()
        await self._over.wait()
        for server in servers:
            server.close()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, tls: ssl.SSLContext
    ) -> None:
        """One client from its first byte to its last."""
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                hello = await _hello(reader, writer, tls)
            if hello is not None:
                await self._connected(reader, writer, hello, port)
        except Refused as refusal:
            writer.write(_error(refusal))
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            log.debug("a client of the pooler is gone: %s", type(error).__name__)
        finally:
            writer.close()

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: dict[str, str], port: int
    ) -> None:
        role, ref = _tenant(hello)
        upstream = self.find(ref)
        if upstream is None:
            raise not_found(role, ref)
        key = (ref, role, port)
        limit = POOL_SIZE if port == SESSION_PORT else MAX_CLIENTS
        if self.clients[key] >= limit:
            raise session_full(limit) if port == SESSION_PORT else clients_full(limit)
        self.clients[key] += 1
        try:
            there = upstream.session_port if port == SESSION_PORT else upstream.transaction_port
            up_reader, up_writer = await asyncio.open_connection(upstream.address, there)
            try:
                up_writer.write(_startup({**hello, "user": role}))
                await _both_ways((reader, up_writer), (up_reader, writer))
            finally:
                up_writer.close()
        finally:
            self.clients[key] -= 1


def _tenant(hello: Mapping[str, str]) -> tuple[str, str]:
    """Role and project of a user name `role.ref`, or of `options=reference=ref`. Raises Refused."""
    user = hello.get("user", "")
    role, dot, ref = user.rpartition(".")
    if dot:
        return role, ref
    named = re.search(r"(?:^|\s|-c\s*)reference=(\S+)", hello.get("options", ""))
    if named is None:
        raise no_identifier()
    return user, named[1]


async def _hello(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ssl.SSLContext
) -> dict[str, str] | None:
    """What a client says of itself first, once TLS is settled; None for one that only wants something cancelled."""
    while True:
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        if not 8 <= length <= _LONGEST_HELLO:
            raise ValueError("no startup message")
        body = await reader.readexactly(length - 4)
        (code,) = struct.unpack("!I", body[:4])
        if code == _SSL:
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(tls)
        elif code == _GSS:
            writer.write(b"N")
        elif code == _CANCEL:
            return None
        elif code == _VERSION:
            words = [part.decode() for part in body[4:].split(b"\0")]
            return dict(zip(words[::2], words[1::2], strict=False))
        else:
            raise Refused("unsupported frontend protocol", "0A000")


def _startup(said: Mapping[str, str]) -> bytes:
    """The startup message for the server behind: the project is no business of it."""
    kept = dict(said)
    if "reference=" in kept.get("options", ""):
        del kept["options"]
    words = b"".join(f"{key}\0{value}\0".encode() for key, value in kept.items() if key)
    return struct.pack("!II", 9 + len(words), _VERSION) + words + b"\0"


def _error(refusal: Refused) -> bytes:
    fields = {"S": "FATAL", "V": "FATAL", "C": refusal.sqlstate, "M": refusal.message}
    body = b"".join(f"{key}{value}\0".encode() for key, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!I", 4 + len(body)) + body


async def _both_ways(*pairs: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Carry bytes in both directions until one side has ended."""
    tasks = [asyncio.create_task(_carry(reader, writer)) for reader, writer in pairs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
