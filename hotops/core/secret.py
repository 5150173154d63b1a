"""Secret values: readable by the code that sends them, by nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

#: Shown in place of a value that has to be scrubbed from foreign text.
MASK = "•••"
#: Shorter values are not scrubbed: replacing a one-letter "secret" everywhere wrecks the output and tells what it was.
SHORTEST_SCRUBBED = 6

_SECRET_LIKE = re.compile(
    r"(?P<dsn>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)(?P<password>[^\s/@]+(?:/[^\s/@]+)*)(?=@)"
    r"|\b(?:fm[12][ra]?_|fo1_|FlyV1 fm|sbp_(?:oauth_|v0_)?|sb_secret_|gh[pousr]_|github_pat_)[A-Za-z0-9_=+/,.-]{8,}"
)

#: What stands between the pieces of a value that is split over lines: line ends, indentation, quote marks; and the
#: same with the line ends of a text that was escaped once more.
_DROPPED = (re.compile(r"\s+(?:[|>]\s+)?"), re.compile(r"(?:\s|\\[nrt])+(?:[|>]\s+)?"))


class Secret:
    """A value that shows only a fingerprint.

    repr, str, format, json, pickle and copies never hold the value nor its length. `reveal()` is the only way out, and
    is called where the value goes on the wire.
    """

    __slots__ = ("_forms", "_value")

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "_forms", None)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret does not change")

    def reveal(self) -> str:
        """The value itself, for a request body, a file of mode 600 or stdin."""
        return str(object.__getattribute__(self, "_value"))

    def forms(self) -> frozenset[str]:
        """What the value looks like in other people's texts; none where it is too short to be told from words."""
        if (known := object.__getattribute__(self, "_forms")) is None:
            value = self.reveal()
            known = frozenset(_forms(value) if len(value) >= SHORTEST_SCRUBBED else ())
            object.__setattr__(self, "_forms", known)
        return frozenset(known)

    def fingerprint(self, key: bytes) -> str:
        """Keyed HMAC-SHA-256, 16 hex digits: equal values, equal fingerprints; no way to guess the value offline."""
        return hmac.new(key, self.reveal().encode(), hashlib.sha256).hexdigest()[:16]

    def __repr__(self) -> str:
        return "Secret(•••)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __hash__(self) -> int:
        raise TypeError("a Secret is not hashable: hash tables would tell equal values apart")

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret can't be pickled; pass a reference")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, Secret) else cls(str(value)),
            serialization=core_schema.plain_serializer_function_ser_schema(repr),
        )


def scrub(text: str, secrets: Iterable[Secret] = ()) -> str:
    """`text` without the given values and anything that looks like a token or a DSN password.

    A value is found as it is, URL-encoded, JSON-escaped, in hex and in base64, also inside of a longer base64 text,
    and each of these split over lines.
    """
    return _scrub(text, _found(_forms_of(secrets), text))


def scrub_data(data: Any, secrets: Iterable[Secret] = ()) -> Any:
    """The same data with every string scrubbed, keys included; `Secret`s become their mask."""
    forms = _forms_of(secrets)
    if forms:
        forms = _found(forms, "\0".join(_strings_in(data)))
    return _scrub_data(data, forms)


def _forms_of(secrets: Iterable[Secret]) -> list[str]:
    """Longest first: a form may hold a shorter one."""
    return sorted({form for secret in secrets for form in secret.forms()}, key=len, reverse=True)


def _forms(value: str) -> Iterator[str]:
    yield value
    yield urllib.parse.quote(value, safe="")
    yield urllib.parse.quote(value)
    yield urllib.parse.quote_plus(value)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    content = value.encode("utf-8", "surrogatepass")
    yield content.hex()
    yield content.hex().upper()
    yield base64.b64encode(content).decode()
    yield base64.urlsafe_b64encode(content).decode()
    for before in range(3):
        # Base64 puts three bytes in four characters: where the value begins decides what it looks like. The characters
        # that share bits with its neighbours are left out.
        known = slice((0, 2, 3)[before], ((before + len(content)) * 4) // 3)
        yield base64.b64encode(bytes(before) + content).decode()[known]
        yield base64.urlsafe_b64encode(bytes(before) + content).decode()[known]


def _has_lines(text: str) -> bool:
    return "\n" in text or "\\n" in text


def _short(form: str, dropped: re.Pattern[str]) -> str:
    """A form as it is found once line ends are dropped; what is too short then is not looked for."""
    short = dropped.sub("", form)
    return short if len(short) >= SHORTEST_SCRUBBED else form


def _without_split(text: str, forms: Iterable[str], dropped: re.Pattern[str]) -> str:
    """The text without forms that are split over lines: looked for where line ends, blanks and quote marks are gone."""
    kept: list[str] = []
    places: list[int] = []  # of each kept letter
    at = 0
    for gap in [*dropped.finditer(text), None]:
        end = gap.start() if gap is not None else len(text)
        kept.append(text[at:end])
        places.extend(range(at, end))
        at = gap.end() if gap is not None else end
    closed = "".join(kept)
    spans: list[tuple[int, int]] = []
    for form in forms:
        short = _short(form, dropped)
        found = closed.find(short)
        while found >= 0:
            start, end = places[found], places[found + len(short) - 1] + 1
            if _has_lines(text[start:end]):
                spans.append((start, end))
            found = closed.find(short, found + 1)
    for start, end in reversed(_merged(spans)):
        text = text[:start] + MASK + text[end:]
    return text


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, overlapping ones as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _strings_in(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for key, item in data.items():
            yield from _strings_in(key)
            yield from _strings_in(item)
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from _strings_in(item)


def _found(forms: Sequence[str], text: str) -> list[str]:
    """The forms that a text holds, whole or split over lines."""
    if not _has_lines(text):
        return [form for form in forms if form in text]
    closed = [dropped.sub("", text) for dropped in _DROPPED]
    return [
        form
        for form in forms
        if form in text or any(_short(form, dropped) in held for dropped, held in zip(_DROPPED, closed, strict=True))
    ]


def _scrub(text: str, forms: Sequence[str]) -> str:
    for form in forms:
        text = text.replace(form, MASK)
    if forms and _has_lines(text):
        for dropped in _DROPPED:
            text = _without_split(text, forms, dropped)
    return _SECRET_LIKE.sub(lambda found: f"{found['dsn']}{MASK}" if found["dsn"] else MASK, text)


def _scrub_data(data: Any, forms: Sequence[str]) -> Any:
    if isinstance(data, Secret):
        return MASK
    if isinstance(data, str):
        return _scrub(data, forms)
    if isinstance(data, dict):
        return {
            _scrub(key, forms) if isinstance(key, str) else key: _scrub_data(item, forms) for key, item in data.items()
        }
    if isinstance(data, (list, tuple)):
        return [_scrub_data(item, forms) for item in data]
    return data
