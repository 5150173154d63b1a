"""A leaked text as people paste it, and where in a vault its value stands. Never shown, never kept."""

from __future__ import annotations

import getpass
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from hotops.core.errors import UsageError
from hotops.core.secret import Secret
from hotops.secrets.formats import part_of
from hotops.vault.errors import VaultError
from hotops.vault.judging import unfit
from hotops.vault.vault import Item, Vault

#: A shorter value is found in any text.
SHORTEST = 8
_LARGEST = 1 << 20
#: Where a terminal, a log or a person broke a line, and an escaped one in JSON.
_LINE_END = re.compile(r"\s*(?:\r?\n|\\r\\n|\\n)\s*")
_ASSIGNED = re.compile(r"^(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*[=:]\s*(?P<value>\S.*)$", re.DOTALL)
_QUOTED = re.compile(r"^(?P<mark>['\"`])(?P<inside>.*)(?P=mark)$", re.DOTALL)


@dataclass(frozen=True)
class Match:
    """A value of the vault that the leaked text is, or holds."""

    item: Item
    how: str


def leaked_text(file: str | None) -> Secret:
    """The text from a file of mode 600, else from standard input; on a terminal it is asked for and not shown.

    Raises UsageError: nothing was given, or others may read the file.
    """
    if file is not None:
        text = _from_file(Path(file).expanduser())
    elif sys.stdin is not None and sys.stdin.isatty():
        text = getpass.getpass("The leaked value (it is not shown): ")
    else:
        text = _from_stdin()
    if not text.strip():
        raise UsageError(
            "Nothing was given to be traced.",
            remedy="Give it on standard input (never as an argument): hotops secrets trace ENV < FILE",
        )
    return Secret(text.strip())


def _from_stdin() -> str:
    try:
        return sys.stdin.read(_LARGEST) if sys.stdin is not None else ""
    except UnicodeDecodeError:
        raise _no_text("What was given") from None


def _no_text(what: str) -> UsageError:
    """Without the bytes at which reading stopped: they are of the secret."""
    return UsageError(
        f"{what} is no text: it holds bytes that are no UTF-8.", remedy="Give the value alone, as plain text."
    )


def peeled(text: Secret) -> Secret:
    """The value alone, without `NAME=` before it and quotes around it."""
    value = text.reveal().strip()
    assigned = _ASSIGNED.match(value) if "://" not in value.partition("=")[0] else None
    if assigned is not None and not value.endswith("=="):
        value = assigned["value"].strip()
    quoted = _QUOTED.match(value)
    return Secret(quoted["inside"] if quoted else value)


def matches(text: Secret, value: Secret, vault: Vault) -> list[Match]:
    """Values of the vault, of all environments and siblings too, that the leaked text is or holds."""
    found = []
    for item in vault.items():
        try:
            kept = vault.value(item)
        except VaultError:  # `hotops vault check` tells it; what can be read is compared
            continue
        how = _how(text, value, kept) if unfit(kept) is None else None
        if how is not None:
            found.append(Match(item, how))
    return found


def _how(text: Secret, value: Secret, kept: Secret) -> str | None:
    if kept == value:
        return "it is this value"
    if len(kept.reveal()) < SHORTEST:
        return None
    password = _part(kept)
    if password is not None and len(password.reveal()) >= SHORTEST:
        if password == value:
            return "it is the password in this value"
        if password == _part(value):
            return "it has the password of this value"
        if password.reveal() in text.reveal() and kept.reveal() not in text.reveal():
            return "the text holds the password of this value"
    if _holds(text, kept):
        return "the text holds this value"
    return None


def _holds(text: Secret, kept: Secret) -> bool:
    """Whether a value is in a text as it is, URL-encoded, JSON-escaped, in hex or base64, each also over lines."""
    told = text.reveal()
    joined = _LINE_END.sub("", told)
    forms = kept.forms() | {_LINE_END.sub("", form) for form in kept.forms()}
    return any(form in told or form in joined for form in forms if len(form) >= SHORTEST)


def _part(value: Secret) -> Secret | None:
    try:
        return part_of(value, "password")
    except ValueError:
        return None


def _from_file(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise UsageError(f"Others on this computer may read {path}.", remedy=f"chmod 600 {path}")
        return path.read_text(encoding="utf-8")[:_LARGEST]
    except UnicodeDecodeError:
        raise _no_text(str(path)) from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", remedy=f"ls -l {path}") from None
