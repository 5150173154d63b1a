"""A PostgreSQL server with a shop in it, and the ways to back it up, restore it and compare, as tests need them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from hotops.backup import manifest as manifests
from hotops.backup.compare import Comparison, compare
from hotops.backup.connection import Connection
from hotops.backup.databases import create_database
from hotops.backup.dump import Dump
from hotops.backup.keys import Opener, Sealer, library
from hotops.backup.load import Load
from hotops.backup.manifest import Found, Manifest
from hotops.backup.programs import Programs, find_programs
from hotops.backup.store import Store
from hotops.core.secret import Secret
from hotops.sandbox.postgres import Cluster

SHOP = Path(__file__).resolve().parents[1] / "fixtures/backup/shop.sql"
_NUMBERS = itertools.count(1)


def _new_identity() -> Any:
    return library().x25519.Identity.generate()


@dataclass
class Keys:
    """Two age identities, one of them offline, made for this test run."""

    here: Any = field(default_factory=_new_identity)
    offline: Any = field(default_factory=_new_identity)

    @property
    def recipients(self) -> tuple[str, ...]:
        return (str(self.here.to_public()), str(self.offline.to_public()))

    @property
    def sealer(self) -> Sealer:
        return Sealer(self.recipients)

    @property
    def opener(self) -> Opener:
        return Opener(Secret(str(self.here)))


@dataclass
class Server:
    """The server, its superuser, and databases by name."""

    cluster: Cluster
    keys: Keys = field(default_factory=Keys)

    def connection(self, database: str, user: str = "postgres") -> Connection:
        password = self.cluster.password if user == "postgres" else self.cluster.admin_password
        parameters = {
            "host": self.cluster.address,
            "port": "5432",
            "user": user,
            "dbname": database,
            "connect_timeout": "5",
        }
        return Connection(parameters, Secret(password))

    def dsn(self, database: str, user: str = "postgres", **changes: Any) -> str:
        made = self.connection(database, user)
        return psycopg.conninfo.make_conninfo(**{**made.parameters, "password": made.password.reveal(), **changes})

    @property
    def programs(self) -> Programs:
        return find_programs(self.cluster.toolkit.programs.major)

    def run(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """Statements by the superuser; the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        with contextlib.closing(self.connection(database, "supabase_admin").open(search_path="public")) as session:
            for statement in statements:
                cursor = session.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def copy_of(self, template: str, name: str = "") -> str:
        """A new database like another one (nobody may be connected to that)."""
        name = name or f"copy_{next(_NUMBERS)}"
        self.run("template1", f'create database "{name}" template "{template}"')
        return name

    def drop(self, *names: str) -> None:
        for name in names:
            self.run("template1", f'drop database if exists "{name}" with (force)')

    def start_again(self) -> None:
        """Once its process has ended: from the main thread, with whose end it would end."""
        pool, self.cluster.pool = self.cluster.pool, None
        if pool is not None:
            pool.stop()
        self.cluster._run(60)

    def make_shop(self, name: str = "shop") -> str:
        self.copy_of("postgres", name)
        with psycopg.connect(self.dsn(name, "supabase_admin"), autocommit=True) as session:
            session.execute(SHOP.read_bytes())
            session.execute(f"alter database \"{name}\" set \"app.region\" = 'eu; it''s'")
            session.execute(f"alter role clerk in database \"{name}\" set work_mem = '5MB'")
            session.execute("vacuum analyze")
        return name

    def dump(self, store: Store, database: str = "shop", **options: Any) -> Dump:
        made = {"id": manifests.new_id(1_790_000_000 + next(_NUMBERS)), "workers": 2, "pages": 16, **options}
        return Dump(
            self.connection(database), self.programs, store, self.keys.sealer, "test", "sandbox", database, **made
        )  # fmt: skip

    def back_up(self, store: Store, database: str = "shop", last: Manifest | None = None, **options: Any) -> Manifest:
        """A whole backup."""
        dump = self.dump(store, database, **options)
        with contextlib.closing(dump):
            dump.begin()
            dump.schema()
            dump.rows()
            dump.content()
            return dump.seal(last, shrinkage=0.2)

    def load(self, store: Store, target: str, source: str = "shop", **options: Any) -> Load:
        found = manifests.find(store, "test", source)
        return Load(
            self.connection(target, "supabase_admin"), self.programs, store, self.keys.opener, found, 2, **options
        )

    def restore(self, store: Store, target: str = "", source: str = "shop", **options: Any) -> Load:
        """A whole restore into a new database."""
        target = target or f"restored_{next(_NUMBERS)}"
        create_database(self.connection("template1", "supabase_admin"), target)
        load = self.load(store, target, source, **options)
        restore_all(load)
        return load

    def compared(self, load: Load, database: str, **options: Any) -> Comparison:
        """Another database compared with a restore's backup."""
        other = Load(
            self.connection(database, "supabase_admin"),
            load.programs,
            load.store,
            load.opener,
            load.found,
            2,
            load.tables,
        )
        return compare(other, **options)


def restore_all(load: Load) -> None:
    """Every phase of a restore, in order."""
    for phase in (
        load.claim, load.roles, load.pre_data, load.rows, load.sequences, load.post_data, load.settings, load.jobs,
        load.analyze, load.finish,
    ):  # fmt: skip
        phase()


def found(store: Store, database: str = "shop") -> Found:
    return manifests.find(store, "test", database)


@contextlib.contextmanager
def server(folder: Path, cluster: Cluster) -> Iterator[Server]:
    """A started server with a shop."""
    cluster.start()
    try:
        made = Server(cluster)
        made.make_shop()
        yield made
    finally:
        cluster.stop()
