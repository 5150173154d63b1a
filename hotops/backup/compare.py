"""A database against the backup it was restored from: every table row by row, every object, named where they differ."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from hotops.backup.by_hand import copy_in
from hotops.backup.catalogue import CONTENT, UNREADABLE, Catalogue, Difference, compare_catalogues, read_catalogue
from hotops.backup.connection import driver, explained
from hotops.backup.fingerprint import Column, columns_of, fingerprint, quoted, row_hash
from hotops.backup.hosted import OWN_ROWS, sort_out, spoken
from hotops.backup.load import Load
from hotops.backup.manifest import Table
from hotops.backup.outside import is_held
from hotops.backup.scripts import sequence_values
from hotops.backup.survey import PLATFORM_SCHEMAS

#: So many rows of a table are named.
NAMED = 20
#: The primary key's columns, in its order.
KEYS = """
select array_agg(a.attname order by k.n) from pg_index i, unnest(i.indkey::int2[]) with ordinality k(attnum, n)
join pg_attribute a on a.attrelid = %s::regclass and a.attnum = k.attnum
where i.indrelid = %s::regclass and i.indisprimary
"""
_FOREIGNKEYS = """
select c.conname, c.conrelid::regclass::text, c.confrelid::regclass::text,
  (select array_agg(a.attname order by k.n) from unnest(c.conkey) with ordinality k(attnum, n) join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum),
  (select array_agg(a.attname order by k.n) from unnest(c.confkey) with ordinality k(attnum, n) join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum)
from pg_constraint c where c.contype = 'f' and c.conparentid = 0
"""
_SERIALS = """
select s.oid::regclass::text, t.oid::regclass::text, a.attname, q.seqincrement > 0
from pg_depend d join pg_class s on s.oid = d.objid join pg_sequence q on q.seqrelid = s.oid
  join pg_class t on t.oid = d.refobjid join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
  and a.atttypid = any (array['int2', 'int4', 'int8']::regtype[])
