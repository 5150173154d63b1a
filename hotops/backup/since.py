"""The operation `restore_compare`: what a living database holds that a backup does not, and what it lost since; kept first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from hotops.backup import manifest as manifests
from hotops.backup.by_hand import copy_in
from hotops.backup.catalogue import CONTENT, UNREADABLE, read_catalogue
from hotops.backup.compare import KEYS
from hotops.backup.connection import Connection, driver, explained
from hotops.backup.create import SCREEN
from hotops.backup.errors import StoreFailed
from hotops.backup.fingerprint import Column, columns_of, fingerprint, quoted, row_hash
from hotops.backup.keys import Sealer
from hotops.backup.load import Load
from hotops.backup.manifest import Part, Table
from hotops.backup.pipeline import PartWriter
from hotops.backup.programs import find_programs
from hotops.backup.quick import check_part
from hotops.backup.ranges import slug
from hotops.backup.restore import trust
from hotops.backup.settings import Settings, Where, connection_of, opener_of, recipients_of, settings_of
from hotops.backup.survey import PLATFORM_SCHEMAS
from hotops.core.documented import Documented
from hotops.core.operation import Done, Fact, Operation, Plan, Step
from hotops.core.table import aligned

_NUMBERS = {"description": "Tables that differ: table, written, changed, lost.", "returned": "success", "type": "list"}


class CompareWanted(Where):
    """Which living database, with which backup."""

    backup: str = Field("newest", description="Id of the backup, or newest.")
    dsn_env: str | None = Field(
        None,
        description="Environment variable with a direct or session connection string of the living database;"
        " DATABASE_URL if omitted.",
    )
    tables: tuple[str, ...] = Field((), description="Only these tables, as schema.name; all if empty.")
    keep: bool = Field(
        default=False,
        description="Whether rows that were written or changed since are kept, sealed, beside the backups.",
    )
    identity_env: str | None = Field(
        None,
        description="Environment variable with an age identity, or the path of its file; HOTOPS_BACKUP_IDENTITY if omitted.",
    )
    trusted_key: str | None = Field(
        None, description="Id of a key (ed25519:…) to trust, where another computer made the backup."
    )


@dataclass(frozen=True)
class Since:
    """How one table differs from the backup: rows that are new, rows that are not as they were, rows that are gone."""

    table: str
    written: int
    changed: int
    lost: int
    keyless: bool = False

    @property
    def kept(self) -> int:
        """Rows that a restore would lose."""
        return self.written + self.changed


@dataclass(frozen=True)
class Beyond:
    """What a restore would lose that is no row of a table of the backup; nothing of it is kept."""

    tables: tuple[str, ...] = ()
    objects: Since = Since("large objects", 0, 0, 0)
    unproven: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """As an operator reads it."""
        lines = [f"{name} is not in the backup: a restore does not bring it" for name in self.tables]
        one = self.objects
        if one.written or one.changed or one.lost:
            lines.append(f"large objects: {one.written} written, {one.changed} changed, {one.lost} lost since")
        if self.tables or one.kept:
            lines.append(
                "--keep keeps rows of the tables above alone: copy tables that are not in the backup, and large objects, with pg_dump."
            )
        return [*lines, *(f"not compared: {line}" for line in self.unproven)]


@dataclass(frozen=True)
class Compared:
    """The living database beside the backup."""

    settings: Settings
    load: Load
    differing: tuple[Since, ...]
    same: int
    missing: tuple[str, ...] = ()
    beyond: Beyond = Beyond()
    parts: dict[str, tuple[Part, ...]] = field(default_factory=dict)


class CompareLiving(Operation[CompareWanted, Compared]):
    """Compare a living database with a backup, and keep what was written since, before anybody restores over it.

    Raises DatabaseFailed, StoreFailed, BackupDamaged, NoBackup, KeysUnusable.
    """

    name = "restore_compare"
    Want = CompareWanted
    needs_environment = True
    docs = Documented(
        short="Tell what a living database holds that a backup does not, and keep it",
        description=(
            "Compares each table of a living database with a backup row by row: rows written since, changed since, and lost since.",
            (
                "A table whose fingerprint is that of the backup is not read again; the others are compared in the database"
                " itself, in temporary tables that go with the session."
            ),
            (
                "With O(keep=true) the rows that a restore would lose (written or changed since) are kept beside the backups, sealed for"
                " the same keys; age, zstd and psql bring them back (docs/backup-format.md)."
            ),
        ),
        returns={
            "backup": {
                "description": "Id of the backup.",
                "returned": "success",
                "type": "str",
                "sample": "20260131T100000Z-3f9a2c",
            },
            "differing": {
                **_NUMBERS,
                "elements": "dict",
                "sample": [{"table": "public.orders", "written": 12, "changed": 3, "lost": 0}],
            },
            "same": {
                "description": "How many tables are as they were.",
                "returned": "success",
                "type": "int",
                "sample": 64,
            },
            "missing": {
                "description": "Tables of the backup that are not there any more.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": [],
            },
            "new_tables": {
                "description": "Tables that are there and not in the backup; O(keep) does not keep them.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": [],
            },
            "large_objects": {
                "description": "How many large objects were written, changed and lost since; O(keep) does not keep them.",
                "returned": "success",
                "type": "dict",
                "sample": {"written": 0, "changed": 0, "lost": 0},
            },
            "unproven": {
                "description": "What could not be compared, and why.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": [],
            },
            "kept": {
                "description": "Where the kept rows are, by table.",
                "returned": "with O(keep=true)",
                "type": "dict",
                "sample": {},
            },
        },
        examples="""
