"""A connection string as data, and written as text again: URI or key=value form, by libpq's own rules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote

from hotops.core.secret import Secret

#: libpq, "Connection URIs" and "Parameter Key Words" (PostgreSQL 17 documentation, 32.1).
DEFAULT_PORT = 5432
LIBPQ_OPTIONS = frozenset(
    """
    host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout client_encoding
    options application_name fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count
    tcp_user_timeout replication gssencmode sslmode requiressl sslnegotiation sslcompression sslcert sslkey sslpassword
    sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version ssl_max_protocol_version
    krbsrvname gsslib gssdelegation service target_session_attrs load_balance_hosts ssl
    """.split()  # noqa: SIM905 (fifty lines of one word each say it no better)
)
#: Switches of clients that are no libpq: Prisma's, and those of drivers that read URLs themselves.
CLIENT_OPTIONS = frozenset(
    """
    pgbouncer connection_limit pool_timeout schema socket_timeout statement_cache_size sslaccept sslidentity
    prepared_statements pool prepareThreshold max_connections pool_mode supa
    """.split()  # noqa: SIM905
)
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: Options whose values say nothing that has to stay hidden.
SHOWN_OPTIONS = frozenset({"sslmode", "pgbouncer", "connection_limit"})

_ROLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_$-]{0,62}(\.[a-z]{20})?$")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"^(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?$")
_IPV6 = re.compile(r"^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9]+)?$")

Form = Literal["uri", "keyvalue"]


@dataclass(frozen=True)
class Host:
    """One place to connect to; `port` is None where the text names none (libpq then takes 5432)."""

    name: str
    port: int | None = None

    @property
    def is_ipv6(self) -> bool:
        """An IPv6 address, which a URI has to put in brackets."""
        return bool(_IPV6.match(self.name))

    @property
    def is_plausible(self) -> bool:
        """A name, an address or a socket's folder, and not a piece of something else that may be a password."""
        return self.name.startswith("/") or self.is_ipv6 or bool(_HOST_NAME.match(self.name))

    def shown(self) -> str:
        """For eyes."""
        if not self.is_plausible:
            return "(no host name)"
        name = f"[{self.name}]" if self.is_ipv6 else self.name
        return f"{name}:{self.port or DEFAULT_PORT}"


@dataclass(frozen=True)
class Dsn:
    """A connection string's parts. Shows host, port, user and database only; the password is a Secret."""

    hosts: tuple[Host, ...] = ()
    user: str | None = None
    password: Secret | None = None
    database: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    form: Form = "uri"
    scheme: str = "postgresql"

    def __repr__(self) -> str:
        return f"Dsn({self.shown()})"

    @property
    def host(self) -> str:
        """The first host's name, empty if there is none."""
        return self.hosts[0].name if self.hosts else ""

    @property
    def port(self) -> int:
        """The first host's port."""
        return (self.hosts[0].port if self.hosts else None) or DEFAULT_PORT

    @property
    def role(self) -> str:
        """The database role: a pooler's user without the project's ref."""
        return split_user(self.user or "")[0]

    @property
    def ref(self) -> str | None:
        """The project's ref in the user name, as Supavisor wants it."""
        return split_user(self.user or "")[1]

    def option(self, name: str) -> str | None:
        """The last value of an option, as libpq takes it."""
        return next((value for key, value in reversed(self.options) if key == name), None)

    def with_options(self, changes: dict[str, str | None]) -> Dsn:
        """The same with some options set (in their place, else at the end), or gone where the value is None."""
        kept = [(key, changes.get(key, value)) for key, value in self.options if changes.get(key, "") is not None]
        there = {key for key, _ in kept}
        kept += [(key, value) for key, value in changes.items() if value is not None and key not in there]
        unique = dict(kept)
        return replace(self, options=tuple((key, str(value)) for key, value in unique.items()))

    def text(self) -> Secret:
        """Written out; everything that a URI has to escape is escaped."""
        return Secret(self._uri() if self.form == "uri" else self._key_values())

    def shown(self) -> str:
        """User, host, port and database, and the switches that matter; never the password, never anything unknown."""
        user = "(no user)" if not self.user else "(unusual user)"
        if self.user and _ROLE.match(self.user) and self.password is not None:
            user = self.user  # alone, what stands in the user's place may be a password that lost its user
        hosts = ",".join(host.shown() for host in self.hosts) or "(no host)"
        database = self.database if self.database and re.fullmatch(r"[\w-]{1,63}", self.database) else "(…)"
        told = "&".join(
            f"{key}={value}"
            for key, value in self.options
            if key in SHOWN_OPTIONS and re.fullmatch(r"[\w-]{1,20}", value)
        )
        return f"{user}@{hosts}/{database if self.database else '(no database)'}{'?' + told if told else ''}"

    def _uri(self) -> str:
        userinfo = ""
        if self.user is not None or self.password is not None:
            secret = f":{quote(self.password.reveal(), safe='')}" if self.password is not None else ""
            userinfo = f"{quote(self.user or '', safe='')}{secret}@"
        database = "" if self.database is None else f"/{quote(self.database, safe='')}"
        options = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in self.options)
        hosts = ",".join(map(_in_uri, self.hosts))
        return f"{self.scheme}://{userinfo}{hosts}{database}{'?' + options if options else ''}"

    def _key_values(self) -> str:
        pairs: list[tuple[str, str]] = []
        if self.hosts:
            pairs.append(("host", ",".join(host.name for host in self.hosts)))
            if any(host.port is not None for host in self.hosts):
                pairs.append(("port", ",".join("" if host.port is None else str(host.port) for host in self.hosts)))
        known = (("user", self.user), ("dbname", self.database))
        pairs += [(key, value) for key, value in known if value is not None]
        if self.password is not None:
            pairs.append(("password", self.password.reveal()))
        return " ".join(f"{key}={_quoted(value)}" for key, value in [*pairs, *self.options])


def split_user(user: str) -> tuple[str, str | None]:
    """Role and ref of a user name: `postgres.<ref>` is how Supavisor finds the project."""
    role, dot, ref = user.rpartition(".")
    return (role, ref) if dot and re.fullmatch(r"[a-z]{20}", ref) else (user, None)


def names_of(hosts: Iterable[Host]) -> list[str]:
    """The hosts' names."""
    return [host.name for host in hosts]


def _in_uri(host: Host) -> str:
    name = f"[{host.name}]" if host.is_ipv6 else quote(host.name, safe="")
    return name if host.port is None else f"{name}:{host.port}"


def _quoted(value: str) -> str:
    if value and not re.search(r"[\s'\\]", value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