"""


@dataclass
class Comparison:
    """What was compared, and what differs: `rows` names tables and keys, `objects` everything else.

    `unproven` is what could not be compared, with the reason; `platform` is what a role that is no superuser could not bring back, with the reason: named, and no finding.
    """

    tables: int = 0
    rows_compared: int = 0
    rows: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    platform: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[str]:
        """Everything that differs."""
        return [*self.rows, *self.objects]


def compare(load: Load, *, name_rows: bool = True, foreign_keys: bool = True) -> Comparison:
    """Compare the database of a restore with its backup. Reads only, but for a temporary table where rows differ."""
    found = Comparison()
    manifest = load.found.manifest
    wanted = load.wanted()
    with ThreadPoolExecutor(load.workers, thread_name_prefix="hotops-compare") as pool:
        for lines in pool.map(lambda table: _compare_table(load, table, found, name_rows=name_rows), wanted):
            found.rows += lines
    found.tables = len(wanted)
    with _session(load) as session:
        session.execute("set transaction isolation level repeatable read, read only")
        if load.tables:
            return found
        was, now = load.catalogue(), read_catalogue(session)
        differences = [one for one in compare_catalogues(was, now) if not _is_expected(one)]
        if load.held:
            differences = [one for one in differences if not is_held(one, load.held)]
        found.unproven += _not_compared(was, now)
        findings, named = sort_out([one for one in differences if not _is_unreadable(one)], now, load.may)
        found.objects += [str(difference) for difference in findings]
        found.platform += spoken(named)
        with session.cursor() as cursor:
            found.objects += _sequences(cursor, manifest.sequences)
            if foreign_keys:
                found.objects += _orphans(cursor)
    return found


def _compare_table(load: Load, table: Table, found: Comparison, *, name_rows: bool) -> list[str]:
    name = f"{quoted(table.schema_name)}.{quoted(table.name)}"
    with _session(load) as session:
        there = session.execute("select to_regclass(%s) is not null", (name,)).fetchone()
        if not there or not there[0]:
            return [f"table {table.full_name} is missing with its {table.rows} rows"]
        seen = fingerprint(session, name, table.where)
        found.rows_compared += seen.rows
        if table.fingerprint is None:
            found.unproven.append(f"{table.full_name}: the backup has no fingerprint of its rows, only their number")
            same = seen.rows == table.rows
        else:
            same = (seen.rows, seen.fingerprint) == (table.rows, table.fingerprint)
        if same:
            return []
        if not load.may.superuser and (table.schema_name in PLATFORM_SCHEMAS or table.full_name in OWN_ROWS):
            found.platform.append(f"rows that the platform keeps itself: {table.full_name}")
            return []
        if any(note.startswith(f"rows of {table.full_name}:") for note in load.problems):
            return []  # named there
        head = f"table {table.full_name}: {seen.rows} rows, {table.rows} were backed up"
        if seen.rows == table.rows:
            head = f"table {table.full_name}: as many rows as backed up ({table.rows}), and not the same"
        lines = _lines_of(load, session, table, name) if name_rows else []
    if not lines:
        return (
            [
                f"{head}; every row is as in the backup's parts: the parts differ from the source, or its server hashes otherwise"
            ]
            if name_rows
            else [head]
        )
    return [f"{head}: {'; '.join(lines)}"]


def _lines_of(load: Load, session: Any, table: Table, name: str) -> list[str]:
    """The named rows, or why none can be named: the table is not shaped any more as its rows were."""
    try:
        return list(_named(load, session, table, name))
    except driver().DataError as error:
        said = str(error).partition("\n")[0]
        return [f"its rows can't be told one by one, since its types are not as they were ({said})"]
    except driver().ProgrammingError as error:
        said = str(error).partition("\n")[0]
        return [f"its rows can't be told one by one, since its columns are not as they were ({said})"]


def _named(load: Load, session: Any, table: Table, name: str) -> Iterator[str]:
    """Which rows differ, by primary key, and in which columns; never a value of another column."""
    with session.cursor() as cursor:
        cursor.execute(f"create temporary table hotops_was (like {name})")
        for part in table.parts:
            statement = copy_in(table).replace(f"copy {name}", "copy pg_temp.hotops_was")
            with cursor.copy(statement) as copy:
                for block in load.blocks(part):
                    copy.write(block)
        columns = [column for column in columns_of(session, name)[name] if column.name in table.columns]
        cursor.execute(KEYS, (name, name))
        key = (cursor.fetchone() or (None,))[0]
        where = table.where
        if key:
            cursor.execute(_by_key(columns, key, name, where))
            for values, what, changed in cursor.fetchall():
                label = ", ".join(f"{column} {value}" for column, value in zip(key, values, strict=True))
                yield f"row {label} {what}" + (f" in {', '.join(changed)}" if changed else "")
        else:
            was, now = row_hash(columns, "was"), row_hash(columns, "now")
            cursor.execute(
                f"select coalesce(a.h, b.h)::text, coalesce(b.n, 0) - coalesce(a.n, 0) from"
                f" (select {was} h, count(*) n from pg_temp.hotops_was was group by 1) a full join"
                f" (select {now} h, count(*) n from only {name} now {where} group by 1) b using (h)"
                f" where a.n is distinct from b.n order by 1 limit {NAMED}"
            )
            for digest, more in cursor.fetchall():
                yield f"row with hash {digest}: {'missing' if more < 0 else 'too many'}, {abs(more)} times (no primary key)"
        cursor.execute("drop table pg_temp.hotops_was")


def _by_key(columns: list[Column], key: list[str], name: str, where: str) -> str:
    join = " and ".join(f"was.{quoted(column)} = now.{quoted(column)}" for column in key)
    first = quoted(key[0])
    values = ", ".join(f"coalesce(was.{quoted(column)}::text, now.{quoted(column)}::text)" for column in key)
    changed = ", ".join(
        f'case when was.{quoted(c.name)}::text collate "C" is distinct from now.{quoted(c.name)}::text collate "C" then \'{c.name.replace(chr(39), chr(39) * 2)}\' end'
        for c in columns
    )
    rows = f"(select * from only {name} t {where})"
    return (
        f"select array[{values}], case when now.{first} is null then 'is missing' when was.{first} is null then 'was not there' else 'is changed' end,"
        f" case when was.{first} is not null and now.{first} is not null then array_remove(array[{changed}], null) end"
        f" from pg_temp.hotops_was was full join {rows} now on {join}"
        f" where was.{first} is null or now.{first} is null or {row_hash(columns, 'was')} <> {row_hash(columns, 'now')}"
        f" order by 1 limit {NAMED}"
    )


def _sequences(cursor: Any, wanted: dict[str, tuple[int, bool]]) -> Iterator[str]:
    now = sequence_values(cursor)
    for name, (value, called) in wanted.items():
        if name not in now:
            continue  # the catalogue's comparison says that it is missing
        if now[name] != (value, called):
            yield f"sequence {name} stands at {now[name][0]}, was at {value}"
    cursor.execute(_SERIALS)
    for sequence, table, column, up in cursor.fetchall():
        if not up or sequence not in now:
            continue
        cursor.execute(f"select max({quoted(column)}) from {table}")
        highest = cursor.fetchone()[0]
        value, called = now[sequence]
        if (
            highest is not None
            and (highest > value or (highest == value and not called))
            and wanted.get(sequence) != now[sequence]
        ):
            yield f"sequence {sequence} stands at {value}, below {table}.{column} with {highest}: the next insert collides"


def _orphans(cursor: Any) -> Iterator[str]:
    """Rows were loaded with foreign keys asleep where those were there before: each is asked now."""
    cursor.execute(_FOREIGNKEYS)
    for name, child, parent, columns, targets in cursor.fetchall():
        together = " and ".join(f"c.{quoted(a)} = p.{quoted(b)}" for a, b in zip(columns, targets, strict=True))
        known = " and ".join(f"c.{quoted(column)} is not null" for column in columns)
        cursor.execute(
            f"select count(*) from {child} c where {known} and not exists (select from {parent} p where {together})"
        )
        orphans = cursor.fetchone()[0]
        if orphans:
            yield f"foreign key {name} of {child}: {orphans} rows without a {parent}"


def _not_compared(was: Catalogue, now: Catalogue) -> Iterator[str]:
    """What can't differ as far as anybody can tell, since one side does not know it."""
    older, newer = [kind for kind in now if kind not in was], [kind for kind in was if kind not in now]
    if older:
        yield f"not recorded by this older backup, and not compared: {', '.join(older)}"
    if newer:
        yield f"recorded by a newer hotops, and not compared by this one: {', '.join(newer)}"
    for name, content in was.get(CONTENT, {}).items():
        there = now.get(CONTENT, {}).get(name)
        if there is not None and UNREADABLE in (content, there):
            who = "the backup's role" if content == UNREADABLE else "this role"
            yield f"{CONTENT} {name}: {who} may not read it"


def _is_unreadable(one: Difference) -> bool:
    return one.kind == CONTENT and UNREADABLE in (one.wanted, one.found) and None not in (one.wanted, one.found)


def _is_expected(difference: Difference) -> bool:
    """A restored database has a name of its own, and the notes of its restore."""
    return difference.name.startswith("hotops_restore")


@contextlib.contextmanager
def _session(load: Load) -> Iterator[Any]:
    try:
        with contextlib.closing(load.connection.open(autocommit=False)) as session:
            yield session
    except driver().Error as error:
        raise explained(error, load.connection) from None