- name: What would a restore of the newest backup lose
  hotops.core.restore_compare:
  register: since

- name: It is kept before anything is restored
  hotops.core.restore_compare:
    keep: true
""",
        see_also=("restore", "restore_points", "backup_info"),
    )

    def observe(self) -> Compared:
        want, context = self.want, self.context
        settings = settings_of(context, want)
        found = manifests.find(settings.store, settings.environment, settings.database, want.backup)
        trust(found, want.trusted_key)
        opener = opener_of(context, settings, want.identity_env or settings.declared.identity_env)
        connection = connection_of(context, want.dsn_env or settings.declared.dsn_env)
        with connection.open() as session:
            row = session.execute("select current_setting('server_version_num')::int / 10000").fetchone()
        programs = find_programs(row[0] if row else 0)
        load = Load(connection, programs, settings.store, opener, found, tables=want.tables)
        differing, missing, same = [], [], 0
        for table in load.wanted():
            since = self._since(load, table)
            if since is None:
                missing.append(table.full_name)
            elif since.written or since.changed or since.lost:
                differing.append(since)
            else:
                same += 1
        beyond = Beyond() if want.tables else _beyond(load)
        return Compared(settings, load, tuple(differing), same, tuple(missing), beyond)

    def plan(self, state: Compared) -> Plan:
        self._state = state
        wanted = [since for since in state.differing if since.kept]
        if not self.want.keep or not wanted:
            return Plan(why_empty=f"{len(state.differing)} of {len(state.differing) + state.same} tables differ")
        steps = [
            Step(since.table, f"{self._folder}/{slug(since.table)}", "create", {}, {"rows": since.kept}, phase="keep")
            for since in wanted
        ]
        backup = state.load.found.manifest.id
        return Plan(tuple(steps), f"rows written since {backup} are kept", {"backup": backup})

    def apply(self, step: Step, done: Done) -> Fact:
        state = self._state
        table = state.load.found.manifest.table(step.name)
        if table is None:
            return {}
        sealer = Sealer(recipients_of(self.context, state.settings, ()))
        stem = f"{slug(step.name)}"
        writer = PartWriter(state.settings.store, sealer, self._folder, stem, ".copy.zst.age", by_row=True)
        with (
            _beside(state.load, table) as (session, pair),
            session.cursor() as cursor,
            cursor.copy(pair.since) as copy,
        ):
            for block in copy:
                writer.write(bytes(block))
        parts = writer.close()
        state.settings.store.settle(self._folder)
        state.parts[step.name] = parts
        return {"rows": sum(part.rows for part in parts), "parts": [f"{self._folder}/{part.name}" for part in parts]}

    def verify(self, plan: Plan, done: Done) -> None:
        """What was kept lies in the store as it was written. Raises StoreFailed."""
        state = self._state
        for parts in state.parts.values():
            for part in parts:
                wrong = check_part(part, state.settings.store.get(f"{self._folder}/{part.name}"))
                if wrong:
                    raise StoreFailed(
                        f"What was kept is not in the store as it was written: {self._folder}/{wrong}.",
                        remedy="Restore nothing over this database yet; run it again.",
                    )

    def report(self, state: Compared, plan: Plan, done: Done) -> dict[str, Any]:
        rows = [(one.table, str(one.written), str(one.changed), str(one.lost)) for one in state.differing]
        lines = aligned(rows, ("table", "written since", "changed since", "lost since")) if rows else []
        lines.append(f"{state.same} tables are as in {state.load.found.manifest.id}")
        lines += [f"{name} is not there any more" for name in state.missing]
        lines += state.beyond.lines
        kept = {name: fact["parts"] for name, fact in done.items() if "parts" in fact}
        if kept:
            count = sum(int(str(done[name]["rows"])) for name in kept)
            lines.append(f"kept: {count} rows in {self._folder}")
        elif any(one.kept for one in state.differing):
            lines.append("A restore would lose what was written or changed: --keep keeps it first.")
        told = [
            {"table": one.table, "written": one.written, "changed": one.changed, "lost": one.lost}
            for one in state.differing
        ]
        return {
            "backup": state.load.found.manifest.id, "differing": told, "same": state.same,
            "missing": list(state.missing), "kept": kept, "new_tables": list(state.beyond.tables),
            "large_objects": {
                "written": state.beyond.objects.written, "changed": state.beyond.objects.changed, "lost": state.beyond.objects.lost,
            },
            "unproven": list(state.beyond.unproven), SCREEN: lines,
        }  # fmt: skip

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _folder(self) -> str:
        settings = self._state.settings
        return f"{settings.environment}/.kept/{settings.database}/{self.context.run}"

    def _since(self, load: Load, table: Table) -> Since | None:
        """None where the table is gone."""
        name = f"{quoted(table.schema_name)}.{quoted(table.name)}"
        with _session(load.connection) as session:
            there = session.execute("select to_regclass(%s) is not null", (name,)).fetchone()
            if not there or not there[0]:
                return None
            if table.fingerprint is not None:
                seen = fingerprint(session, name, table.where)
                if (seen.rows, seen.fingerprint) == (table.rows, table.fingerprint):
                    return Since(table.full_name, 0, 0, 0)
        with _beside(load, table) as (session, pair):
            written, changed, lost = session.execute(pair.counted).fetchone()
            return Since(table.full_name, written, changed, lost, keyless=not pair.has_key)


def _beyond(load: Load) -> Beyond:
    """Tables that the backup does not know, and large objects by their content."""
    was = load.catalogue()
    with _session(load.connection) as session:
        session.execute("set transaction isolation level repeatable read, read only")
        now = read_catalogue(session, kinds=frozenset({"table", CONTENT}))
    new = tuple(
        sorted(
            name
            for name, definition in now["table"].items()
            if definition.startswith("table ")
            and name not in was["table"]
            and name.partition(".")[0] not in PLATFORM_SCHEMAS
        )
    )
    if CONTENT not in was:
        known = () if not now[CONTENT] else ("large objects: this older backup does not record what is in them",)
        return Beyond(new, unproven=known)
    before, after = was[CONTENT], now[CONTENT]
    closed = sorted(name for name in {*before, *after} if UNREADABLE in (before.get(name), after.get(name)))
    written, lost = sum(name not in before for name in after), sum(name not in after for name in before)
    changed = sum(before[name] != after[name] for name in before if name in after and name not in closed)
    unproven = (f"what is in the large objects {', '.join(closed[:9])}: the role may not read them",) if closed else ()
    return Beyond(new, Since("large objects", written, changed, lost), unproven)


@dataclass(frozen=True)
class _Pair:
    """A living table and its rows of the backup, in one session: how they are counted, and how the new ones are read."""

    counted: str
    since: str
    has_key: bool


@contextlib.contextmanager
def _beside(load: Load, table: Table) -> Iterator[tuple[Any, _Pair]]:
    """The backup's rows of a table in a temporary one, beside the living table."""
    name = f"{quoted(table.schema_name)}.{quoted(table.name)}"
    with _session(load.connection) as session, session.cursor() as cursor:
        cursor.execute(f"create temporary table hotops_was (like {name}) on commit drop")
        for part in table.parts:
            with cursor.copy(copy_in(table).replace(f"copy {name}", "copy pg_temp.hotops_was")) as copy:
                for block in load.blocks(part):
                    copy.write(block)
        columns = [column for column in columns_of(session, name)[name] if column.name in table.columns]
        cursor.execute(KEYS, (name, name))
        key = (cursor.fetchone() or (None,))[0]
        yield session, _pair(columns, key, name, table)


