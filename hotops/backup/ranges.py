"""A table's pages cut into ranges that are read apart, so that one big table keeps every worker busy."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from hotops.backup.fingerprint import quoted
from hotops.backup.survey import FoundTable

#: 64 MiB of a table's own file: a worker's turn of about a second (TID range scans, PostgreSQL 14 and newer).
PAGES = 8192


@dataclass(frozen=True)
class PageRange:
    """Pages `first` to before `end` of a table; `end` None is to wherever it ends in the snapshot."""

    table: FoundTable
    first: int = 0
    end: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole table."""
        return self.first == 0 and self.end is None

    @property
    def where(self) -> str:
        """Its condition in SQL."""
        if self.is_whole:
            return self.table.where
        upper = "" if self.end is None else f" and ctid < '({self.end},0)'::tid"
        return f"where ctid >= '({self.first},0)'::tid{upper}"

    @property
    def query(self) -> str:
        """The COPY that gives its rows."""
        name = sql_name(self.table)
        columns = ", ".join(quoted(column) for column in self.table.columns)
        if self.is_whole and not self.table.where:
            return f"copy {name}{f' ({columns})' if columns else ''} to stdout"
        return f"copy (select {columns} from only {name} {self.where}) to stdout"

    @property
    def stem(self) -> str:
        """The beginning of its parts' names."""
        return f"data/{slug(self.table.full_name)}/{self.first:010d}"

    @property
    def bytes(self) -> int:
        """Its share of the table, TOAST included, as far as can be told."""
        if self.is_whole or not self.table.pages:
            return self.table.total_bytes
        return self.table.total_bytes * ((self.end or self.table.pages) - self.first) // self.table.pages


def cut(tables: tuple[FoundTable, ...], pages: int = PAGES) -> list[PageRange]:
    """All ranges of all tables, those of the largest table first."""
    found = []
    for table in sorted(tables, key=lambda table: table.total_bytes, reverse=True):
        starts = [0] if table.where else list(range(0, max(table.pages, 1), pages))
        ends = [*starts[1:], None]
        found += [PageRange(table, first, end) for first, end in zip(starts, ends, strict=True)]
    return found


def sql_name(table: FoundTable) -> str:
    """The table's whole name in SQL."""
    return f"{quoted(table.schema)}.{quoted(table.name)}"


def slug(full_name: str) -> str:
    """A name that is safe in every store: what is unusual becomes _, and a hash tells such names apart."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", full_name)
    return plain if plain == full_name else f"{plain}-{hashlib.sha256(full_name.encode()).hexdigest()[:8]}"
