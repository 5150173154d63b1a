"""Whether a value has the form that the map declares, and the part of it that a target gets."""

from __future__ import annotations

import base64
import binascii
import json
import re
from urllib.parse import SplitResult, unquote, urlsplit

from hotops.core.secret import Secret
from hotops.secrets.secret_map import Format, Part

_DSN_SCHEMES = {
    "postgres", "postgresql", "redis", "rediss", "mysql", "mongodb", "mongodb+srv", "amqp", "amqps", "clickhouse",
}  # fmt: skip


def malformed(value: Secret, form: Format) -> str | None:
    """What is wrong with a value's form, without a word of it; None where it is right."""
    text = value.reveal()
    if text != text.strip():
        return "has blanks or line ends around it"
    match form.kind:
        case "dsn":
            return _dsn_mistake(text)
        case "url":
            parts = _split(text)
            return None if parts and parts.scheme in ("http", "https") and parts.hostname else "is no http(s) URL"
        case "json":
            return _json_mistake(text)
        case "base64":
            return _base64_mistake(text)
        case "hex":
            return _hex_mistake(text, form.bytes)
        case "pattern":
            return None if re.fullmatch(form.pattern or "", text) else "does not match its pattern"


def part_of(value: Secret, part: Part) -> Secret:
    """The part of a value that a target gets. Raises ValueError, which says no word of it, where there is none."""
    if part == "value":
        return value
    text = value.reveal()
    if part == "base64":
        return Secret(base64.b64encode(text.encode()).decode())
    parts = _split(text)
    if parts is None or not parts.hostname or parts.scheme not in _DSN_SCHEMES:
        raise ValueError(f"is no DSN, so it has no {part}")
    found = {
        "host": parts.hostname,
        "port": str(_port(text) or (5432 if parts.scheme.startswith("postgres") else "")),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.lstrip("/")),
    }[part]
    if not found:
        raise ValueError(f"has no {part}")
    return Secret(found)


def _split(text: str) -> SplitResult | None:
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _port(text: str) -> int | None:
    try:
        return urlsplit(text).port
    except ValueError:
        return None


def _dsn_mistake(text: str) -> str | None:
    parts = _split(text)
    if parts is None or "://" not in text:
        return "is no DSN"
    if parts.scheme in ("http", "https"):
        return "is a web address, not a DSN"
    if parts.scheme not in _DSN_SCHEMES:
        return "has a scheme that is none of a database's"
    if not parts.hostname:
        return "names no host"
    try:
        _ = parts.port
    except ValueError:
        return "has a port that is no number (a password with / or : has to be percent-encoded)"
    return None


def _json_mistake(text: str) -> str | None:
    try:
        json.loads(text)
    except ValueError:
        return "is no JSON"
    return None


def _base64_mistake(text: str) -> str | None:
    padded = "".join(text.split()).replace("-", "+").replace("_", "/")
    try:
        base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return "is no base64"
    return None


def _hex_mistake(text: str, wanted: int | None) -> str | None:
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        return "is no hex"
    if wanted is not None and len(text) != 2 * wanted:
        return f"is not {wanted} bytes of hex"
    return None
