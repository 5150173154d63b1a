"""PgBouncer before one project's PostgreSQL, in transaction mode: what port 6543 of the pooler leads to."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hotops.sandbox.postgres_account import Account
from hotops.sandbox.postgres_template import PostgresFailed

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
#: Prepared statements on the wire are followed since this release; the pooler's errors need them not to be.
FOLLOWS_STATEMENTS = (1, 21)

_SETTINGS = """
[databases]
* = host={address} port={server_port}

[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = {max_clients}
auth_type = scram-sha-256
auth_file = {users}
auth_user = {auth_user}
auth_query = select rolname, rolpassword from pg_authid where rolname = $1 and rolcanlogin
ignore_startup_parameters = extra_float_digits,options,search_path
server_reset_query =
server_login_retry = 1
query_wait_timeout = 15
log_connections = 0
log_disconnections = 0
logfile = {log_file}
"""


@dataclass(frozen=True)
class Program:
    """PgBouncer on this computer."""

    path: str
    version: str

    @property
    def settings(self) -> str:
        """What this release has to be told beside the rest."""
        numbers = tuple(int(part) for part in self.version.split(".")[:2])
        return "max_prepared_statements = 0\n" if numbers >= FOLLOWS_STATEMENTS else ""


@cache
def find_program() -> Program | None:
    """The installed PgBouncer, None where there is none: Debian puts it where an ordinary user's PATH does not look."""
    path = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
    if path is None:
        return None
    told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    found = re.search(r"PgBouncer (\d+\.\d+(?:\.\d+)?)", told)
    return Program(path, found[1]) if found else None


@dataclass(repr=False)
class TransactionPool:
    """PgBouncer for one server at ``address``. Started from a thread that lives as long as the sandbox: see Cluster.

    ``folder`` takes its files. It works in ``data_dir``, by which one that outlived its sandbox is found.
    """

    program: Program
    account: Account
    folder: Path
    data_dir: Path
    address: str
    auth_user: str
    auth_password: str
    pool_size: int
    max_clients: int
    port: int = 6543
    _process: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it, and return when it listens. Raises: PostgresFailed."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self.folder)
        users = self.folder / "users.txt"
        secret = self.auth_password.replace('"', '""')
        self._write(users, f'"{self.auth_user}" "{secret}"\n')
        log_file = self.folder / "pgbouncer.log"
        settings = _SETTINGS.format(
            address=self.address,
            server_port=5432,
            port=self.port,
            pool_size=self.pool_size,
            max_clients=self.max_clients,
            users=users,
            auth_user=self.auth_user,
            log_file=log_file,
        )
        config = self.folder / "pgbouncer.ini"
        self._write(config, settings + self.program.settings)
        self._process = subprocess.Popen(
            [*self.account.server_prefix, self.program.path, "-q", str(config)],
            env=dict(environment),
            cwd=self.data_dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                told = log_file.read_text(encoding="utf-8", errors="replace") if log_file.exists() else ""
                self.stop()
                raise PostgresFailed(f"PgBouncer did not start: {' / '.join(told.splitlines()[-4:])}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once; safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()  # for PgBouncer: an immediate shutdown
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex((self.address, self.port)) == 0

    def _write(self, path: Path, text: str) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        self.account.own(path)
