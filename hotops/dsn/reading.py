"""Reading what somebody pasted: finds what is wrong with the text, and what was most likely meant."""

from __future__ import annotations

import base64
import binascii
import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote

from hotops.core.secret import Secret
from hotops.dsn.connection import CLIENT_OPTIONS, LIBPQ_OPTIONS, SSL_MODES, Dsn
from hotops.dsn.parsing import DsnInvalid, parse

#: What may follow the @ that ends the user's part: hosts with ports, a database, options.
_TAIL = re.compile(
    r"^(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.%-]*)(?::[^/?#@,]*)?(?:,(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+)(?::\d*)?)*"
    r"(?:/[^/?#@]*)?(?:\?[^@]*)?$"
)
_BARE_IPV6 = re.compile(
    r"^(?P<host>(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|[0-9A-Fa-f:]*::[0-9A-Fa-f:]*?)"
    r"(?P<port>:(?:5432|6543))?(?P<rest>[/?].*|)$"
)
_NOT_ENCODED = re.compile(r"[@/?#\[\]\s%]")
_WRAPPED = re.compile(r"^(?P<mark>['\"`])(?P<inside>.*)(?P=mark)$", re.S)
_ASSIGNED = re.compile(
    r"^(?:export\s+)?(?P<key>[A-Z][A-Z0-9_]*)=(?P<value>['\"]?(?:postgres|mysql|https?|jdbc).*)$", re.S
)
_UNSEEN = re.compile("[\u00a0\u200b-\u200f\u2028-\u202f\u2060\ufeff\u2018\u2019\u201c\u201d]")
_SCHEME = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):/{0,3}(?P<rest>.*)$", re.S)
_DRIVERS = re.compile(r"^postgres(?:ql)?\+[a-z0-9_]+$")
_PLACEHOLDER = re.compile(
    r"^(?:\[[^\]]*\]|<[^>]*>|\{\{.*\}\}|your[-_ ]?(?:db[-_ ]?)?password|change[-_]?me|placeholder|password|xxx+|todo)$"
    r"|_placeholder_",
    re.I,
)
_MASKED = re.compile(r"^(?:\*{3,}|•{3,}|x{6,}|\[?redacted\]?|<redacted>|\[masked\]|\(hidden\))$", re.I)
_UNRESOLVED = re.compile(r"^\$(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Z][A-Z_]{3,})$|^\$?\{\{.*\}\}$")
_API_KEY = re.compile(r"^(?:eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{4,}|sb_(?:secret|publishable)_|sbp_)")
_NOT_A_DSN: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("api_key_given", _API_KEY),
    ("masked_value", _MASKED),
    ("unresolved_reference", _UNRESOLVED),
    ("digest_given", re.compile(r"^(?:sha256:)?[0-9a-f]{16}(?:[0-9a-f]{16}){0,3}$")),
)


@dataclass(frozen=True)
class Reading:
    """What a text was taken for: a connection string (None where that is not to be known), and its faults by code."""

    dsn: Dsn | None
    faults: tuple[str, ...] = ()


def read(text: Secret) -> Reading:
    """Take a text for the connection string that was most likely meant, and name what is wrong with it."""
    faults: list[str] = []
    value = _peeled(text.reveal(), faults)
    if not value:
        return Reading(None, (*faults, "empty"))
    for fault, pattern in _NOT_A_DSN:
        if pattern.search(value):
            return Reading(None, (*faults, fault))
    decoded = _in_base64(value)
    if decoded is not None:
        faults.append("base64_given")
        value = _peeled(decoded, faults)
    value, right_scheme = _with_scheme(value, faults)
    if not right_scheme:
        return Reading(None, tuple(faults))
    dsn = _parsed(value, faults)
    if dsn is None:
        return Reading(None, tuple(faults))
    dsn = _complete(dsn, faults)
    return Reading(dsn, tuple(dict.fromkeys(faults)))


# --- the text ---------------------------------------------------------------------------------------------------------


