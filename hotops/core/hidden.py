"""What a request carries and no text may repeat: the credentials in its headers, and the secrets in its body."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from hotops.core.errors import HotopsError
from hotops.core.secret import Secret, scrub
from hotops.core.world import TokenMissing

#: Headers that hold no credential.
_HARMLESS = frozenset({"accept", "accept-encoding", "content-type", "user-agent", "x-github-api-version"})

#: Loggers that tell whole URLs and headers to whoever turns logging on: a webhook's path is its credential.
_TALKATIVE = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks")
_is_ours: ContextVar[bool] = ContextVar("hotops_call", default=False)

E = TypeVar("E", bound=HotopsError)


def hidden_in(headers: Mapping[str, str]) -> tuple[Secret, ...]:
    """The credentials in headers: what stands after the scheme, each token of a list, what Basic wraps."""
    found: dict[str, None] = {}
    for name, header in headers.items():
        if name.lower() in _HARMLESS:
            continue
        scheme, _, value = header.partition(" ")
        value = value or scheme
        found |= dict.fromkeys((value, *value.split(",")))
        if scheme.lower() == "basic":
            found |= dict.fromkeys(_unwrapped(value))
    return tuple(Secret(part) for part in found if part)


def refuse_unsendable(headers: Mapping[str, str], where: str) -> None:
    """Raise TokenMissing for a credential that no header can hold; an HTTP library would quote it in its error."""
    if any(not (value.isascii() and value.isprintable()) for value in headers.values()):
        raise TokenMissing(
            f"The credential for {where} holds a line end or a letter that no token has, such as … of an example.",
            remedy="Export it again, as it was printed.",
        )


@contextmanager
def unlogged() -> Iterator[None]:
    """What is called in here is in nobody's log; calls that others make with the same library stay in theirs."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_not_ours)  # adding it again is nothing
    token = _is_ours.set(True)
    try:
        yield
    finally:
        _is_ours.reset(token)


def without(error: E, hidden: Iterable[Secret]) -> E:
    """The same error, which repeats none of these: some servers answer with what they were sent."""
    hidden = tuple(hidden)
    error.message = scrub(error.message, hidden)
    error.args = (error.message, *error.args[1:])
    error.request_id = scrub(error.request_id, hidden) if error.request_id else error.request_id
    error.details = {
        key: scrub(value, hidden) if isinstance(value, str) else value for key, value in error.details.items()
    }
    return error


def _not_ours(_record: logging.LogRecord) -> bool:
    return not _is_ours.get()


def _unwrapped(value: str) -> list[str]:
    """`user:password` of Basic authentication, in parts; the user alone is no secret."""
    try:
        pair = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return []
    password = pair.partition(":")[2]
    return [password, *password.split(",")]
