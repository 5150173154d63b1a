"""Which form a file of a vault has, and what is in it."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any

from hotops.core.secret import Secret
from hotops.vault.document import Document, Entry, Form
from hotops.vault.env_lines import ASSIGNMENT, read_lines, unreadable

#: Keys of a JSON object that is a bundle of secrets; anything else is one document, such as a service account.
_BUNDLE_KEY = re.compile(r"[A-Z][A-Z0-9_]*")
#: A key that nobody takes for the beginning of a base64 text.
_CLEAR_KEY = re.compile(r"[A-Z][A-Z0-9_]*")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{4}){4,}(?<=[A-Za-z0-9+/_=-]{16})|[A-Za-z0-9+/_-]{14,}={1,2}")
#: Files whose whole content is one value.
_RAW_SUFFIXES = frozenset({".pem", ".key", ".p8", ".crt"})


def parse(path: str, content: bytes) -> Document:
    """What is in a file. Raises VaultUnreadable, which names file and line and quotes nothing."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise unreadable(path, line, "this is not UTF-8 text", "Save the file as UTF-8.") from None
    form = form_of(path, text)
    if form == "env":
        return Document(path, form, text, read_lines(path, text))
    if form == "raw":
        return Document(path, form, text, (_whole(text, "whole"),))
    value = _json(path, text)
    if _is_bundle(value):
        return Document(path, "bundle", text, _bundle(path, text))
    return Document(path, "json", text, (_whole(text, "whole"),))


def form_of(path: str, text: str) -> Form:
    """The form of a text, told by its content first: people name files as they like."""
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    first = lines[0] if lines else ""
    suffix = PurePosixPath(path.removesuffix(".new").removesuffix(".old")).suffix
    if suffix == ".json" or first.startswith("{"):
        return "json"
    if suffix in _RAW_SUFFIXES or first.startswith("-----BEGIN "):
        return "raw"
    begins = ASSIGNMENT.match(first)
    if begins is None:
        return "raw" if len(lines) == 1 else "env"
    if len(lines) == 1 and not _CLEAR_KEY.fullmatch(begins["key"]):
        # Base64 ends with `=`, and so looks like a key without a value; in a .txt a small word may begin any text.
        is_padding = _BASE64.fullmatch(first) is not None and len(first) % 4 == 0
        return "raw" if is_padding or suffix == ".txt" else "env"
    return "env"


def _whole(text: str, quoting: Any) -> Entry:
    """All of a file as one value: from its first character that is not blank or comment to its last."""
    start = 0
    line = 1
    for number, raw in enumerate(text.splitlines(keepends=True), start=1):
        stripped = raw.strip(" \t\r\n\ufeff")
        if stripped and not stripped.startswith("#"):
            line = number
            start += len(raw) - len(raw.lstrip(" \t\ufeff"))
            break
        start += len(raw)
    value = text[start:].rstrip(" \t\r\n")
    return Entry(None, line, (Secret(value.replace("\r\n", "\n")),), start, start + len(value), quoting)


def _json(path: str, text: str) -> Any:
    try:
        return json.loads(text.lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        # str(error) is safe, its `doc` is not; only the place and the kind of mistake are taken.
        raise unreadable(path, error.lineno, f"this is not JSON: {error.msg.lower()}", "Correct the file.") from None
    except RecursionError:
        raise unreadable(path, 1, "this JSON is nested too deep for a secret", "Correct the file.") from None


def _is_bundle(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(_BUNDLE_KEY.fullmatch(key) and not isinstance(item, (dict, list)) for key, item in value.items())
    )


def _bundle(path: str, text: str) -> tuple[Entry, ...]:
    """The keys of a flat JSON object, each with the place of its value: nothing else changes when one is written."""
    decoder = json.JSONDecoder()
    entries: dict[str, Entry] = {}
    at = text.index("{") + 1
    while True:
        at = _skip(text, at, " \t\r\n,")
        if text[at] == "}":
            return tuple(entries.values())
        line = text.count("\n", 0, at) + 1
        key, at = decoder.raw_decode(text, at)
        start = _skip(text, at, " \t\r\n:")
        value, at = decoder.raw_decode(text, start)
        if key in entries:
            problem = f"{key} stands twice, first in line {entries[key].line}"
            raise unreadable(path, line, problem, "Remove one of the two.")
        shown = value if isinstance(value, str) else "" if value is None else text[start:at]
        entries[key] = Entry(key, line, (Secret(shown),), start, at, "json")


def _skip(text: str, at: int, letters: str) -> int:
    while text[at] in letters:
        at += 1
    return at