def _peeled(value: str, faults: list[str]) -> str:
    """Without what was copied along: blanks, line ends, quotes, a name before it, characters that nobody sees."""
    steps: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("unseen_characters", lambda text: _UNSEEN.sub("", text)),
        ("blanks_around", str.strip),
        ("name_before_value", lambda text: found["value"] if (found := _ASSIGNED.match(text)) else text),
        ("quotes_around", lambda text: found["inside"] if (found := _WRAPPED.match(text)) else text),
        ("blanks_around", str.strip),
    )
    for fault, step in steps:
        peeled = step(value)
        if peeled != value:
            faults.append(fault)
            value = peeled
    return value


def _in_base64(value: str) -> str | None:
    if not re.fullmatch(r"[A-Za-z0-9+/_-]{24,}={0,2}", value):
        return None
    try:
        plain = base64.b64decode(value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return plain if plain.startswith(("postgres://", "postgresql://")) else None


def _with_scheme(value: str, faults: list[str]) -> tuple[str, bool]:
    """The text with the scheme that libpq knows, and whether it is about PostgreSQL at all."""
    if value.startswith("jdbc:"):
        faults.append("jdbc_scheme")
        value = value.removeprefix("jdbc:")
    found = _SCHEME.match(value)
    if not found or re.match(r"^\s*[a-z_]+\s*=", value):
        if "=" in value and re.search(r"\b(?:host|dbname|user)\s*=", value):
            return value, True
        faults.append("no_scheme" if "@" in value else "not_a_connection_string")
        return f"postgresql://{value}", "@" in value
    scheme = found["scheme"]
    if scheme in ("postgres", "postgresql") and value.startswith(f"{scheme}:/"):
        if not value.startswith(f"{scheme}://"):
            faults.append("slashes_after_scheme")
        return f"{scheme}://{found['rest']}", True
    if "@" in found["rest"] and not value.startswith(f"{scheme}://"):
        faults.append("no_scheme")  # postgres.ref:password@host: what looks like a scheme is the user
        return f"postgresql://{value}", True
    fault = _fault_of_scheme(scheme.lower())
    faults.append(fault)
    is_ours = fault in ("driver_in_scheme", "scheme_in_capitals", "scheme_misspelt")
    return (f"postgresql://{found['rest']}", True) if is_ours else (value, False)


def _fault_of_scheme(scheme: str) -> str:
    if _DRIVERS.match(scheme):
        return "driver_in_scheme"
    if scheme in ("postgres", "postgresql"):
        return "scheme_in_capitals"
    if scheme in ("http", "https"):
        return "web_address_given"
    if scheme in ("prisma", "prisma+postgres"):
        return "accelerate_address_given"
    close = difflib.get_close_matches(scheme, ("postgresql", "postgres", "psql"), n=1, cutoff=0.75)
    return "scheme_misspelt" if close or scheme in ("pg", "pgsql") else "other_database"


# --- the parts --------------------------------------------------------------------------------------------------------


def _parsed(value: str, faults: list[str]) -> Dsn | None:
    if "://" not in value.partition("=")[0] and not value.startswith(("postgres://", "postgresql://")):
        return _strictly(value, faults)
    mended = _mended(value, faults)
    return _strictly(mended, faults)


def _strictly(value: str, faults: list[str]) -> Dsn | None:
    try:
        return parse(Secret(value))
    except DsnInvalid as error:
        faults.append(error.fault)
        return None


def _mended(value: str, faults: list[str]) -> str:
    """The URI with its user's part encoded, an IPv6 host in brackets, and cut-off options gone."""
    scheme, _, rest = value.partition("://")
    before, at, after = "", "", rest
    marks = [index for index, character in enumerate(rest) if character == "@"]
    place = next((index for index in reversed(marks) if _TAIL.match(rest[index + 1 :])), -1)
    if place >= 0:
        before, at, after = rest[:place], "@", rest[place + 1 :]
        before = _encoded_userinfo(before, faults)
    elif "@" in rest:
        before, at, after = rest.rpartition("@")
        before = _encoded_userinfo(before, faults)
    bare = _BARE_IPV6.match(after)
    if bare:
        faults.append("ipv6_without_brackets")
        after = f"[{bare['host']}]{bare['port'] or ''}{bare['rest']}"
    if "#" in after:
        faults.append("text_after_hash")
        after = after.partition("#")[0]
    place_part, mark, options = after.partition("?")
    if mark:
        options = _whole_options(options, faults)
        after = place_part + ("?" + options if options else "")
    return f"{scheme}://{before}{at}{after}"


def _encoded_userinfo(userinfo: str, faults: list[str]) -> str:
    """User and password with every character encoded that one of the parsers in use takes for something else."""
    user, colon, password = userinfo.partition(":")
    broken = [part for part in (user, password) if _NOT_ENCODED.search(re.sub(r"%[0-9A-Fa-f]{2}", "", part))]
    if not broken:
        return userinfo
    if _PLACEHOLDER.search(password) or _MASKED.match(password):
        return f"{_quote_once(user)}{colon}{_quote_once(password)}"
    for character, fault in (
        ("@", "password_with_at"),
        ("/", "password_with_slash"),
        ("?", "password_with_question_mark"),
        ("#", "password_with_hash"),
        (" ", "password_with_blank"),
        ("[", "password_with_bracket"),
        ("]", "password_with_bracket"),
    ):
        if character in password:
            faults.append(fault)
    if re.search(r"%(?![0-9A-Fa-f]{2})", password):
        faults.append("password_with_percent")
    if not re.search(r"[@/?#\s\[\]]|%(?![0-9A-Fa-f]{2})", password):
        faults.append("user_not_encoded")
    return f"{_quote_once(user)}{colon}{_quote_once(password)}"


def _quote_once(part: str) -> str:
    """Encoded where it is not. A part with a bare % was never encoded, so that all of it is taken as it stands."""
    from urllib.parse import quote

    if re.search(r"%(?![0-9A-Fa-f]{2})", part):
        return quote(part, safe="")
    return quote(unquote(part, errors="surrogateescape"), safe="", errors="surrogateescape")


def _whole_options(text: str, faults: list[str]) -> str:
    whole = []
    for pair in text.split("&"):
        key, equals, value = pair.partition("=")
        if not key and not equals:
            faults.append("option_empty")
            continue
        if not equals or not value:
            faults.append("option_cut_off")
            continue
        whole.append(f"{key}={value}")
    return "&".join(whole)


def _complete(dsn: Dsn, faults: list[str]) -> Dsn:
    """Name what is missing or was never filled in, and put right what can only mean one thing."""
    if not dsn.hosts or not dsn.host:
        faults.append("no_host")
    elif not all(host.is_plausible for host in dsn.hosts):
        faults.append("host_malformed")
    elif any(host.name.endswith(".") for host in dsn.hosts):
        faults.append("host_with_dot")
        dsn = replace(dsn, hosts=tuple(replace(host, name=host.name.rstrip(".")) for host in dsn.hosts))
    if not dsn.user:
        faults.append("no_user")
    faults += _password_faults(dsn)
    if any(re.search(r"^\[|^<|YOUR[-_]|^\$\{?[A-Z_]+\}?$", part or "") for part in (dsn.user, dsn.host, dsn.database)):
        faults.append("placeholder_left")
    if dsn.database is None:
        faults.append("no_database")
    return _options_checked(dsn, faults)


def _password_faults(dsn: Dsn) -> list[str]:
    if dsn.password is None or not dsn.password:
        return ["no_password"]
    password = dsn.password.reveal()
    for fault, pattern in (
        ("masked_value", _MASKED),
        ("unresolved_reference", _UNRESOLVED),
        ("password_placeholder", _PLACEHOLDER),
        ("api_key_as_password", _API_KEY),
    ):
        if pattern.search(password):
            return [fault]
    return ["password_with_line_end"] if re.search(r"[\r\n]", password) else []


def _options_checked(dsn: Dsn, faults: list[str]) -> Dsn:
    mode = dsn.option("sslmode")
    if dsn.option("ssl") == "true" and mode is None:  # JDBC's word; libpq reads it as sslmode=require
        dsn = dsn.with_options({"ssl": None, "sslmode": "require"})
    if mode is not None and mode not in SSL_MODES:
        faults.append("sslmode_unknown")
        meant = mode.lower().replace("_", "-")
        dsn = dsn.with_options({"sslmode": meant if meant in SSL_MODES else "require"})
    if any(key not in LIBPQ_OPTIONS | CLIENT_OPTIONS for key, _ in dsn.options):
        faults.append("option_unknown")
    return dsn
