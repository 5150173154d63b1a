"""Whether what was read can be a backup of this database: by its content, not by a program's exit code."""

from __future__ import annotations

from collections.abc import Mapping

from hotops.backup.manifest import Manifest
from hotops.backup.survey import Survey

#: A backup that lost more than this share of the last one's rows is stopped, unless the loss is declared.
SHRINKAGE = 0.2
_MATTERS_ROWS = 1000
#: Pages of tables that a database of nothing but its schema does not have.
_HAS_DATA_BYTES = 128 << 10


def suspicious(manifest: Manifest, seen: Survey, last: Manifest | None, *, shrinkage: float = SHRINKAGE) -> list[str]:
    """What is wrong with a backup's content; empty if nothing is."""
    return [*_holes(manifest, seen), *(_shrunk(manifest, last, shrinkage) if last else ())]


def _holes(manifest: Manifest, seen: Survey) -> list[str]:
    found = []
    if not manifest.tables and not seen.tables:
        return ["the database has no table at all: is it the right one?"]
    missing = sorted({table.full_name for table in seen.tables} - {table.full_name for table in manifest.tables})
    if missing:
        found.append(f"{len(missing)} tables of {len(seen.tables)} are not in it: {_some(missing)}")
    schema = manifest.schema_parts.get("schema")
    if schema is None or schema.plain_bytes == 0:
        found.append("the schema is empty (0 bytes)")
    kept = sum(part.rows for table in manifest.tables for part in table.parts)
    if kept == 0 and sum(table.bytes for table in seen.tables) > _HAS_DATA_BYTES:
        found.append("it holds the schema and no row at all, and the database has data")
    empty = [part.name for part in manifest.parts() if part.bytes == 0 or (part.plain_bytes == 0 and part.rows)]
    if empty:
        found.append(f"parts of 0 bytes: {_some(empty)}")
    for table in manifest.tables:
        counted = sum(part.rows for part in table.parts)
        if counted != table.rows:
            found.append(f"{table.full_name}: {table.rows} rows in the snapshot, {counted} in the backup")
    return found


def shrunken(manifest: Manifest, last: Manifest, *, shrinkage: float = SHRINKAGE) -> list[str]:
    """The tables that hold far fewer rows than in the last backup, as schema.name: what is asked for when rows are gone."""
    now: Mapping[str, int] = {table.full_name: table.rows for table in manifest.tables}
    return [
        table.full_name
        for table in last.tables
        if table.rows >= _MATTERS_ROWS and now.get(table.full_name, table.rows) < table.rows * (1 - shrinkage)
    ]


def _shrunk(manifest: Manifest, last: Manifest, shrinkage: float) -> list[str]:
    found = []
    gone = sorted({t.full_name for t in last.tables if t.rows} - {t.full_name for t in manifest.tables})
    if gone:
        found.append(f"tables of the last backup ({last.id}) are gone: {_some(gone)}")
    now: Mapping[str, int] = {table.full_name: table.rows for table in manifest.tables}
    before = {table.full_name: table.rows for table in last.tables}
    found += [
        f"{name} shrank from {before[name]} rows to {now[name]} since {last.id}"
        for name in shrunken(manifest, last, shrinkage=shrinkage)
    ]
    if last.rows >= _MATTERS_ROWS and manifest.rows < last.rows * (1 - shrinkage):
        found.append(f"all tables together shrank from {last.rows} rows to {manifest.rows} since {last.id}")
    return found


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
