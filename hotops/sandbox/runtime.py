"""A running sandbox: what is started in which order, and how it ends without a trace."""

from __future__ import annotations

import json
import logging
import os
import queue
import secrets
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotops.sandbox import clients, unix_server
from hotops.sandbox.ca import DEFAULT_LEAF_DAYS, Authority, ServerNames
from hotops.sandbox.databases import Connector
from hotops.sandbox.files import BACKUPS, write_file
from hotops.sandbox.github.api import HOSTS as GITHUB_HOSTS
from hotops.sandbox.host_map import API_HOSTS, app_hosts, map_database, map_hosts, map_project
from hotops.sandbox.orphans import stop_orphans
from hotops.sandbox.pgbouncer import find_program
from hotops.sandbox.postgres import PORT, Toolkit
from hotops.sandbox.projects import Databases
from hotops.sandbox.server import Listener
from hotops.sandbox.supabase import HOST as SUPABASE_HOST
from hotops.sandbox.supabase import ManagementApi
from hotops.sandbox.supabase_host import DOMAIN, ProjectHosts
from hotops.sandbox.supabase_keys import ProjectKeys
from hotops.sandbox.surfaces import ApiSurfaces
from hotops.sandbox.twin import Twin

STATE_FILE = "state.json"
SCHEMA = 1
RESET_TIMEOUT_S = 60.0
WITHOUT_TRANSACTIONS = "session mode only: there is no PgBouncer on this computer, so nobody listens on port 6543"

log = logging.getLogger(__name__)

_Job = tuple[Callable[[], None], "Future[None]"] | None


class Sandbox:
    """One sandbox in one folder, from its seed. ``start``, ``serve`` and ``stop`` belong to the process's main thread.

    Databases must be started from a thread that outlives them, so what other threads need of them is queued for it.
    """

    def __init__(self, folder: Path, cache_dir: Path, seed: dict[str, Any], speed: float) -> None:
        self._folder = folder
        self._seed = seed
        self._speed = speed
        self._authority = Authority()
        self._connector = Connector()
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._databases = Databases(
            seed,
            folder,
            self._authority,
            gather=lambda: Toolkit.gather(cache_dir),
            queue=self._on_main_thread,
            changed=self._map_databases,
            speed=speed,
        )
        self._host_map: dict[str, Any] = {}
        self._state: dict[str, Any] = {}
        self._listeners: list[Listener] = []
        self._api_port = 0
        self._keys: ProjectKeys | None = None

    def start(self) -> None:
        """Start everything, and say so in state.json last of all."""
        began = time.monotonic()
        write_file(self._folder / "ca.pem", self._authority.certificate_pem)
        self._databases.start()
        twin = Twin(self._seed, speed=self._speed, connect=self._connector)
        tokens = {**twin.tokens, "supabase": f"sandbox-{secrets.token_hex(16)}"}
        control_token = secrets.token_urlsafe(24)
        hosts = app_hosts(self._seed)
        surfaces = ApiSurfaces(
            twin,
            control_token,
            databases=self._databases,
            before_reset=self._before_reset,
            stop=lambda: self._jobs.put(None),
        )
        days = {host: DEFAULT_LEAF_DAYS if expiry is None else expiry for host, expiry in hosts.items()}
        api = Listener(surfaces, (*API_HOSTS, f"*.{DOMAIN}"), secure=True)
        app = Listener(twin, hosts)
        app_tls = Listener(twin, hosts, tls=ServerNames(self._authority, days, self._folder))
        self._listeners = [api, app, app_tls]
        if unix_server.fits(self._folder / clients.SOCKET):
            self._listeners.append(unix_server.UnixListener(surfaces, GITHUB_HOSTS, self._folder / clients.SOCKET))
        api_url = f"http://127.0.0.1:{api.port}"
        own = clients.prepare(self._folder, api_url)
        management = ManagementApi(self._databases, tokens["supabase"], own["supabase_token"])
        twin.mount(SUPABASE_HOST, "supabase", management.handle)
        twin.mount(f"*.{DOMAIN}", "supabase", ProjectHosts(self._databases, management.keys).handle)
        self._keys, self._api_port = management.keys, api.port
        self._host_map = map_hosts(self._seed, api_port=api.port, app_port=app.port, app_tls_port=app_tls.port)
        for listener in self._listeners:
            listener.serve_in_background()
        self._state = {
            "schema": SCHEMA,
            "pid": os.getpid(),
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "speed": self._speed,
            "control": {"url": api_url, "token": control_token},
            "ca_file": str(self._folder / "ca.pem"),
            "tokens": tokens,
            "clients": own,
            "postgres": _told(self._databases.toolkit),
        }
        self._map_databases()
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
        self._databases.stop()
        stop_orphans(self._folder / "pg")
        shutil.rmtree(self._folder / clients.GH, ignore_errors=True)
        for name in ("ca.pem", clients.PROFILE):
            (self._folder / name).unlink(missing_ok=True)
        clients.forget(self._folder)
        log.info("stopped")

    def _map_databases(self) -> None:
        """Tell clients and machines where each name is, in state.json."""
        hosts = dict(self._host_map)
        strings: dict[str, str] = {}
        toolkit = self._databases.toolkit
        for database in self._databases:
            if not database.cluster.address:
                continue  # it is still coming up
            tls = toolkit is not None and toolkit.programs.tls
            hosts |= map_database(database.project, database.cluster.address, PORT, tls=tls)
            hosts |= map_project(database.project, self._api_port)
            own = database.owners_string()
            strings |= {str(database.project["ref"]): own, str(database.project["name"]): own}
        hosts |= self._databases.pooler_places()
        # Also where nothing moved: it remembers outcomes for a moment, and those were of the databases before.
        self._connector.set_hosts(hosts, str(self._folder / "ca.pem"))
        write_file(
            self._folder / STATE_FILE,
            json.dumps({**self._state, "hosts": hosts, "databases": strings}, indent=1).encode(),
        )

    def _on_main_thread(self, work: Callable[[], None]) -> Future[None]:
        outcome: Future[None] = Future()
        self._jobs.put((work, outcome))
        return outcome

    def _before_reset(self) -> None:
        clients.forget(self._folder)
        if self._keys is not None:
            self._keys.forget()
        shutil.rmtree(self._folder / BACKUPS, ignore_errors=True)
        self._on_main_thread(self._databases.reset).result(RESET_TIMEOUT_S)


def _pooler_told() -> str:
    program = find_program()
    return f"session mode, transaction mode by PgBouncer {program.version}" if program else WITHOUT_TRANSACTIONS


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
        "pooler": _pooler_told(),
    }
