"""The making of a backup: one snapshot, schema, rows by many workers, proof of content, manifest last."""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from hotops.backup import manifest as manifests
from hotops.backup.by_hand import restore_script
from hotops.backup.catalogue import LIVING, Catalogue, read_catalogue
from hotops.backup.connection import Connection, driver, explained
from hotops.backup.errors import BackupSuspicious
from hotops.backup.fingerprint import Column, Print, columns_of, print_query
from hotops.backup.keys import Sealer
from hotops.backup.manifest import Manifest, Part, Range, Table
from hotops.backup.pipeline import Copier, PartWriter, run_into
from hotops.backup.programs import Programs
from hotops.backup.progress import Progress, still_true, work_objects
from hotops.backup.ranges import PAGES, PageRange, cut, sql_name
from hotops.backup.scripts import (
    jobs_script,
    role_settings_script,
    roles_script,
    sequence_values,
    sequences_script,
    settings_script,
)
from hotops.backup.sentinel import shrunken, suspicious
from hotops.backup.store import Store
from hotops.backup.survey import Survey, survey
from hotops.backup.throttle import Throttle
from hotops.backup.watch import watched

#: Told now and then: bytes read, bytes there are, seconds so far.
Tell = Callable[[int, int, float], None]


@dataclass
class Dump:
    """One backup in the making. Call `begin`, `schema`, `rows`, `content`, `seal`, in this order, then `close`.

    A process that dies leaves notes in the store; a later one with the same `id` takes over what is still true.
    """

    connection: Connection
    programs: Programs
    store: Store
    sealer: Sealer
    environment: str
    env_kind: str
    database: str
    id: str
    workers: int = 3
    prints: bool = True
    pages: int = PAGES
    tell: Tell = lambda _done, _all, _seconds: None
    now: Callable[[], float] = time.time
    slowed: int = 0
    resumed: int = 0
    _session: Any = None
    _snapshot: str = ""
    _snapshot_text: str = ""
    _taken_at: float = 0.0
    _seen: Survey | None = None
    _catalogue: Catalogue = field(default_factory=dict)
    _schema_parts: dict[str, Part] = field(default_factory=dict)
    _ranges: dict[PageRange, Range] = field(default_factory=dict)
    _prints: dict[PageRange, Print] = field(default_factory=dict)
    _columns: dict[str, list[Column]] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """Its folder in the store."""
        return f"{manifests.folder_of(self.environment, self.database)}/{self.id}"

    @property
    def seen(self) -> Survey:
        """The database as its snapshot shows it."""
        if self._seen is None:
            raise RuntimeError("a dump has to begin before it is asked what it sees")
        return self._seen

    def begin(self) -> None:
        """Take the snapshot that everything is read in. Raises DatabaseFailed, PrivilegeMissing."""
        self._session = self.connection.open(autocommit=False)
        with self._explained(), self._session.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            cursor.execute("select pg_export_snapshot(), pg_current_snapshot()::text, extract(epoch from now())")
            self._snapshot, self._snapshot_text, taken_at = cursor.fetchone()
            self._taken_at = float(taken_at)
            self._seen = survey(self._session)
            self._catalogue = read_catalogue(self._session)

    def schema(self) -> dict[str, Part]:
        """Everything that is no row. Raises DatabaseFailed, StoreFailed."""
        command = [
            self.programs.path("pg_dump"), "--format=custom", "--compress=0", "--section=pre-data", "--section=post-data",
            f"--snapshot={self._snapshot}", "--no-password", "--no-subscriptions", "--lock-wait-timeout=60s",
            "--exclude-schema=hotops_restore",
        ]  # fmt: skip
        command += [f'--exclude-table="{schema}"."{name}"' for schema, name in self.seen.unreadable]
        with self.connection.for_programs() as access:
            self._schema_parts["schema"] = run_into(command, access, self._one("schema.pgdump"), self.connection.place)[
                0
            ]
            if self.seen.large_objects:
                command = [
                    self.programs.path("pg_dump"), "--format=custom", "--compress=0", "--section=data", "--large-objects"
                    if self.programs.major >= 16 else "--blobs", "--exclude-table-data=*.*", f"--snapshot={self._snapshot}", "--no-password",
                ]  # fmt: skip
                self._schema_parts["large_objects"] = run_into(
                    command, access, self._one("large_objects.pgdump"), self.connection.place
                )[0]
        with self._explained(), self._session.cursor() as cursor:
            texts = {
                "roles": roles_script(cursor), "role_settings": role_settings_script(cursor),
                "settings": settings_script(cursor), "jobs": jobs_script(cursor),
            }  # fmt: skip
        texts["catalogue"] = json.dumps(self._catalogue, sort_keys=True)
        for name, text in texts.items():
            if text:
                self._write(name, f"{name}.{'json' if name == 'catalogue' else 'sql'}", text)
        return self._schema_parts

    def rows(self) -> None:
        """Every row of every table, each range fingerprinted while the server still has it at hand.

        Raises DatabaseFailed, StoreFailed; what is done by then need not be done again.
        """
        progress = Progress(self.store, self.prefix, self.id, self.sealer.recipients)
        shape = {kind: found for kind, found in self._catalogue.items() if kind not in LIVING}
        progress.catalogue = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
        ranges = cut(self.seen.tables, self.pages)
        with self._explained():
            self._columns = columns_of(self._session, *(sql_name(table) for table in self.seen.tables))
        self._take_over(progress, ranges)
        left: queue.SimpleQueue[PageRange] = queue.SimpleQueue()
        for found in ranges:
            if found not in self._ranges:
                left.put(found)
        total, started = sum(found.bytes for found in ranges), time.monotonic()
        done = [sum(found.bytes for found in self._ranges)]
        guard, stop = threading.Lock(), threading.Event()
        throttle = Throttle(self.workers)
        copiers: list[Copier] = []

        def work(_number: int) -> None:
            with self.connection.for_programs() as access:
                copier = Copier(self.programs.path("psql"), access, self._snapshot, self.connection.place)
                copiers.append(copier)
                try:
                    copier.meet()
                    while not stop.is_set():
                        try:
                            found = left.get_nowait()
                        except queue.Empty:
                            return
                        with throttle:
                            read = self._read_range(copier, found)
                        progress.keep(found, read)
                        with guard:
                            self._ranges[found] = read
                            done[0] += found.bytes
                            self.tell(done[0], total, time.monotonic() - started)
                except BaseException:
                    stop.set()
                    raise
                finally:
                    copier.close()

        with (
            watched(self.connection, throttle, copiers),
            ThreadPoolExecutor(self.workers, thread_name_prefix="hotops-copy") as pool,
        ):
            futures = [pool.submit(work, number) for number in range(min(self.workers, left.qsize()))]
        self.slowed = throttle.slowed
        for future in futures:
            future.result()

    def content(self) -> None:
        """Fingerprint also what a dead attempt had read: every table is counted and proven in this one snapshot."""
        left: queue.SimpleQueue[PageRange] = queue.SimpleQueue()
        for found in self._ranges:
            if self.prints and found not in self._prints:
                left.put(found)

        def work(_number: int) -> None:
            with contextlib.closing(self.connection.open(autocommit=False)) as session, self._explained():
                session.execute("set transaction isolation level repeatable read, read only")
                session.execute(f"set transaction snapshot '{self._snapshot}'")
                while True:
                    try:
                        found = left.get_nowait()
                    except queue.Empty:
                        return
                    rows, total = session.execute(self._print_query(found)).fetchone()
                    self._prints[found] = Print(rows, total)

        with ThreadPoolExecutor(self.workers, thread_name_prefix="hotops-print") as pool:
            futures = [pool.submit(work, number) for number in range(min(self.workers, left.qsize()))]
        for future in futures:
            future.result()

    def _remedy(self, made: Manifest, last: Manifest | None) -> str:
        if last is None or not shrunken(made, last):
            return "Look at the database first. If the loss is meant, run it again with shrinkage=1."
        again = f"hotops backup create {self.environment} --shrinkage 1"
        return f"{again}    # keeps what is there now, and names the restore for what is gone; also if it is meant"

    def seal(self, last: Manifest | None, *, shrinkage: float) -> Manifest:
        """Judge the content and, if it is that of a backup, sign it. Raises BackupSuspicious: nothing is then listed."""
        with self._explained(), self._session.cursor() as cursor:
            sequences = sequence_values(cursor)
        self._write("sequences", "sequences.sql", sequences_script(sequences))
        made = self._manifest(sequences)
        wrong = suspicious(made, self.seen, last, shrinkage=shrinkage)
        if wrong:
            raise BackupSuspicious(
                f"{self.id} is no backup: {'; '.join(wrong)}.",
                remedy=self._remedy(made, last),
                details={"findings": wrong},
            )
        script = restore_script(made).encode()
        self.store.put(f"{self.prefix}/restore.sh", script)
        part = Part(
            name="restore.sh", bytes=len(script), sha256=hashlib.sha256(script).hexdigest(), plain_bytes=len(script)
        )
        made = made.model_copy(update={"schema_parts": {**made.schema_parts, "script": part}})
        sizes = self.store.sizes(self.prefix)
        kept = {f"{self.prefix}/{part.name}" for part in made.parts()}
        notes = work_objects(sizes, self.prefix)
        self.store.delete([name for name in sizes if name not in kept and name not in notes])
        missing = [name for name in kept if name not in sizes]
        if missing:
            raise BackupSuspicious(
                f"{self.id} is no backup: the store lost {', '.join(missing[:3])}.", remedy="Run it again."
            )
        manifests.seal(self.store, self.prefix, made)
        self.store.delete(notes)
        return made

    def close(self) -> None:
        """End the snapshot."""
        if self._session is not None:
            self._session.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _take_over(self, progress: Progress, ranges: list[PageRange]) -> None:
        """Keep what a dead attempt read, as far as the new snapshot sees the same row versions."""
        notes = progress.notes()
        with self._explained():
            for found in ranges:
                note = notes.get((found.table.full_name, found.first))
                if note is not None and still_true(self._session, note, found, progress.catalogue):
                    self._ranges[found] = note.done
        self.resumed = len(self._ranges)

    def _read_range(self, copier: Copier, found: PageRange) -> Range:
        writer = PartWriter(self.store, self.sealer, self.prefix, found.stem, ".copy.zst.age", by_row=True)
        copier.copy(found.query, writer.write)
        # Without an answer the server is asked again for this range, by another way, before anything is believed.
        if self.prints and (answer := copier.ask(self._print_query(found))):
            self._prints[found] = Print(int(answer[0]), answer[1])
        parts = writer.close()
        return Range(
            first=found.first,
            end=found.end,
            rows=sum(part.rows for part in parts),
            parts=parts,
            snapshot=self._snapshot_text,
        )

    def _print_query(self, found: PageRange) -> str:
        name = sql_name(found.table)
        return print_query(self._columns[name], name, found.where)

    def _one(self, name: str) -> PartWriter:
        return PartWriter(self.store, self.sealer, self.prefix, name, ".zst.age", by_row=False)

    def _write(self, key: str, name: str, text: str) -> None:
        writer = self._one(name)
        writer.write(text.encode())
        self._schema_parts[key] = writer.close()[0]

    def _manifest(self, sequences: Mapping[str, tuple[int, bool]]) -> Manifest:
        by_table: dict[str, list[tuple[PageRange, Range]]] = {}
        for found, read in self._ranges.items():
            by_table.setdefault(found.table.full_name, []).append((found, read))
        tables = []
        for name in sorted(by_table):
            pieces = sorted(by_table[name], key=lambda piece: piece[0].first)
            table = pieces[0][0].table
            prints = [self._prints[found] for found, _ in pieces if found in self._prints]
            rows = sum(seen.rows for seen in prints) if self.prints else sum(read.rows for _, read in pieces)
            total = str(sum(int(seen.fingerprint) for seen in prints)) if self.prints else None
            tables.append(
                Table(
                    schema=table.schema, name=table.name, columns=table.columns, where=table.where, rows=rows,
                    plain_bytes=sum(part.plain_bytes for _, read in pieces for part in read.parts),
                    fingerprint=total, ranges=tuple(read for _, read in pieces),
                )
            )  # fmt: skip
        return Manifest(
            id=self.id, environment=self.environment, env_kind=self.env_kind, database=self.database, place=self.connection.place,
            taken_at=self._taken_at, finished_at=self.now(), server_version=self.seen.server_version,
            client_version=self.programs.version, encoding=self.seen.encoding, recipients=self.sealer.recipients,
            schema_parts=dict(self._schema_parts), tables=tuple(tables), sequences=dict(sequences),
            left_out=self.seen.left_out, resumed=self.resumed,
        )  # fmt: skip

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except driver().Error as error:
            raise explained(error, self.connection) from None
