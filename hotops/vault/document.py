"""What is in one file of a vault: its keys, where each value stands, and the same text with another value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hotops.core.secret import Secret

#: How a file holds its values: lines of KEY=value, one bare value, one JSON document, or a JSON object of keys.
Form = Literal["env", "raw", "json", "bundle"]
#: How one value is written down.
Quoting = Literal["none", "single", "double", "whole", "json"]


@dataclass(frozen=True)
class Reference:
    """`${NAME}` inside a value."""

    name: str


@dataclass(frozen=True, repr=False)
class Entry:
    """One value of a file: under which key (None: the file has none, its path names it), in which line, and its parts.

    `start` and `end` bound the value as it is written (quotes included), so that nothing else changes when it does.
    """

    key: str | None
    line: int
    parts: tuple[Secret | Reference, ...]
    start: int
    end: int
    quoting: Quoting

    @property
    def references(self) -> tuple[str, ...]:
        """The names that the value takes in."""
        return tuple(part.name for part in self.parts if isinstance(part, Reference))

    @property
    def literal(self) -> Secret | None:
        """The value where it needs no other one, else None."""
        if self.references:
            return None
        return Secret("".join(part.reveal() for part in self.parts if isinstance(part, Secret)))

    def __repr__(self) -> str:
        return f"Entry({self.key!r}, line {self.line})"


@dataclass(frozen=True, repr=False)
class Document:
    """A parsed file. `text` is whole, values included, and so is shown nowhere."""

    path: str
    form: Form
    text: str
    entries: tuple[Entry, ...]

    def entry(self, key: str | None) -> Entry | None:
        """The entry with this key; None where there is none. A file with one unnamed value gives it for any key."""
        if len(self.entries) == 1 and self.entries[0].key is None:
            return self.entries[0]
        return next((entry for entry in self.entries if entry.key == key), None)

    def __repr__(self) -> str:
        return f"Document({self.path!r}, {self.form}, {len(self.entries)} entries)"
