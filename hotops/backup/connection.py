"""Where a database is reached from: a connection string checked for what a backup needs, and how programs are given it."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hotops.backup.errors import DatabaseFailed, DsnRefused
from hotops.core.errors import MissingExtra
from hotops.core.secret import Secret
from hotops.core.world import World

#: The port on which both poolers of Supabase pool transactions (Supabase docs, "Connect to your database").
TRANSACTION_PORT = 6543
_POOLER = re.compile(r"\.pooler\.supabase\.(com|green)$")
_DIRECT = re.compile(r"^db\.[a-z]{20}\.supabase\.(co|red|com)$")
#: What every session of a backup sets, so that the same value is the same text wherever it is read.
SAME_TEXT = {
    "extra_float_digits": "1",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "timezone": "UTC",
    "client_encoding": "UTF8",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "synchronize_seqscans": "off",
    "search_path": "",
}
#: A connection that a firewall dropped in silence is noticed within a minute.
_KEEPALIVE = {
    "connect_timeout": "15", "keepalives_idle": "20", "keepalives_interval": "10", "keepalives_count": "3",
    "gssencmode": "disable",
}  # fmt: skip


@dataclass(frozen=True)
class Connection:
    """libpq parameters of one database, and its password apart from them."""

    parameters: Mapping[str, str]
    password: Secret = field(repr=False)

    @classmethod
    def parse(cls, dsn: str, world: World, *, named: str = "the connection string") -> Connection:
        """The connection of a direct or session string. Raises DsnRefused: for another kind, or none at all."""
        psycopg = driver()
        if not dsn.strip():
            raise DsnRefused(
                f"{named} is not set.",
                remedy=f"export {named}=postgresql://postgres:…@db.REF.supabase.co:5432/postgres",
            )
        try:
            found = {
                key: str(value) for key, value in psycopg.conninfo.conninfo_to_dict(dsn).items() if value is not None
            }
        except psycopg.ProgrammingError:
            # Not chained: libpq quotes what it could not read.
            raise DsnRefused(
                f"{named} is no PostgreSQL connection string.",
                remedy="postgresql://USER:…@HOST:5432/DATABASE, with the password percent-encoded.",
            ) from None
        password = Secret(found.pop("password", ""))
        for key in ("pgbouncer", "sslpassword"):
            found.pop(key, None)
        refuse(found, password, named)
        port = int(found.get("port", "5432"))
        place = world.locate(found.get("host", ""), port)
        if place is not None:
            found |= {"hostaddr": place.address, "port": str(place.port)}
            found |= {"sslmode": "disable"} if not place.tls else {}
            if place.tls and world.ca_file is not None and found.get("sslmode", "") != "disable":
                found |= {"sslmode": "verify-full", "sslrootcert": str(world.ca_file)}
        elif world.kind == "sandbox" and not _is_this_computer(found):
            raise DsnRefused(
                f"{named} names {found.get('host')}:{port}, which the sandbox has not.", remedy="hotops sandbox status"
            )
        return cls({**_KEEPALIVE, "dbname": "postgres", **found}, password)

    @property
    def database(self) -> str:
        """Name of the database."""
        return self.parameters["dbname"]

    @property
    def place(self) -> str:
        """Where it is, in words without a password."""
        return f"{self.parameters.get('host') or self.parameters.get('hostaddr') or 'local socket'}/{self.database}"

    def to(self, database: str) -> Connection:
        """The same server, another database."""
        return Connection({**self.parameters, "dbname": database}, self.password)

    def open(self, *, autocommit: bool = True, **settings: str) -> Any:
        """A session that writes values in one way everywhere. Raises DatabaseFailed, which says what to do."""
        psycopg = driver()
        try:
            session = psycopg.connect(
                **dict(self.parameters), password=self.password.reveal(), application_name="hotops",
                autocommit=True, prepare_threshold=None,
            )  # fmt: skip
            with session.cursor() as cursor:
                for name, value in {**SAME_TEXT, **settings}.items():
                    cursor.execute("select set_config(%s, %s, false)", (name, value))
            session.autocommit = autocommit
        except psycopg.Error as error:
            raise explained(error, self) from None
        return session

    @contextlib.contextmanager
    def for_programs(self, **settings: str) -> Iterator[Access]:
        """How psql and pg_dump reach it. The password is in memory only, where the system can do that (Linux).

        Elsewhere it is in a file of mode 600, which is removed.
        """
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
        environment |= {"PGAPPNAME": "hotops", "PGCLIENTENCODING": "UTF8"}
        if settings:  # not every pooler takes them: only where a caller asks
            environment["PGOPTIONS"] = " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())
        for key, value in self.parameters.items():
            if variable := _VARIABLES.get(key):
                environment[variable] = value
        word = self.password.reveal().replace("\\", "\\\\").replace(":", "\\:")
        line = f"*:*:*:*:{word}\n".encode()
        if hasattr(os, "memfd_create"):
            handle = os.memfd_create("pass", os.MFD_CLOEXEC)
            try:
                os.fchmod(handle, 0o600)
                os.write(handle, line)
                yield Access({**environment, "PGPASSFILE": f"/proc/self/fd/{handle}"}, (handle,))
            finally:
                os.close(handle)
            return
        with tempfile.NamedTemporaryFile(prefix="hotops-") as file:  # mode 600
            file.write(line)
            file.flush()
            yield Access({**environment, "PGPASSFILE": file.name}, ())


class Access(NamedTuple):
    """What a child program is given: its whole environment, and open files."""

    environment: Mapping[str, str]
    files: tuple[int, ...]


_VARIABLES = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "connect_timeout": "PGCONNECT_TIMEOUT",
    "gssencmode": "PGGSSENCMODE", "channel_binding": "PGCHANNELBINDING", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
}  # fmt: skip


def driver() -> Any:
    """psycopg, with its connection strings. Raises MissingExtra."""
    try:
        import psycopg
        import psycopg.conninfo
    except ImportError:
        raise MissingExtra("Backups need psycopg.", remedy="pip install 'hotops[backup]'") from None
    return psycopg


def refuse(parameters: Mapping[str, str], password: Secret, named: str = "the connection string") -> None:
    """Raise DsnRefused where a session's snapshot and settings would not hold, or the string can't work."""
    host, user, port = (parameters.get(key, "") for key in ("host", "user", "port"))
    pooled = bool(_POOLER.search(host))
    if "," in host or "," in port:
        raise DsnRefused(f"{named} names several hosts: a snapshot is of one server.", remedy="Name the primary only.")
    if port == str(TRANSACTION_PORT):
        raise DsnRefused(
            f"{named} goes to port {TRANSACTION_PORT}, where a pooler hands each transaction to another session: the "
            "snapshot, the settings and the locks of a backup would not hold, and nothing would say so.",
            remedy=f"Same host and user, port 5432{' (the session pooler)' if pooled else ''}.",
        )
    if pooled and "." not in user and "reference=" not in parameters.get("options", ""):
        raise DsnRefused(
            f"{named} goes to the shared pooler as {user or 'nobody'}, without the project: it answers 'Tenant or user not found'.",
            remedy=f"The user is {user or 'postgres'}.REF, port 5432.",
        )
    if _DIRECT.match(host) and "." in user:
        raise DsnRefused(
            f"{named} goes to the direct host as {user}: that is the pooler's form of the name.",
            remedy=f"The user is {user.partition('.')[0]} at db.REF.supabase.co:5432.",
        )
    if host.endswith(".supabase.com") and host.startswith("db."):
        raise DsnRefused(f"{named} ends in .supabase.com.", remedy="The direct host is db.REF.supabase.co.")
    if "YOUR-PASSWORD" in password.reveal():
        raise DsnRefused(f"{named} still holds [YOUR-PASSWORD].", remedy="Put the password there, percent-encoded.")


def explained(error: Exception, connection: Connection) -> DatabaseFailed:
    """A failure of the driver in the operator's words: what it means here, what to do; no value of a row in it."""
    said = " ".join(str(error).split())
    first = said.split(" DETAIL:")[0].split(" CONTEXT:")[0][:300]
    for text, remedy in CAUSES.items():
        if text.lower() in said.lower():
            return DatabaseFailed(f"{connection.place}: {first}", remedy=remedy)
    return DatabaseFailed(f"{connection.place}: {first}", remedy="Run it again: what is done stays done.")


CAUSES = {
    "password authentication failed": "Take the password from the vault again; several wrong ones ban this address.",
    "tenant or user not found": "The pooler's host is not this project's: take it from the dashboard, never compose it.",
    "emaxconnsession": "The session pooler is full: use the direct host, or fewer workers.",
    "network is unreachable": "The direct host is IPv6 only: use the session pooler's host, port 5432.",
    "could not translate host name": "The host does not resolve here: use the session pooler's host, port 5432.",
    "remaining connection slots": "The server has no connection left: use fewer workers.",
    "ssl connection is required": "Add sslmode=verify-full.",
    "no space left on device": "The server's disk is full: nothing more can be written there.",
    "permission denied": "Use the role postgres, or give this one the privilege.",
    "is being accessed by other users": "End the other sessions of that database first.",
}


def _is_this_computer(parameters: Mapping[str, str]) -> bool:
    from hotops.core.world import is_loopback

    host = parameters.get("hostaddr") or parameters.get("host", "")
    return host == "" or host.startswith("/") or is_loopback(host)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ") if value else "''"
