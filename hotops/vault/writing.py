"""A file of a vault with one value changed or added: comments, order, line ends and other values stay."""

from __future__ import annotations

import json
import re

from hotops.core.secret import Secret
from hotops.vault.document import Document, Quoting
from hotops.vault.env_lines import ASSIGNMENT
from hotops.vault.errors import VaultError, VaultUnreadable
from hotops.vault.reading import parse

#: What every shell and every dotenv program reads as it stands.
_SAFE = re.compile(r"[A-Za-z0-9_./:@%+,=?&~^-]+")


def with_value(document: Document, key: str | None, value: Secret) -> str:
    """The document's text with another value under `key`; a new key is added at the end.

    What comes out reads back as the value exactly, or VaultError says that the file's form can't hold it.
    """
    entry = document.entry(key)
    text = document.text
    if entry is not None:
        written = _written(value.reveal(), entry.quoting)
        changed = text[: entry.start] + written + text[entry.end :]
    elif document.form == "bundle":
        changed = _with_member(text, str(key), value.reveal())
    elif document.form == "env":
        changed = _with_line(text, str(key), value.reveal())
    else:
        raise VaultError(
            f"{document.path} holds one value and no keys, so {key} can't be added to it.",
            remedy="Put it into a file of its own.",
        )
    _prove(document.path, changed, key, value)
    return changed


def new_text(path: str, key: str, value: Secret) -> str:
    """The text of a new file with one key."""
    text = f"{key}={_written(value.reveal(), 'none')}\n"
    _prove(path, text, key, value)
    return text


def _written(value: str, quoting: Quoting) -> str:
    """A value as it is written down: in the form that stood there if that can hold it."""
    if quoting == "json":
        return json.dumps(value, ensure_ascii=False)
    if quoting == "whole":
        return value
    if quoting == "none" and _SAFE.fullmatch(value):
        return value
    if quoting != "double" and not any(letter in value for letter in "'\r"):
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def _with_line(text: str, key: str, value: str) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    lines = [line for line in text.splitlines() if ASSIGNMENT.match(line)]
    export = "export " if lines and all(line.lstrip().startswith("export ") for line in lines) else ""
    before = "" if not text or text.endswith("\n") else end
    return f"{text}{before}{export}{key}={_written(value, 'none')}{end}"


def _with_member(text: str, key: str, value: str) -> str:
    end = text.rindex("}")
    body = text[:end].rstrip()
    indent = re.search(r"\n([ \t]+)\"", text)
    gap = f"\n{indent[1]}" if indent else " "
    return f"{body},{gap}{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}{text[len(body) : end]}{text[end:]}"


def _prove(path: str, text: str, key: str | None, value: Secret) -> None:
    """Read back what would be written: a form that can't hold a value must not change it in silence."""
    try:
        entry = parse(path, text.encode()).entry(key)
    except VaultUnreadable:
        entry = None
    if entry is None or entry.literal != value:
        raise VaultError(
            f"{path} can't hold this value for {key or 'its key'} exactly.",
            remedy="Write it as KEY='…' in a file of KEY=value lines.",
        )
