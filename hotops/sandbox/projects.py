"""The databases behind the Supabase projects: started, lost, brought back, made and deleted while the sandbox runs."""

from __future__ import annotations

import logging
import secrets
import string
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from hotops.sandbox.archive import ARCHIVE_EVERY_S, OutsideWindow
from hotops.sandbox.ca import Authority
from hotops.sandbox.host_map import map_pooler, other_pooler_hosts, pooler_host
from hotops.sandbox.pgbouncer import find_program
from hotops.sandbox.pooler import Pooler, Upstream
from hotops.sandbox.postgres import PORT, Cluster, Toolkit, free_loopback_address

Status = Literal["ACTIVE_HEALTHY", "ACTIVE_UNHEALTHY", "COMING_UP", "RESTORING", "RESTORE_FAILED", "INIT_FAILED"]
_Work = Callable[[], None]

log = logging.getLogger(__name__)


@dataclass
class Database:
    """One project's server, and what the platform is doing with it (None: nothing)."""

    project: Mapping[str, Any]
    cluster: Cluster
    made_at: float
    busy: Status | None = None

    def connection_string(self) -> str:
        """A libpq string of the superuser."""
        return self.cluster.connection_string()

    def owners_string(self) -> str:
        """What a project's dashboard shows: the direct host, as the role postgres."""
        password = quote(str(self.project["db_pass"]), safe="")
        return f"postgresql://postgres:{password}@db.{self.project['ref']}.supabase.co:{PORT}/postgres"

    def set_password(self, password: str) -> None:
        """Give its role postgres another password. Raises PostgresFailed."""
        self.cluster.set_password(password)

    @property
    def status(self) -> Status:
        """The project's status as the Management API tells it."""
        if self.busy is not None:
            return self.busy
        return "ACTIVE_HEALTHY" if self.cluster.is_answering() else "ACTIVE_UNHEALTHY"

    @property
    def window(self) -> tuple[float, float] | None:
        """The moments that it can be brought back to, first and last, in unix seconds; None without an archive."""
        archive = self.cluster.archive
        return None if archive is None else (archive.earliest, archive.latest)