def _pair(columns: list[Column], key: list[str] | None, name: str, table: Table) -> _Pair:
    was, now = row_hash(columns, "was"), row_hash(columns, "now")
    living = f"(select * from only {name} t {table.where})"
    wanted = ", ".join(f"now.{quoted(column.name)}" for column in columns)
    if key:
        join = " and ".join(f"was.{quoted(column)} = now.{quoted(column)}" for column in key)
        new, gone = f"was.{quoted(key[0])} is null", f"now.{quoted(key[0])} is null"
        both = f"pg_temp.hotops_was was full join {living} now on {join}"
        other = f"not ({new}) and not ({gone}) and {was} <> {now}"
        counted = f"select count(*) filter (where {new}), count(*) filter (where {other}), count(*) filter (where {gone}) from {both}"
        return _Pair(counted, f"copy (select {wanted} from {both} where {new} or ({other})) to stdout", has_key=True)
    # Without a key a row is its content: of equal ones, so many more or fewer than there were.
    before = f"(select {was} h, count(*) n from pg_temp.hotops_was was group by 1) a"
    after = f"(select {now} h, count(*) n from {living} now group by 1) b"
    more = f"{before} full join {after} using (h)"
    counted = (
        f"select coalesce(sum(greatest(coalesce(b.n, 0) - coalesce(a.n, 0), 0)), 0)::bigint, 0::bigint,"
        f" coalesce(sum(greatest(coalesce(a.n, 0) - coalesce(b.n, 0), 0)), 0)::bigint from {more}"
    )
    numbered = (
        f"(select now.*, {now} as hotops_h, row_number() over (partition by {now}) as hotops_n from {living} now) now"
    )
    since = f"copy (select {wanted} from {numbered} left join {before} on a.h = now.hotops_h where now.hotops_n > coalesce(a.n, 0)) to stdout"
    return _Pair(counted, since, has_key=False)


@contextlib.contextmanager
def _session(connection: Connection) -> Iterator[Any]:
    try:
        with contextlib.closing(connection.open(autocommit=False)) as session:
            yield session
    except driver().Error as error:
        raise explained(error, connection) from None
