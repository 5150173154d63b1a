"""The database server of one Supabase project: started on its own loopback address, stopped without a trace."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from hotops.sandbox.ca import Authority
from hotops.sandbox.orphans import remove_folder
from hotops.sandbox.postgres_account import Account, choose_account
from hotops.sandbox.postgres_programs import Programs, find_programs
from hotops.sandbox.postgres_template import SUPERUSER, Login, PostgresFailed, copy_template, set_logins

PORT = 5432
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0


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

    ``folder`` is the cluster's own; ``host_names`` are in its certificate. ``start`` and ``stop`` must be called
    from a thread that lives as long as the sandbox: the kernel ends the server when the *thread* that started it ends.
    """

    toolkit: Toolkit
    authority: Authority
    folder: Path
    ref: str
    host_names: tuple[str, ...]
    password: str
    address: str = ""
    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _process: subprocess.Popen[bytes] | None = None
    _untouched_mark: str = ""

    def start(self) -> None:
        """Make the cluster anew from the template and start it; returns when it answers. Raises: PostgresFailed."""
        toolkit = self.toolkit
        place = toolkit.account.folder_for_data(self.folder)
        data_dir = place / "data"
        copy_template(toolkit.programs, toolkit.account, toolkit.cache_dir, data_dir)
        self.address = self.address or free_loopback_address()
        options = {"listen_addresses": self.address}
        if toolkit.programs.tls:
            self._write_certificate(data_dir)
            options["ssl"] = "on"
        set_logins(toolkit.programs, toolkit.account, data_dir, self._logins())
        self._process = self._spawn(data_dir, options, place / "postgres.log")
        self._wait_until_it_answers(place / "postgres.log")
        self._untouched_mark = self._mark()

    def stop(self) -> None:
        """Stop the server and remove its data; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # immediate: nothing in it is kept
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        remove_folder(self.folder)

    def reset(self) -> None:
        """Back to the seed; nothing to do where no transaction has written since. Raises: PostgresFailed."""
        if self._process is not None and self._process.poll() is None and self._mark() == self._untouched_mark:
            return
        self.stop()
        self.start()

    def _logins(self) -> list[Login]:
        """The project's own, and the user name its pooler expects, which reaches this same server here."""
        return [
            Login(SUPERUSER, self.admin_password),
            Login("postgres", self.password),
            Login(f"postgres.{self.ref}", self.password, acts_as="postgres"),
        ]

    def connection_string(self) -> str:
        """A libpq string that logs in as the superuser; it holds a password: never log it."""
        return (
            f"host={self.address} port={PORT} dbname=postgres user={SUPERUSER} password={self.admin_password} "
            "connect_timeout=5 application_name=supabase"
        )

    def is_answering(self) -> bool:
        """Whether a connection and a query succeed within a few seconds."""
        try:
            self._mark()
        except PostgresFailed:
            return False
        return True

    def _mark(self) -> str:
        """The next transaction id: it moves with every transaction that writes, and with those only."""
        import psycopg

        try:
            with psycopg.connect(self.connection_string(), autocommit=True) as connection:
                row = connection.execute("select pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
        except psycopg.Error as error:
            raise PostgresFailed(f"PostgreSQL of {self.ref} does not answer: {type(error).__name__}") from None
        return str(row[0]) if row else ""

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

    def _wait_until_it_answers(self, log_file: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            if self.is_answering():
                return
            time.sleep(0.02)
        tail = " / ".join(log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-4:])
        self.stop()
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
