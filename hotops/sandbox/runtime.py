"""A running sandbox: what is started in which order, and how it ends without a trace."""

from __future__ import annotations

import json
import logging
import os
import queue
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotops.sandbox import clients
from hotops.sandbox.ca import DEFAULT_LEAF_DAYS, Authority, ServerNames
from hotops.sandbox.databases import Connector
from hotops.sandbox.files import write_file
from hotops.sandbox.host_map import API_HOSTS, app_hosts, map_database, map_hosts, pooler_host
from hotops.sandbox.orphans import stop_orphans
from hotops.sandbox.postgres import PORT, Cluster, Toolkit
from hotops.sandbox.server import Listener
from hotops.sandbox.supabase import HOST as SUPABASE_HOST
from hotops.sandbox.supabase import ManagementApi, Project
from hotops.sandbox.surfaces import ApiSurfaces
from hotops.sandbox.twin import Twin

STATE_FILE = "state.json"
SCHEMA = 1
RESET_TIMEOUT_S = 60.0

log = logging.getLogger(__name__)

_Job = tuple[Callable[[], None], "Future[None]"] | None


class Sandbox:
    """One sandbox in one folder, from its seed. ``start``, ``serve`` and ``stop`` belong to the process's main thread.

    Databases must be started from a thread that outlives them, so what other threads need of them is queued for it.
    """

    def __init__(self, folder: Path, cache_dir: Path, seed: dict[str, Any], speed: float) -> None:
        self._folder = folder
        self._cache_dir = cache_dir
        self._seed = seed
        self._speed = speed
        self._authority = Authority()
        self._connector = Connector()
        self._clusters: dict[str, Cluster] = {}
        self._host_map: dict[str, Any] = {}
        self._listeners: list[Listener] = []
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()

    def start(self) -> None:
        """Start everything, and say so in state.json last of all."""
        began = time.monotonic()
        write_file(self._folder / "ca.pem", self._authority.certificate_pem)
        toolkit = self._start_databases()
        twin = Twin(self._seed, speed=self._speed, connect=self._connector)
        tokens = {**twin.tokens, "supabase": f"sandbox-{secrets.token_hex(16)}"}
        control_token = secrets.token_urlsafe(24)
        hosts = app_hosts(self._seed)
        surfaces = ApiSurfaces(twin, control_token, before_reset=self._before_reset, stop=lambda: self._jobs.put(None))
        days = {host: DEFAULT_LEAF_DAYS if expiry is None else expiry for host, expiry in hosts.items()}
        api = Listener(surfaces, API_HOSTS, secure=True)
        app = Listener(twin, hosts)
        app_tls = Listener(twin, hosts, tls=ServerNames(self._authority, days, self._folder))
        self._listeners = [api, app, app_tls]
        api_url = f"http://127.0.0.1:{api.port}"
        own = clients.prepare(self._folder, api_url)
        management = ManagementApi(list(self._shown_projects(toolkit)), tokens["supabase"], own["supabase_token"])
        twin.mount(SUPABASE_HOST, "supabase", management.handle)
        host_map = map_hosts(self._seed, api_port=api.port, app_port=app.port, app_tls_port=app_tls.port)
        for project in self._projects():
            cluster = self._clusters[project["ref"]]
            tls = toolkit is not None and toolkit.programs.tls
            host_map |= map_database(project, cluster.address, PORT, tls=tls)
        self._host_map = host_map
        self._connector.set_hosts(host_map, str(self._folder / "ca.pem"))
        for listener in self._listeners:
            listener.serve_in_background()
        state = {
            "schema": SCHEMA,
            "pid": os.getpid(),
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "speed": self._speed,
            "control": {"url": api_url, "token": control_token},
            "hosts": host_map,
            "ca_file": str(self._folder / "ca.pem"),
            "tokens": tokens,
            "clients": own,
            "postgres": _told(toolkit),
        }
        write_file(self._folder / STATE_FILE, json.dumps(state, indent=1).encode())
        log.info("ready after %.2f s, control on port %s", time.monotonic() - began, api.port)

    def serve(self) -> None:
        """Work until a shutdown is asked for."""
        while (job := self._jobs.get()) is not None:
            work, outcome = job
            try:
                work()
            except Exception as error:  # noqa: BLE001 it is raised where it was asked for
                outcome.set_exception(error)
            else:
                outcome.set_result(None)

    def ask_to_stop(self) -> None:
        """Have `serve` return; safe from a signal handler and from any thread."""
        self._jobs.put(None)

    def stop(self) -> None:
        """End everything that was started, however far the start came; the folder keeps the log only."""
        (self._folder / STATE_FILE).unlink(missing_ok=True)
        for listener in self._listeners:
            listener.stop()
        for cluster in self._clusters.values():
            cluster.stop()
        stop_orphans(self._folder / "pg")
        for name in ("ca.pem", clients.PROFILE):
            (self._folder / name).unlink(missing_ok=True)
        clients.forget(self._folder)
        log.info("stopped")

    def _projects(self) -> list[dict[str, Any]]:
        projects: list[dict[str, Any]] = self._seed.get("supabase", {}).get("projects", [])
        return projects

    def _shown_projects(self, toolkit: Toolkit | None) -> Iterator[Project]:
        for project in self._projects() if toolkit else []:
            yield Project(
                ref=project["ref"],
                name=project["name"],
                region=project["region"],
                organization=project["organization"],
                created_at=time.time() - 365 * 86400,
                postgres_version=toolkit.programs.version if toolkit else "",
                pooler_host=pooler_host(project),
                database=self._clusters[project["ref"]],
                newest_backup_age_s=project.get("newest_backup_age_s"),
            )

    def _start_databases(self) -> Toolkit | None:
        if not self._projects():
            return None
        toolkit = Toolkit.gather(self._cache_dir)
        log.info("PostgreSQL %s (%s) runs %s", toolkit.programs.version, toolkit.programs.source, toolkit.account.note)
        (self._folder / "pg").mkdir(mode=0o700, exist_ok=True)
        for project in self._projects():
            ref = project["ref"]
            names = (f"db.{ref}.supabase.co", pooler_host(project))
            cluster = Cluster(toolkit, self._authority, self._folder / "pg" / ref, ref, names, project["db_pass"])
            self._clusters[ref] = cluster
            cluster.start()
        return toolkit

    def _before_reset(self) -> None:
        clients.forget(self._folder)
        self._reset_databases()

    def _reset_databases(self) -> None:
        """Have the main thread bring the databases back to the seed, and wait for it."""
        outcome: Future[None] = Future()
        self._jobs.put((self._reset_clusters, outcome))
        outcome.result(RESET_TIMEOUT_S)
        # It remembers outcomes for a moment, and those were of the database before.
        self._connector.set_hosts(self._host_map, str(self._folder / "ca.pem"))

    def _reset_clusters(self) -> None:
        for cluster in self._clusters.values():
            cluster.reset()


def _told(toolkit: Toolkit | None) -> dict[str, Any] | None:
    if toolkit is None:
        return None
    programs = toolkit.programs
    return {
        "version": programs.version,
        "source": programs.source,
        "tls": programs.tls,
        "contrib": programs.contrib,
        "runs": toolkit.account.note,
    }
