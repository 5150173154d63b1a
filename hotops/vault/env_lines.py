"""Lines of KEY=value as shells and dotenv programs write them: `export`, quotes, comments, CRLF, `${OTHER}`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hotops.core.secret import Secret
from hotops.vault.document import Entry, Quoting, Reference
from hotops.vault.errors import VaultUnreadable

#: `KEY=`, `export KEY=`, with blanks where people put them. Upper case is usual, lower case exists.
ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
#: What a backslash in double quotes takes the meaning of; before anything else it is a backslash.
_ESCAPED = frozenset('"\\$`') | _ESCAPES.keys()
#: A comment behind an unquoted value needs a blank before it: `postgres://u:p#1@h` has none.
_TRAILING_COMMENT = re.compile(r"[ \t]+#.*$")


def unreadable(path: str, line: int, problem: str, remedy: str = "") -> VaultUnreadable:
    """The error for a place in a file; the line itself is never quoted."""
    return VaultUnreadable(
        f"{path}:{line}: {problem}.", remedy=remedy or "Correct the line.", details={"file": path, "line": line}
    )


def read_lines(path: str, text: str) -> tuple[Entry, ...]:
    """The entries of a file of KEY=value lines, in order. Raises VaultUnreadable, which names file and line."""
    found: dict[str, Entry] = {}
    for entry in _entries(path, text):
        first = found.get(entry.key or "")
        if first is not None:
            raise unreadable(
                path, entry.line, f"{entry.key} stands twice, first in line {first.line}", "Remove one of the two."
            )
        found[entry.key or ""] = entry
    return tuple(found.values())


def _entries(path: str, text: str) -> Iterator[Entry]:
    at = 0
    while at < len(text):
        end = _line_end(text, at)
        line = text[at:end].strip(" \t\r\ufeff")
        if not line or line.startswith("#"):
            at = end + 1
            continue
        number = text.count("\n", 0, at) + 1
        begins = ASSIGNMENT.match(text, at + (1 if text[at] == "\ufeff" else 0))
        if begins is None or begins.end() > end:
            raise unreadable(
                path, number, "this is neither KEY=value nor a comment", "Write KEY=value, or put # before."
            )
        start = begins.end()
        quote = text[start : start + 1]
        if quote in ("'", '"') and quote:
            parts, stop = _quoted(path, number, text, start)
            end = _line_end(text, stop)
            rest = text[stop:end].strip(" \t\r")
            if rest and not (rest.startswith("#") and text[stop] in " \t"):
                raise unreadable(
                    path, number, f"there is text behind the closing quote of {begins['key']}", "Quote the whole value."
                )
            quoting: Quoting = "single" if quote == "'" else "double"
        else:
            value = _TRAILING_COMMENT.sub("", text[start:end]).rstrip(" \t\r")
            value = "" if value.startswith("#") and text[start - 1] in " \t" else value
            parts, stop, quoting = _with_references(value), start + len(value), "none"
        yield Entry(begins["key"], number, parts, start, stop, quoting)
        at = end + 1


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _quoted(path: str, number: int, text: str, start: int) -> tuple[tuple[Secret | Reference, ...], int]:
    """The parts of a quoted value, which may span lines, and where it ends."""
    if text[start] == "'":
        end = text.find("'", start + 1)
        if end < 0:
            raise unreadable(path, number, "the quote that opens here is never closed", "Close it.")
        return (Secret(_lines_of(text[start + 1 : end])),), end + 1
    parts: list[Secret | Reference] = []
    plain: list[str] = []
    at = start + 1
    while at < len(text):
        letter = text[at]
        if letter == '"':
            return _joined(parts, plain), at + 1
        reference = _REFERENCE.match(text, at)
        if reference:
            parts += [*_joined([], plain), Reference(reference[1])]
            plain = []
            at = reference.end()
        elif letter == "\\" and text[at + 1 : at + 2] in _ESCAPED and at + 1 < len(text):
            plain.append(_ESCAPES.get(text[at + 1], text[at + 1]))
            at += 2
        else:
            crlf = text.startswith("\r\n", at)
            plain.append("\n" if crlf else letter)
            at += 2 if crlf else 1
    raise unreadable(path, number, "the quote that opens here is never closed", "Close it.")


def _lines_of(text: str) -> str:
    """A value of several lines in a file with CRLF has plain line ends, as the programs that read it see it."""
    return text.replace("\r\n", "\n")


def _joined(parts: list[Secret | Reference], plain: list[str]) -> tuple[Secret | Reference, ...]:
    return (*parts, Secret("".join(plain))) if plain else tuple(parts)


def _with_references(value: str) -> tuple[Secret | Reference, ...]:
    parts: list[Secret | Reference] = []
    at = 0
    for found in _REFERENCE.finditer(value):
        if found.start() > at:
            parts.append(Secret(value[at : found.start()]))
        parts.append(Reference(found[1]))
        at = found.end()
    if at < len(value) or not parts:
        parts.append(Secret(value[at:]))
    return tuple(parts)
