"""A table's rows as one number that any changed, missing or doubled row changes; made by the server itself.

The sum of the rows' 64-bit hashes. Types whose equality is identity are hashed as they are, the others as text
(identity_types.json): numeric 1.0 and 1.00 are equal, and are not the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple


class Column(NamedTuple):
    """A column. `type_name` is that of a domain's base type; `plain_collation` if bytes decide what is equal."""

    name: str
    type_name: str
    plain_collation: bool


class Print(NamedTuple):
    """Rows of a table and the sum of their hashes."""

    rows: int
    fingerprint: str


#: Stored columns of tables, in order: those that are generated are not in a backup, and are compared all the same.
_COLUMNS = """
select n.name, a.attname, b.typname, coalesce(l.collisdeterministic, true)
from unnest(%s::text[]) n(name) join pg_attribute a on a.attrelid = n.name::regclass
  join pg_type t on t.oid = a.atttypid
  join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
  left join pg_collation l on l.oid = a.attcollation
where a.attnum > 0 and not a.attisdropped order by n.name, a.attnum
"""


def columns_of(session: Any, *names: str) -> dict[str, list[Column]]:
    """The columns of tables by their names in SQL, asked for at once: a server may be far away."""
    found: dict[str, list[Column]] = {name: [] for name in names}
    for name, *column in session.execute(_COLUMNS, (list(names),)).fetchall():
        found[name].append(Column(*column))
    return found


def row_hash(columns: Sequence[Column], table: str = "t") -> str:
    """The SQL expression of a row's hash. Parts of 1600 columns do not matter: a row is one record."""
    values = []
    for column in columns:
        value = f"{table}.{quoted(column.name)}"
        if column.type_name not in identity_types():
            # A text as it is written, whatever its collation holds equal.
            value = f'({value})::text collate "C"'
        elif not column.plain_collation:
            value = f'{value}::text collate "C"'
        values.append(value)
    return f"hash_record_extended(row({', '.join(values)}), 0)" if values else "0::bigint"


def print_query(columns: Sequence[Column], full_name: str, where: str = "") -> str:
    """The SQL that gives rows and fingerprint of a table (itself only, not what inherits from it)."""
    return f"select count(*), coalesce(sum({row_hash(columns)}), 0)::text from only {full_name} t {where}"


def fingerprint(session: Any, full_name: str, where: str = "") -> Print:
    """Rows and fingerprint of what a session sees of a table."""
    rows, total = session.execute(print_query(columns_of(session, full_name)[full_name], full_name, where)).fetchone()
    return Print(int(rows), str(total))


@lru_cache
def identity_types() -> frozenset[str]:
    """Names of types whose equality is identity."""
    data = json.loads(files("hotops.backup").joinpath("identity_types.json").read_text(encoding="utf-8"))
    return frozenset(data["identity"])


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
