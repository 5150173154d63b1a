"""Text that others wrote (log lines, bodies, check outputs), made safe to show."""

from __future__ import annotations

import re

from hotops.core.secret import MASK, scrub
from hotops.core.table import one_line

#: What follows a word like these, after = or :, is a value nobody has to read here.
_NAMED_SECRET = re.compile(
    r"""(?ix)
    (?P<name>
        (?: passw(?:or)?d | passphrase | secret | token | api[_-]?key | access[_-]?key | private[_-]?key | credentials?
            | session[_-]?id | cookie | authorization | dsn | signature )
        [\w.-]{0,40} ["']? \s? (?: =>? | : ) \s? )
    (?: (?: bearer | basic | digest | token ) \s )?
    (?: "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [^\s,;&}\])]+ )
    """
)
_BEARER = re.compile(r"(?i)\b(bearer|basic) [A-Za-z0-9._~+/=-]{8,}")
_RUN = re.compile(r"[A-Za-z0-9_+=-]{20,}")
_SEGMENT = re.compile(r"[A-Za-z0-9+=]{16,}")


def safe(text: str, longest: int = 200) -> str:
    """One line without secrets, without terminal codes, of at most `longest` characters.

    What only might be a secret goes too: values of things called password or token, and opaque strings of 20 characters
    and more (a digest among them; who needs it finds it in the source of the text).
    """
    # Cut late: half a token is no longer known as one, and still is one.
    line = masked(one_line(text[: longest * 20]))
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def masked(text: str) -> str:
    """The same text with everything that is or might be a secret masked."""
    text = scrub(text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _NAMED_SECRET.sub(lambda found: f"{found['name']}{MASK}", text)
    return _RUN.sub(lambda found: MASK if _is_opaque(found[0]) else found[0], text)


def _is_opaque(run: str) -> bool:
    """Whether a run is no name: keys, web tokens and digests are opaque, `servicecheck-00-http-3000` is not."""
    if not _mixed(run):
        return False
    shouts = any(character.isupper() for character in run) and any(character.islower() for character in run)
    return shouts or any(_mixed(segment) for segment in _SEGMENT.findall(run))


def _mixed(text: str) -> bool:
    return any(character.isdigit() for character in text) and any(character.isalpha() for character in text)
