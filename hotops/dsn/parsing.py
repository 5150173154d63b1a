"""Reading a connection string exactly as libpq does; what libpq refuses is refused with the place, never the value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hotops.core.errors import UsageError
from hotops.core.secret import Secret
from hotops.dsn.catalogue import finding
from hotops.dsn.connection import Dsn, Host

SCHEMES = ("postgresql://", "postgres://")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


class DsnInvalid(UsageError):
    """A text that is no connection string; `fault` names what is wrong with it (see faults.toml)."""

    code = "dsn_invalid"

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(message, remedy=finding(fault).do, details={"fault": fault})
        self.fault = fault


def parse(text: Secret) -> Dsn:
    """The parts of a connection string in URI or key=value form (libpq, conninfo_parse and conninfo_uri_parse).

    Raises DsnInvalid, which never repeats the text.
    """
    value = text.reveal()
    for scheme in SCHEMES:
        if value.startswith(scheme):
            return _uri(value[len(scheme) :], scheme.removesuffix("://"))
    if "=" in value and "://" not in value.partition("=")[0]:
        return _key_values(value)
    raise DsnInvalid("unknown_scheme", "It begins neither with postgresql:// nor as key=value pairs.")


# --- postgresql://user:…@host:port/database?option=value -------------------------------------------------------


def _uri(rest: str, scheme: str) -> Dsn:
    user = password = None
    ahead = re.match(r"[^@/]*@", rest)
    if ahead:
        userinfo = rest[: ahead.end() - 1]
        rest = rest[ahead.end() :]
        name, colon, secret = userinfo.partition(":")
        user = _decoded(name, "user") if name else None
        password = Secret(_decoded(secret, "password")) if colon else None
    hosts, rest = _hosts(rest)
    database: str | None = None
    if rest.startswith("/"):
        named, mark, after = rest[1:].partition("?")
        database, rest = _decoded(named, "database") or None, mark + after
    options = tuple(_options(rest[1:])) if rest.startswith("?") else ()
    return _gathered(hosts, user, password, database, options, scheme=scheme)


def _hosts(rest: str) -> tuple[list[Host], str]:
    """The hosts with their ports, and what follows them."""
    found: list[Host] = []
    while True:
        if rest.startswith("["):
            name, bracket, rest = rest[1:].partition("]")
            if not bracket or not name or (rest and rest[0] not in ":/?,"):
                raise DsnInvalid(
                    "host_brackets", "An IPv6 address in brackets is not closed, empty, or followed by text."
                )
        else:
            ends = re.match(r"[^:/?,]*", rest)
            name = ends[0] if ends else ""
            rest = rest[len(name) :]
        port = None
        if rest.startswith(":"):
            digits = re.match(r"[^/?,]*", rest[1:])
            given = digits[0] if digits else ""
            rest = rest[1 + len(given) :]
            port = _port(_decoded(given, "port")) if given else None
        found.append(Host(_decoded(name, "host"), port))
        if not rest.startswith(","):
            break
        rest = rest[1:]
    return [host for host in found if host.name or host.port is not None or len(found) > 1], rest


def _options(rest: str) -> Iterator[tuple[str, str]]:
    if not rest:
        return
    for pair in rest.removesuffix("&").split("&"):  # libpq stops where the text ends
        key, equals, value = pair.partition("=")
        if not equals:
            raise DsnInvalid("option_without_value", "An option after the ? has no value.")
        if "=" in value:
            raise DsnInvalid("option_twice_equals", "An option after the ? holds a second =, which has to be %3D.")
        yield _decoded(key, "option"), _decoded(value, "option")


def _decoded(text: str, where: str) -> str:
    """Percent-decoded as libpq does: % needs two hex digits, and + is a plus."""
    if _PERCENT.search(text):
        raise DsnInvalid("percent_malformed", f"A % in the {where} is not followed by two hex digits.")
    raw = re.sub(
        rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode("utf-8", "surrogateescape")
    )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DsnInvalid("percent_malformed", f"What % stands for in the {where} is not UTF-8.") from None


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise DsnInvalid("port_malformed", "The port is not a number from 1 to 65535 (or the password is not encoded).")
    return int(text)


# --- host=… port=… user=… password='…' --------------------------------------------------------------------------------

_PAIR = re.compile(
    r"\s*(?P<key>[^=\s]+)\s*=\s*(?:'(?P<quoted>(?:[^'\\]|\\.)*)'|(?P<plain>(?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*)?)", re.S
)


def _key_values(text: str) -> Dsn:
    options: list[tuple[str, str]] = []
    place = 0
    while text[place:].strip():
        found = _PAIR.match(text, place)
        if not found or (found.end() < len(text) and not text[found.end()].isspace() and found["quoted"] is None):
            raise DsnInvalid("pair_malformed", "It is not made of key=value pairs: a value with blanks needs 'quotes'.")
        value = found["quoted"] if found["quoted"] is not None else found["plain"] or ""
        options.append((found["key"], re.sub(r"\\(.)", r"\1", value, flags=re.S)))
        place = found.end()
    dsn = _gathered([], None, None, None, tuple(options))
    return Dsn(dsn.hosts, dsn.user, dsn.password, dsn.database, dsn.options, "keyvalue")


def _gathered(
    hosts: list[Host],
    user: str | None,
    password: Secret | None,
    database: str | None,
    options: tuple[tuple[str, str], ...],
    *,
    scheme: str = "postgresql",
) -> Dsn:
    """The parts with what stands among the options put in its place: libpq takes `?host=` as it takes `//host`."""
    named = dict(options)
    if "host" in named or "port" in named:
        names = named["host"].split(",") if "host" in named else [host.name for host in hosts] or [""]
        ports = named["port"].split(",") if named.get("port") else []
        if len(ports) not in (0, 1, len(names)):
            raise DsnInvalid("ports_do_not_match", "It names several ports, but not one for each host.")
        given = [_port(port) if port else None for port in ports]
        before = [host.port for host in hosts] if len(hosts) == len(names) else [None] * len(names)
        each = (given * len(names) if len(given) == 1 else given) or before
        hosts = [Host(name, port) for name, port in zip(names, each, strict=True)]
    kept = tuple((key, value) for key, value in options if key not in ("host", "port", "user", "password", "dbname"))
    return Dsn(
        tuple(hosts),
        named.get("user", user),
        Secret(named["password"]) if "password" in named else password,
        named.get("dbname", database),
        kept,
        "uri",
        scheme,
    )
