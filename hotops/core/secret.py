"""Secret values: readable by the code that sends them, by nothing else."""

from __future__ import annotations

import hashlib
import hmac
import re
import urllib.parse
from collections.abc import Iterable
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


class Secret:
    """A value that shows only a fingerprint.

    repr, str, format, json, pickle and copies never hold the value nor its length. `reveal()` is the only way out, and
    is called where the value goes on the wire.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret does not change")

    def reveal(self) -> str:
        """The value itself, for a request body, a file of mode 600 or stdin."""
        return str(object.__getattribute__(self, "_value"))

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
    """`text` without the given values (plain, URL-encoded) and anything that looks like a token or a DSN password."""
    for secret in secrets:
        value = secret.reveal()
        if len(value) < SHORTEST_SCRUBBED:
            continue
        for form in {value, urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value)}:
            text = text.replace(form, MASK)
    return _SECRET_LIKE.sub(lambda found: f"{found['dsn']}{MASK}" if found["dsn"] else MASK, text)


def scrub_data(data: Any, secrets: Iterable[Secret] = ()) -> Any:
    """The same data with every string scrubbed, keys included; `Secret`s become their mask."""
    values = tuple(secrets)
    if isinstance(data, Secret):
        return MASK
    if isinstance(data, str):
        return scrub(data, values)
    if isinstance(data, dict):
        return {
            scrub(key, values) if isinstance(key, str) else key: scrub_data(item, values) for key, item in data.items()
        }
    if isinstance(data, (list, tuple)):
        return [scrub_data(item, values) for item in data]
    return data
