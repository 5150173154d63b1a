"""Which entries of a dump belong to some tables: they, what hangs on them, and what they are made of."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

#: What tables may be made of: types, functions and the like come along whole.
_GROUND = (
    "SCHEMA",
    "EXTENSION",
    "TYPE",
    "DOMAIN",
    "COLLATION",
    "FUNCTION",
    "PROCEDURE",
    "AGGREGATE",
    "OPERATOR",
    "SHELL TYPE",
)
_OF_A_TABLE = (
    "TABLE ATTACH",
    "TABLE",
    "DEFAULT",
    "CHECK CONSTRAINT",
    "CONSTRAINT",
    "TRIGGER",
    "RULE",
    "POLICY",
    "ROW SECURITY",
)
_NAMED_APART = ("INDEX ATTACH", "INDEX", "SEQUENCE OWNED BY", "SEQUENCE", "STATISTICS")
#: Large objects, what was granted on them and said of them: the first word of PostgreSQL's own names for these entries.
_OF_LARGE_OBJECTS = re.compile(
    r"^\d+; \d+ \d+ (BLOB|BLOBS|BLOB METADATA|(ACL|COMMENT|SECURITY LABEL) - LARGE OBJECTS?) "
)
_ENTRY = re.compile(
    rf"^\d+; \d+ \d+ (?P<kind>{'|'.join((*_OF_A_TABLE, *_NAMED_APART, *_GROUND, 'ACL', 'COMMENT'))}) (?P<schema>\S+) (?P<rest>.*)$"
)


def listed_entries(pg_restore: str, archive: Path, kind: str = "") -> str:
    """What `pg_restore --list` says of a dump, of one kind of entries where one is named."""
    listed = subprocess.run(
        [pg_restore, "--list", str(archive)], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    ).stdout
    return "\n".join(line for line in listed.splitlines() if f" {kind} " in line) + "\n" if kind else listed


def large_object_entries(listing: str) -> str:
    """The lines of `pg_restore --list` about large objects: dumps of before carry other schemas' rows beside them."""
    return "".join(f"{line}\n" for line in listing.splitlines() if _OF_LARGE_OBJECTS.match(line))


def entries_of(listing: str, tables: Collection[tuple[str, str]], catalogue: Mapping[str, Mapping[str, str]]) -> str:
    """The lines of `pg_restore --list` about these (schema, name), without foreign keys, whose other end may be missing."""
    apart = _names_apart(tables, catalogue)
    kept = [line for line in listing.splitlines() if _belongs(line, tables, apart)]
    return "\n".join(kept) + "\n"


def _belongs(line: str, tables: Collection[tuple[str, str]], apart: Collection[tuple[str, str]]) -> bool:
    found = _ENTRY.match(line)
    if found is None:
        return False
    kind, schema, rest = found["kind"], found["schema"], found["rest"]
    if kind in ("ACL", "COMMENT"):
        what, _, rest = rest.partition(" ")
        if what == "COLUMN":
            return any(schema == of and rest.startswith(f"{name}.") for of, name in tables)
        if what in ("SCHEMA", "TYPE", "FUNCTION", "EXTENSION", "DOMAIN"):
            return what != "FUNCTION" or "(" in rest
        return any(schema == of and rest.startswith(f"{name} ") for of, name in {*tables, *apart})
    if kind in _GROUND:
        return True
    names = apart if kind in _NAMED_APART else tables
    return any(schema == of and rest.startswith(f"{name} ") for of, name in names)


def _names_apart(
    tables: Collection[tuple[str, str]], catalogue: Mapping[str, Mapping[str, str]]
) -> set[tuple[str, str]]:
    """Indexes and sequences have names that do not tell their table: their definitions do."""
    found = set()
    for schema, name in tables:
        whole = re.escape(f"{_shown(schema)}.{_shown(name)}")
        marks = {
            "index": re.compile(rf" ON (ONLY )?{whole} USING "),
            "sequence": re.compile(rf" of {whole}\."),
            "statistics": re.compile(rf" FROM {whole}$"),
        }
        for kind, mark in marks.items():
            for full, definition in catalogue.get(kind, {}).items():
                if mark.search(definition):
                    found.add((schema, full.rpartition(".")[2].strip('"')))
    return found


def _shown(name: str) -> str:
    """A name as PostgreSQL writes it in a definition."""
    escaped = name.replace('"', '""')
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else f'"{escaped}"'
