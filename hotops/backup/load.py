"""The bringing back of a backup: roles, schema, rows by many workers, sequences, indexes by many workers, the rest."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotops.backup.by_hand import copy_in
from hotops.backup.catalogue import Catalogue
from hotops.backup.connection import Connection, driver, explained
from hotops.backup.errors import BackupDamaged, RestoreFailed, RestoreRefused
from hotops.backup.fingerprint import quoted
from hotops.backup.hosted import OWN_ROWS, Rights, rights
from hotops.backup.keys import Opener
from hotops.backup.manifest import Found, Part, Table
from hotops.backup.outside import NO_HANDLER, hold_event_triggers, hold_servers, quiet_settings
from hotops.backup.pipeline import opened
from hotops.backup.programs import Programs
from hotops.backup.quick import check_part
from hotops.backup.refusals import sorted_refusals
from hotops.backup.selection import entries_of, large_object_entries, listed_entries
from hotops.backup.store import Store
from hotops.backup.survey import PLATFORM_SCHEMAS
from hotops.backup.turns import Turns

#: Where a restore keeps what it has done, in the restored database itself; it goes with the last step.
NOTES = "hotops_restore"


@dataclass
class Load:
    """One restore into one database. Call the phases in order; each may be called again after a death."""

    connection: Connection
    programs: Programs
    store: Store
    opener: Opener
    found: Found
    workers: int = 3
    tables: tuple[str, ...] = ()
    index_memory_mb: int = 256
    tell: Callable[[int, int, float], None] = lambda _done, _all, _seconds: None
    problems: list[str] = field(default_factory=list)
    #: What the role of this restore was refused; a comparison names what came of it.
    refused: list[str] = field(default_factory=list)
    #: What the comparison could not compare, with the reason.
    unproven: list[str] = field(default_factory=list)
    resumed: int = 0
    #: Whether all by which the restored database could call out is held back, and what was.
    quiet: bool = False
    held: list[str] = field(default_factory=list)
    _may: Rights | None = None

    @property
    def may(self) -> Rights:
        """What the role of this restore may do there."""
        if self._may is None:
            with self._session() as session:
                self._may = rights(session)
        return self._may

    # --- phases -------------------------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Make sure that nothing of a living database is overwritten, and take notes in it. Raises RestoreRefused."""
        manifest = self.found.manifest
        with self._session() as session, session.cursor() as cursor:
            cursor.execute(f"select to_regclass('{NOTES}.done') is not null")
            if cursor.fetchone()[0]:
                cursor.execute(f"select backup from {NOTES}.done where part = ''")
                begun = (cursor.fetchone() or ("another backup",))[0]
                if begun != manifest.id:
                    raise RestoreRefused(
                        f"{self.connection.place} holds a restore of {begun} that did not end.",
                        remedy="Finish that one, or drop the database and begin anew.",
                    )
                return
            full = self._filled(cursor)
            if full:
                raise RestoreRefused(
                    f"{self.connection.place} is not empty: {', '.join(full[:5])}{' …' if len(full) > 5 else ''} hold rows. "
                    "Nothing was written.",
                    remedy="Restore into a new database; over a living one: overwrite with its name typed twice.",
                )
            cursor.execute(f"create schema {NOTES}")
            cursor.execute(f"create table {NOTES}.done (part text primary key, backup text)")
            cursor.execute(f"insert into {NOTES}.done values ('', %s)", (manifest.id,))

    def roles(self, *, all_of_them: bool = False) -> None:
        """Roles that are missing; on a server of its own also what the others were."""
        with self._session() as session:
            for name in ("roles", "role_settings") if all_of_them else ("roles",):
                self._run_script(session, name)

    def pre_data(self) -> None:
        """Schemas, types, functions, tables, extensions. Raises RestoreFailed with what could not be made."""
        owners = self._pg_restore("pre-data")
        if owners:
            self._give_again(owners)
        if self._holds:
            with self._session() as session:
                self._keep_held(hold_servers(session))

    def rows(self) -> None:
        """Every row, once: a part and the note that it is there are one transaction."""
        parts = [(table, part) for table in self.wanted() for part in table.parts]
        with self._session() as session:
            done = {row[0] for row in session.execute(f"select part from {NOTES}.done").fetchall()}
        left = Turns(item for item in parts if item[1].name not in done)
        self.resumed = len(parts) - len(left)
        total, started = sum(part.bytes for _, part in parts), time.monotonic()
        read = [sum(part.bytes for _, part in parts if part.name in done)]
        guard, stop = threading.Lock(), threading.Event()

        def work(_number: int) -> None:
            try:
                with self._session(autocommit=False, synchronous_commit="off") as session:
                    self._without_triggers(session)
                    for table, part in left.take():
                        self._load(session, table, part)
                        with guard:
                            read[0] += part.bytes
                            self.tell(read[0], total, time.monotonic() - started)
                        if stop.is_set():
                            return
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(self.workers, thread_name_prefix="hotops-load") as pool:
            futures = [pool.submit(work, number) for number in range(min(self.workers, len(left)))]
        for future in futures:
            future.result()
        if "large_objects" in self.found.manifest.schema_parts and not self.tables:
            self._pg_restore("data", "large_objects")

    def sequences(self) -> None:
        """Each sequence to where it was."""
        with self._session() as session:
            self._run_script(session, "sequences", tolerant=bool(self.tables))

    def post_data(self) -> None:
        """Indexes, keys, foreign keys, triggers, policies, publications: by several workers."""
        self._pg_restore("post-data")
        if self._holds:
            with self._session() as session:
                self._keep_held(hold_event_triggers(session))

    def settings(self) -> None:
        """Settings of the database."""
        with self._session() as session:
            self._run_script(session, "settings")

    def jobs(self) -> None:
        """Scheduled jobs, which start at once: never for a drill."""
        with self._session() as session:
            session.execute("select 1")
            if "jobs" in self.found.manifest.schema_parts:
                there = session.execute("select to_regclass('cron.job') is not null").fetchone()
                if not (there and there[0]):
                    self.problems.append("scheduled jobs: there is no pg_cron here; jobs.sql.zst.age holds them")
                    return
                session.execute("delete from cron.job where database = current_database()")
                self._run_script(session, "jobs")

    def analyze(self) -> None:
        """Statistics, without which the first queries are slow."""
        with self._session(search_path="pg_catalog") as session:
            if not self._holds:
                session.execute("analyze")
                return
            # A partitioned table is sampled in its foreign partitions, too, and these are held back.
            names = session.execute("select oid::regclass::text from pg_class where relkind in ('r', 'm')").fetchall()
            for (name,) in names:
                session.execute(f"analyze {name}")

    def finish(self) -> None:
        """Take the notes away: the restore is whole."""
        with self._session() as session:
            session.execute(f"drop schema if exists {NOTES} cascade")

    def catalogue(self) -> Catalogue:
        """What the backed-up database was like beside its rows."""
        data: Catalogue = json.loads(self.text_of("catalogue"))
        return data

    def text_of(self, key: str) -> str:
        """A part that is text."""
        part = self.found.manifest.schema_parts[key]
        return b"".join(self.blocks(part)).decode()

    def blocks(self, part: Part) -> Iterator[bytes]:
        """A part's plain content. Raises BackupDamaged where it is not what the manifest says."""
        sealed = self.store.get(f"{self.found.prefix}/{part.name}")
        wrong = check_part(part, sealed)
        if wrong:
            raise BackupDamaged(f"{self.found.prefix}/{wrong}.", remedy="Restore an older backup: hotops backup list.")
        size = 0
        for block in opened(sealed, lambda content: self.opener.open(content, part.name)):
            size += len(block)
            yield block
        if size != part.plain_bytes:
            raise BackupDamaged(f"{part.name} holds {size} bytes, {part.plain_bytes} were written.")

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _holds(self) -> bool:
        """Only a superuser can hold back; who is none is told by whoever looks whether all is quiet."""
        return self.quiet and self.may.superuser

    def _keep_held(self, found: list[str]) -> None:
        self.held += [line for line in found if line not in self.held]

    def wanted(self) -> list[Table]:
        """Tables to load: all, or those asked for. Raises RestoreRefused for one that is not in the backup."""
        manifest = self.found.manifest
        if not self.tables:
            return list(manifest.tables)
        wanted = []
        for name in self.tables:
            table = manifest.table(name if "." in name else f"public.{name}")
            if table is None:
                raise RestoreRefused(
                    f"{manifest.id} has no table {name}.", remedy="hotops backup show lists its tables."
                )
            wanted.append(table)
        return wanted

    def _filled(self, cursor: Any) -> list[str]:
        filled = []
        for table in self.wanted():
            if not self.may.superuser and table.schema_name in PLATFORM_SCHEMAS:
                continue  # a project's own services fill these as soon as it is there
            cursor.execute("select to_regclass(%s) is not null", (f"{quoted(table.schema_name)}.{quoted(table.name)}",))
            if not cursor.fetchone()[0] or table.full_name in OWN_ROWS or table.where:
                continue
            cursor.execute(f"select exists (select from only {quoted(table.schema_name)}.{quoted(table.name)})")
            if cursor.fetchone()[0]:
                filled.append(table.full_name)
        return filled

    def _load(self, session: Any, table: Table, part: Part) -> None:
        name = f"{quoted(table.schema_name)}.{quoted(table.name)}"
        with session.cursor() as cursor:
            if self._is_the_platforms(cursor, table, name):
                session.rollback()
                return
            with cursor.copy(copy_in(table)) as copy:
                for block in self.blocks(part):
                    copy.write(block)
            if cursor.rowcount != part.rows:
                session.rollback()
                raise RestoreFailed(f"{part.name}: {cursor.rowcount} rows of {part.rows} arrived.")
            cursor.execute(f"insert into {NOTES}.done values (%s, null)", (part.name,))
        session.commit()

    def _is_the_platforms(self, cursor: Any, table: Table, name: str) -> bool:
        """Whether the rows that are there stay: the platform's own, or such as this role may not write (which is noted)."""
        platform = not self.may.superuser and table.schema_name in PLATFORM_SCHEMAS
        if platform or table.full_name in OWN_ROWS:
            cursor.execute(
                f"select exists (select from only {name}) and not exists (select from {NOTES}.done where part = any(%s))",
                ([part.name for part in table.parts],),
            )
            if cursor.fetchone()[0]:
                return True
        if self.may.superuser:
            return False
        cursor.execute("select has_table_privilege(%s, 'insert')", (name,))
        if cursor.fetchone()[0]:
            return False
        note = f"rows of {table.full_name}: {self.may.role} may not write them here"
        if note not in self.problems:
            self.problems.append(note)
        return True

    def _without_triggers(self, session: Any) -> None:
        """No trigger may fire and no key be asked while rows come back; both are proven afterwards."""
        try:
            session.execute("set session_replication_role = replica")
            session.commit()
        except driver().errors.InsufficientPrivilege:
            session.rollback()
            note = "triggers that were there before the restore fired: this role may not set session_replication_role"
            if note not in self.problems:
                self.problems.append(note)

    def _run_script(self, session: Any, key: str, *, tolerant: bool = False) -> None:
        text = self.text_of(key)
        if not tolerant:
            session.add_notice_handler(self._noticed)
            session.execute(text.encode())
            return
        for line in text.splitlines():
            if line.startswith("select"):
                with contextlib.suppress(driver().errors.UndefinedTable):
                    session.execute(line.encode())

    def _give_again(self, owners: list[str]) -> None:
        """Owners that were refused: one needs the schema's leave to create, and grants come last. Then grants once more.

        What was granted to the owner until then has become the new one's.
        """
        errors = driver().errors
        with self._session() as session:
            for command in owners:
                try:
                    session.execute(command.encode())
                except errors.FeatureNotSupported:
                    continue  # a sequence of a column, which follows its table
                except (errors.InsufficientPrivilege, errors.InvalidGrantOperation) as error:
                    said = str(error).partition("\n")[0]
                    self.refused.append(f"{command}: {said}")
        self._pg_restore("pre-data", kind="ACL")

    def _noticed(self, notice: Any) -> None:
        """A script goes on where a superuser would be needed, and warns."""
        if notice.severity_nonlocalized == "WARNING" and notice.message_primary not in self.refused:
            self.refused.append(str(notice.message_primary))

    def _pg_restore(self, section: str, key: str = "schema", *, kind: str = "") -> list[str]:
        """One section of a dump, or its entries of one kind; the statements about owners that were refused.

        What is there already, or is not this role's to make, is no failure; the rest is.
        """
        with tempfile.TemporaryDirectory(prefix="hotops-") as folder:
            archive = Path(folder) / "archive"
            with archive.open("wb") as file:
                for block in self.blocks(self.found.manifest.schema_parts[key]):
                    file.write(block)
            command = [
                self.programs.path("pg_restore"),
                "--no-password",
                f"--dbname={self.connection.database}",
                # Grants are of no section of their own: alone, they would count as the last one's.
                *([] if kind else [f"--section={section}"]),
            ]
            if section == "post-data":
                command += [f"--jobs={self.workers}"]
            if self.tables or kind or key == "large_objects":
                listing = Path(folder) / "list"
                listing.write_text(self._only_wanted(archive, key, kind), encoding="utf-8")
                command += [f"--use-list={listing}"]
            settings = {}
            if section == "post-data":  # what the last phase commits settles these too
                settings = {"maintenance_work_mem": f"{self.index_memory_mb}MB", "synchronous_commit": "off"}
            if self._holds:
                with self._session() as session:
                    settings |= quiet_settings(session)
            with self.connection.for_programs(**settings) as access:
                done = subprocess.run(
                    [*command, str(archive)], env=dict(access.environment), pass_fds=access.files, stdin=subprocess.DEVNULL,
                    capture_output=True, text=True, errors="replace", check=False,
                )  # fmt: skip
        return self._judge(section, done.returncode, done.stderr) if done.returncode else []

    def _only_wanted(self, archive: Path, key: str, kind: str) -> str:
        """The list of entries about the wanted tables alone, of one kind where one is named."""
        listed = listed_entries(self.programs.path("pg_restore"), archive, kind)
        if key == "large_objects":
            return large_object_entries(listed)
        if not self.tables:
            return listed
        tables = [(table.schema_name, table.name) for table in self.wanted()]
        return entries_of(listed, tables, self.catalogue())

    def _judge(self, section: str, code: int, said: str) -> list[str]:
        missing = frozenset(name for name in self.catalogue()["extension"] if self.may.may_not_make(name))
        found = sorted_refusals(said, self.may, missing)
        wrong = [line for line in found.wrong if not (self._holds and NO_HANDLER.search(line))]
        if self._holds:  # what is made of a foreign table stays empty
            self._keep_held([line for line in found.wrong if line not in wrong])
        if not wrong and (code != 1 or "errors ignored on restore" not in said):  # it did not go on to its end
            last = said.strip().rpartition("\n")[2][:300]
            wrong = [*wrong, f"pg_restore ended with {code}: {last}"]
        if wrong:
            absent = f" {', '.join(sorted(missing))} can't be made by {self.may.role} there." if missing else ""
            raise RestoreFailed(
                f"{self.connection.place}, {section}: {len(wrong)} things could not be made: {' / '.join(wrong[:4])}",
                remedy="Enable the extensions first (a hosted project: Database, Extensions in its dashboard), or restore as a "
                f"superuser of a PostgreSQL of your own.{absent} Run it again then: it goes on.",
                details={"failed": wrong[:50]},
            )
        self.refused += [line for line in found.not_ours if line not in self.refused]
        return found.owners

    @contextlib.contextmanager
    def _session(self, *, autocommit: bool = True, **settings: str) -> Iterator[Any]:
        try:
            with contextlib.closing(self.connection.open(autocommit=autocommit, **settings)) as session:
                yield session
        except driver().Error as error:
            raise explained(error, self.connection) from None