class Databases:
    """All of them. Work that starts a server is queued for the sandbox's main thread (``queue``): see ``Cluster``.

    ``changed`` is told when names come or go, so that the map of addresses can be written again.
    """

    def __init__(
        self,
        seed: Mapping[str, Any],
        folder: Path,
        authority: Authority,
        *,
        gather: Callable[[], Toolkit],
        queue: Callable[[_Work], Future[None]],
        changed: _Work,
        speed: float,
    ) -> None:
        self._seed: list[dict[str, Any]] = list(seed.get("supabase", {}).get("projects", []))
        self._folder = folder
        self._authority = authority
        self._gather = gather
        self._queue = queue
        self._changed = changed
        self._speed = speed
        self._lock = threading.Lock()
        self._known: dict[str, Database] = {}
        self._addresses: dict[str, str] = {}
        self._poolers: dict[str, Pooler] = {}
        self._other_poolers = other_pooler_hosts(seed)
        self.removed: set[str] = set()
        self.toolkit: Toolkit | None = None

    def __iter__(self) -> Iterator[Database]:
        with self._lock:
            return iter(list(self._known.values()))

    def find(self, ref: str) -> Database | None:
        """The database of a project."""
        with self._lock:
            return self._known.get(ref)

    def organizations(self) -> list[str]:
        """The organisations that have or had a project."""
        return sorted({str(project["organization"]) for project in (*self._seed, *(one.project for one in self))})

    def start(self) -> None:
        """Start every project of the seed; nothing where it has none."""
        if not self._seed:
            return
        toolkit = self._toolkit()
        log.info("PostgreSQL %s (%s) runs %s", toolkit.programs.version, toolkit.programs.source, toolkit.account.note)
        for project in self._seed:
            self._add(project, time.time() - 365 * 86400).cluster.start()
        for host in self._other_poolers:
            self._pooler(host)

    def stop(self) -> None:
        """End all servers and remove their data."""
        for pooler in self._poolers.values():
            pooler.stop()
        for database in self:
            database.cluster.stop()

    def reset(self) -> None:
        """Back to the seed: what was made is gone, what was deleted is there again."""
        self.removed.clear()
        wanted = {project["ref"]: project for project in self._seed}
        for database in self:
            if database.project["ref"] not in wanted:
                self._forget(database)
        for ref, project in wanted.items():
            known = self.find(ref)
            if known is None:
                self._add(project, time.time() - 365 * 86400).cluster.start()
            else:
                known.busy = None
                known.cluster.reset()
        self._changed()

    def pooler_places(self) -> dict[str, Any]:
        """Where the poolers' names are found."""
        return dict(
            entry
            for pooler in list(self._poolers.values())
            for entry in map_pooler(pooler.host, pooler.address, pooler.ports)
        )

    # --- what a client of the platform asks for -----------------------------------------------------------------------

    def create(self, *, name: str, organization: str, region: str, password: str, now: float) -> Database:
        """Make a project; it comes up while the answer is already on its way."""
        ref = "".join(secrets.choice(string.ascii_lowercase) for _letter in range(20))
        project = {
            "ref": ref,
            "name": name,
            "region": region,
            "organization": organization,
            "db_pass": password,
            "pitr": any(seeded.get("pitr") for seeded in self._seed),
        }
        database = self._add(project, now)
        database.busy = "COMING_UP"
        self._later(database, database.cluster.start, if_it_fails="INIT_FAILED")
        return database

    def recover(self, database: Database, moment: float | None) -> None:
        """Bring a project back to a moment, in place. Raises OutsideWindow at once, where it is outside the window."""
        window = database.window
        if window is None:
            raise OutsideWindow("the project keeps no archive")
        if moment is not None and not window[0] <= moment <= window[1]:
            raise OutsideWindow(f"the moment is not between {window[0]:.0f} and {window[1]:.0f}")
        database.busy = "RESTORING"
        self._later(database, lambda: database.cluster.recover(moment), if_it_fails="RESTORE_FAILED")

    def remove(self, database: Database) -> None:
        """Delete a project with all its backups."""
        self._forget(database)
        self._changed()

    def lose(self, database: Database) -> None:
        """A disaster: server and disk are gone; the archive is not."""
        database.cluster.lose()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _toolkit(self) -> Toolkit:
        if self.toolkit is None:
            self.toolkit = self._gather()
            (self._folder / "pg").mkdir(mode=0o700, exist_ok=True)
        return self.toolkit

    def _add(self, project: Mapping[str, Any], made_at: float) -> Database:
        ref = project["ref"]
        toolkit = self._toolkit()
        cluster = Cluster(
            toolkit,
            self._authority,
            self._folder / "pg" / ref,
            ref,
            (f"db.{ref}.supabase.co",),
            project["db_pass"],
            archive_every_s=ARCHIVE_EVERY_S / self._speed if project.get("pitr") else None,
            owner_roles=tuple(project.get("owner_roles") or ()),
            address=self._addresses.get(ref, ""),
        )
        self._pooler(pooler_host(project))
        database = Database(project, cluster, made_at)
        with self._lock:
            self._known[ref] = database
        return database

    def _pooler(self, host: str) -> Pooler:
        """The pooler of this name: one for all projects of a region."""
        if host not in self._poolers:

            def upstream(ref: str) -> Upstream | None:
                database = self.find(ref)
                if database is None or pooler_host(database.project) != host or not database.cluster.address:
                    return None
                pool = database.cluster.pool
                return Upstream(database.cluster.address, PORT, pool.port if pool else 0)

            transactions = find_program() is not None
            pooler = Pooler(host, free_loopback_address(), self._authority, upstream, self._folder, transactions)
            pooler.start()
            self._poolers[host] = pooler
        return self._poolers[host]

    def _forget(self, database: Database) -> None:
        with self._lock:
            self._known.pop(database.project["ref"], None)
            self.removed.add(database.project["ref"])
        database.cluster.stop()
        self._addresses[database.project["ref"]] = database.cluster.address  # its name leads there when it comes back

    def _later(self, database: Database, work: _Work, *, if_it_fails: Status) -> None:
        def carry_out() -> None:
            try:
                work()
            except RuntimeError as failure:
                log.error("%s: %s", database.project["ref"], failure)
                database.busy = if_it_fails
            else:
                database.busy = None
                self._changed()

        self._queue(carry_out)
