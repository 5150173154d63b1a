"""The proof of a connection string: resolve, connect, verify TLS, log in, ask, prepare a statement twice."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hotops.core.errors import MissingExtra
from hotops.core.secret import scrub
from hotops.core.world import World
from hotops.dsn.connection import LIBPQ_OPTIONS, Dsn
from hotops.dsn.explaining import cause_of, cure_of

if TYPE_CHECKING:
    import psycopg

Outcome = Literal["ok", "failed", "not_asked"]
STAGES = ("resolve", "tcp", "tls", "login", "select", "prepared")
TIMEOUT_S = 8
#: Options that are passed on: what says where and how safely to connect is decided here.
_PASSED_ON = frozenset({"options", "application_name", "channel_binding", "target_session_attrs"})


@dataclass(frozen=True)
class Stage:
    """One step of a proof, with what was seen; `cause` names the error where its text is known."""

    name: str
    outcome: Outcome
    said: str
    cause: str | None = None


@dataclass(frozen=True)
class Proof:
    """What came of connecting from here."""

    stages: tuple[Stage, ...]

    @property
    def works(self) -> bool:
        """Whether it logs in and answers; a prepared statement is another question."""
        return any(stage.name == "select" and stage.outcome == "ok" for stage in self.stages)

    @property
    def keeps_statements(self) -> bool | None:
        """Whether a prepared statement lasts; None where it was not asked."""
        outcome = next((stage.outcome for stage in self.stages if stage.name == "prepared"), "not_asked")
        return None if outcome == "not_asked" else outcome == "ok"

    @property
    def failure(self) -> Stage | None:
        """The first step that failed."""
        return next((stage for stage in self.stages if stage.outcome == "failed"), None)


class _Failed(Exception):
    def __init__(self, said: str, cause: str | None) -> None:
        super().__init__(said)
        self.said, self.cause = said, cause


@dataclass(frozen=True)
class Prover:
    """Proves connection strings from this computer. `ca_file`: whom to trust for TLS, besides a sandbox's authority."""

    world: World
    ca_file: Path | None = None
    timeout_s: int = TIMEOUT_S

    def prove(self, dsn: Dsn) -> Proof:
        """Go step by step until one fails. Writes nothing. Raises MissingExtra."""
        return self._proven(dsn, STAGES)

    def log_in(self, dsn: Dsn) -> Proof:
        """The same up to the login, in one connection. Raises MissingExtra."""
        return self._proven(dsn, STAGES[: STAGES.index("select")])

    def _proven(self, dsn: Dsn, wanted: tuple[str, ...]) -> Proof:
        driver = _driver()
        found: dict[str, Any] = {}
        steps: tuple[tuple[str, Callable[[], str]], ...] = (
            ("resolve", lambda: self._resolve(dsn, found)),
            ("tcp", lambda: self._tcp(dsn, found)),
            ("tls", lambda: self._login(driver, dsn, found)),
            ("login", lambda: f"as {found['who']}"),
            ("select", lambda: _answered(found["connection"])),
            ("prepared", lambda: self._prepared(driver, dsn, found)),
        )
        stages: list[Stage] = []
        with contextlib.ExitStack() as stack:
            found["stack"] = stack
            for name, step in steps:
                if name not in wanted:
                    continue
                try:
                    stages.append(Stage(name, "ok", step()))
                except _Failed as failure:
                    where = "login" if name == "tls" and not _is_about_tls(failure.cause) else name
                    if where == "login":
                        stages.append(Stage("tls", "ok", "reached"))
                    said = scrub(failure.said, [dsn.password] if dsn.password else [])
                    stages.append(Stage(where, "failed", said, failure.cause))
                    break
        reached = {stage.name for stage in stages}
        stages += [Stage(name, "not_asked", "") for name in STAGES if name not in reached]
        return Proof(tuple(stages))

    # --- the steps ----------------------------------------------------------------------------------------------------

    def _resolve(self, dsn: Dsn, found: dict[str, Any]) -> str:
        host, port = dsn.host, dsn.port
        if self.world.hosts is not None:
            place = self.world.locate(host, port)
            if place is None and any(name.startswith(f"{host}:") for name in self.world.hosts):
                raise _Failed(f"connection refused: nobody listens on port {port}", "nobody_listens")
            if place is None:
                raise _Failed("the name does not resolve in this sandbox", "name_does_not_resolve")
            found["addresses"], found["port"] = [place.address], place.port
            return "mapped to this computer"
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise _Failed(str(error), "name_does_not_resolve") from None
        addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
        found["addresses"], found["port"] = addresses, port
        versions = sorted({"AAAA" if ":" in address else "A" for address in addresses})
        return f"{' and '.join(versions)}: {', '.join(addresses)}"

    def _tcp(self, dsn: Dsn, found: dict[str, Any]) -> str:
        errors: list[str] = []
        for address in found["addresses"]:
            try:
                with socket.create_connection((address, found["port"]), self.timeout_s):
                    found["address"] = address
                    return f"{address} port {dsn.port}"
            except OSError as error:
                errors.append(f"{address}: {error}")
        text = "; ".join(errors)
        raise _Failed(text, cause_of(text) or "no_answer")

    def _login(self, driver: Any, dsn: Dsn, found: dict[str, Any]) -> str:
        connection = self._connect(driver, dsn, found)
        found["stack"].enter_context(contextlib.closing(connection))
        found["connection"], found["who"] = connection, dsn.user
        if not connection.pgconn.ssl_in_use:
            return "not encrypted"
        verified = self._trust(dsn)["sslmode"] == "verify-full"
        return "verified for the host's name" if verified else "encrypted, not verified: give ca_file"

    def _prepared(self, driver: Any, dsn: Dsn, found: dict[str, Any]) -> str:
        """A statement prepared now and used again while somebody else is at work: in transaction mode it is not there.

        Its name is nobody else's, so that one that stays behind on a pooler's connection is in nobody's way.
        """
        first, name = found["connection"], f"hotops_{secrets.token_hex(6)}"
        second = self._connect(driver, dsn, found)
        found["stack"].enter_context(contextlib.closing(second))
        with _told(driver):
            first.execute(f"prepare {name} as select 1")
            with second.transaction():
                second.execute("select 1")
                first.execute(f"execute {name}")
        with contextlib.suppress(driver.Error):
            first.execute(f"deallocate {name}")
        return "lasts while others are at work"

    def _connect(self, driver: Any, dsn: Dsn, found: dict[str, Any]) -> psycopg.Connection[Any]:
        passed_on = {key: value for key, value in dsn.options if key in _PASSED_ON & LIBPQ_OPTIONS}
        with _told(driver):
            connection: psycopg.Connection[Any] = driver.connect(
                host=dsn.host,
                hostaddr=found["address"],
                port=found["port"],
                user=dsn.user,
                password=dsn.password.reveal() if dsn.password else None,
                dbname=dsn.database or dsn.user,
                connect_timeout=self.timeout_s,
                gssencmode="disable",
                autocommit=True,
                prepare_threshold=None,
                **{"application_name": "hotops", **passed_on, **self._trust(dsn)},
            )
        return connection

    def _trust(self, dsn: Dsn) -> dict[str, str]:
        """Verified where it is known whom to trust; else as the string asks, encrypted at least."""
        if self.world.hosts is not None:
            place = self.world.locate(dsn.host, dsn.port)
            if place is None or not place.tls:
                return {"sslmode": "disable"}  # the sandbox's PostgreSQL has no TLS, and says so
            return {"sslmode": "verify-full", "sslrootcert": str(self.world.ca_file)}
        given = self.ca_file or dsn.option("sslrootcert")
        if given:
            return {"sslmode": "verify-full", "sslrootcert": str(given)}
        return {"sslmode": "require"}


def _answered(connection: psycopg.Connection[Any]) -> str:
    with _told(_driver()):
        row = connection.execute("select current_setting('server_version')").fetchone()
    return f"PostgreSQL {row[0].split()[0]}" if row else ""


@contextlib.contextmanager
def _told(driver: Any) -> Iterator[None]:
    """An error of the driver as one of a stage."""
    try:
        yield
    except driver.Error as error:
        text = " ".join(str(error).split())
        raise _Failed(text, cause_of(text, getattr(error, "sqlstate", None))) from None


def _is_about_tls(cause: str | None) -> bool:
    return cause in ("name_not_in_certificate", "authority_not_trusted", "server_has_no_tls", "gssapi_in_the_way")


def _driver() -> Any:
    try:
        import psycopg
    except ImportError:
        raise MissingExtra("Connecting to a database needs psycopg.", remedy="pip install 'hotops[db]'") from None
    return psycopg


def cure(proof: Proof) -> str:
    """What to do about the step that failed, empty where none did or its text is unknown."""
    failure = proof.failure
    return cure_of(failure.cause) if failure and failure.cause else ""
