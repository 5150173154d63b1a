"""The database server of one Supabase project: started on its own loopback address, stopped without a trace."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hotops.sandbox.archive import Archive, ended_early
from hotops.sandbox.ca import Authority
from hotops.sandbox.orphans import remove_folder
from hotops.sandbox.pgbouncer import TransactionPool, find_program
from hotops.sandbox.pooler import MAX_CLIENTS, POOL_SIZE
from hotops.sandbox.postgres_account import Account, choose_account
from hotops.sandbox.postgres_programs import Programs, find_programs
from hotops.sandbox.postgres_template import SUPERUSER, Login, PostgresFailed, copy_template, scram_verifier, set_roles

PORT = 5432
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
RECOVERY_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Toolkit:
    """What all clusters of one sandbox share: the programs, how to run them, where templates are kept."""

    programs: Programs
    account: Account
    cache_dir: Path

    @classmethod
    def gather(cls, cache_dir: Path) -> Toolkit:
        """Find the programs and the account. Raises: PostgresNotFound, NoAccount."""
        return cls(find_programs(cache_dir), choose_account(), cache_dir)


@dataclass(repr=False)
class Cluster:
    """One project's PostgreSQL: superuser ``supabase_admin``, login role ``postgres`` with the project's password.

    ``folder`` is the cluster's own; ``host_names`` are in its certificate; with ``archive_every_s`` it can be brought
    back to a moment; ``owner_roles`` are in it, for login roles to act as. What starts a server must be called from a
    thread that lives as long as the sandbox: the kernel ends the server when the *thread* that started it ends.
    """

    toolkit: Toolkit
    authority: Authority
    folder: Path
    ref: str
    host_names: tuple[str, ...]
    password: str
    archive_every_s: float | None = None
    owner_roles: Sequence[str] = ()
    archive: Archive | None = None
    address: str = ""
    pool: TransactionPool | None = None
    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _place: Path = Path()
    _process: subprocess.Popen[bytes] | None = None
    _untouched_mark: str = ""

    def start(self) -> None:
        """Make the cluster anew from the template and start it; returns when it answers. Raises: PostgresFailed."""
        toolkit = self.toolkit
        self._place = toolkit.account.folder_for_data(self.folder)
        copy_template(toolkit.programs, toolkit.account, toolkit.cache_dir, self._data_dir)
        self.address = self.address or free_loopback_address()
        if toolkit.programs.tls:
            self._write_certificate(self._data_dir)
        set_roles(toolkit.programs, toolkit.account, self._data_dir, self._logins(), self.owner_roles)
        if self.archive_every_s is not None:
            self.archive = Archive(self._place / "archive", toolkit.account, self.archive_every_s)
            self.archive.begin(self._data_dir)
        self._run(START_TIMEOUT_S)
        self._untouched_mark = self._mark()

    def stop(self) -> None:
        """Stop the server and remove its data; safe to call twice."""
        self._end_server()
        remove_folder(self.folder)

    def lose(self) -> None:
        """The disk is gone, and the server with it; only what was archived is left."""
        self._end_server()
        remove_folder(self._data_dir)

    def recover(self, moment: float | None) -> None:
        """Bring the data back as they were at ``moment`` (unix seconds; None: as late as the archive reaches).

        What was committed since is lost, as it is on the platform. Raises: OutsideWindow, PostgresFailed.
        """
        if self.archive is None:
            raise PostgresFailed(f"{self.ref} keeps no archive of its log")
        self._end_server()
        for target in (moment, None):
            self.archive.lay_out(self._data_dir, target)
            try:
                self._run(RECOVERY_TIMEOUT_S)
            except PostgresFailed as failure:
                if target is None or not ended_early(str(failure)):
                    raise
            else:
                break

    def _end_server(self) -> None:
        pool, self.pool = self.pool, None
        if pool is not None:
            pool.stop()
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # immediate: nothing in it is kept
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def _data_dir(self) -> Path:
        return self._place / "data"

    def _run(self, timeout_s: float) -> None:
        options = {"listen_addresses": self.address}
        if self.toolkit.programs.tls:
            options["ssl"] = "on"
        if self.archive is not None:
            options |= self.archive.settings()
        log_file = self._place / "postgres.log"
        self._process = self._spawn(self._data_dir, options, log_file)
        self._wait_until_it_answers(log_file, timeout_s)
        self._start_pool()
        if self.archive is not None:
            self._wake_the_checkpointer()

    def _start_pool(self) -> None:
        program = find_program()
        if program is None:
            return
        self.pool = TransactionPool(
            program,
            self.toolkit.account,
            self._place / "pooler",
            self._data_dir,
            self.address,
            SUPERUSER,
            self.admin_password,
            POOL_SIZE,
            MAX_CLIENTS,
        )
        self.pool.start(self.toolkit.programs.environment())

    def _wake_the_checkpointer(self) -> None:
        """It fell asleep while the server was recovering, for minutes: only once awake does it heed archive_timeout."""
        import psycopg

        with psycopg.connect(self.connection_string(), autocommit=True) as connection:
            connection.execute("checkpoint")

    def reset(self) -> None:
        """Back to the seed; nothing to do where no transaction has written since. Raises: PostgresFailed."""
        if self._process is not None and self._process.poll() is None and self._mark() == self._untouched_mark:
            return
        self.stop()
        self.start()

    def _logins(self) -> list[Login]:
        """The project's own. The name with the ref is the pooler's to understand: no role bears it."""
        return [Login(SUPERUSER, self.admin_password), Login("postgres", self.password)]

    def connection_string(self) -> str:
        """A libpq string that logs in as the superuser; it holds a password: never log it."""
        return (
            f"host={self.address} port={PORT} dbname=postgres user={SUPERUSER} password={self.admin_password} "
            "connect_timeout=5 application_name=supabase"
        )

    def set_password(self, password: str) -> None:
        """Give the role postgres another password: the former one ends at once. Raises: PostgresFailed."""
        import psycopg

        try:
            with psycopg.connect(self.connection_string(), autocommit=True) as connection:
                connection.execute(f"alter role postgres password '{scram_verifier(password)}'")
        except psycopg.Error as error:
            raise PostgresFailed(f"the password could not be changed ({type(error).__name__})") from None

    def is_answering(self) -> bool:
        """Whether a connection and a query succeed within a few seconds."""
        try:
            self._mark()
        except PostgresFailed:
            return False
        return True

    def _mark(self) -> str:
        """The next transaction id: it moves with every transaction that writes, and with those only.

        A server that still recovers answers reads and no more; it counts as not answering.
        """
        import psycopg

        try:
            with psycopg.connect(self.connection_string(), autocommit=True) as connection:
                row = connection.execute(
                    "select pg_snapshot_xmax(pg_current_snapshot())::text where not pg_is_in_recovery()"
                ).fetchone()
        except psycopg.Error as error:
            raise PostgresFailed(f"PostgreSQL of {self.ref} does not answer: {type(error).__name__}") from None
        if row is None:
            raise PostgresFailed(f"PostgreSQL of {self.ref} is recovering")
        return str(row[0])

    def _write_certificate(self, data_dir: Path) -> None:
        leaf = self.authority.issue([*self.host_names, self.address])
        for name, content in (("server.crt", leaf.certificate_pem), ("server.key", leaf.key_pem)):
            descriptor = os.open(data_dir / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            self.toolkit.account.own(data_dir / name)

    def _spawn(self, data_dir: Path, options: dict[str, str], log_file: Path) -> subprocess.Popen[bytes]:
        toolkit = self.toolkit
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with log_file.open("ab") as output:
            return subprocess.Popen(
                [*toolkit.account.server_prefix, toolkit.programs.path("postgres"), "-D", str(data_dir), *settings],
                env=toolkit.programs.environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Its own session: a Ctrl-C meant for the sandbox must not reach it before the sandbox has stopped.
                start_new_session=True,
            )

    def _wait_until_it_answers(self, log_file: Path, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            if self.is_answering():
                return
            time.sleep(0.02)
        tail = " / ".join(log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
        self._end_server()
        raise PostgresFailed(f"PostgreSQL of {self.ref} did not start: {tail}")


def free_loopback_address() -> str:
    """A random 127.x.y.z where nobody listens on 5432, so that sandboxes side by side do not meet.

    Raises: PostgresFailed when something listens on 5432 on every address.
    """
    for _attempt in range(20):
        address = "127." + ".".join(str(secrets.randbelow(253) + 1) for _octet in range(3))
        with socket.socket() as probe:
            try:
                probe.bind((address, PORT))
            except OSError:
                continue
        return address
    raise PostgresFailed(
        "Port 5432 is taken on every loopback address: a PostgreSQL on this computer listens on all of them. "
        "Have it listen on 127.0.0.1 only (listen_addresses in postgresql.conf)."
    )
