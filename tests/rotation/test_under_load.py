"""Rotations while clients query through the real pooler: no login fails, no query is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.world import World
from hotops.inventory.load import environment_from_vars
from hotops.rotation.rotate import RotateSecret, RotateWant
from hotops.vault.opening import open_vault
from tests.sandbox_fixture import PROJECT_REF, RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]

POOLER = "aws-1-us-east-1.pooler.supabase.com"
FILE = "supabase/database_url_sandbox.env"
CLIENTS = 8
#: Queries of one connection before a client makes a new one, as pools recycle theirs.
PER_CONNECTION = 10


@dataclass
class Load:
    """Clients that read the vault's connection string before each query, as apps do that are told of a change."""

    sandbox: RunningSandbox
    file: Path
    per_s: float
    queries: int = 0
    logins: int = 0
    failed: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def _dsn(self) -> str:
        return self.file.read_text(encoding="utf-8").partition("=")[2].strip().strip("'\"")

    def _connect(self, dsn: str) -> psycopg.Connection[Any]:
        wanted = conninfo_to_dict(dsn)
        place = self.sandbox.place(str(wanted["host"]), int(wanted["port"] or 5432))
        settings = {**wanted, "hostaddr": place["address"], "port": place["port"], "prepare_threshold": None}
        return psycopg.connect(**settings, sslrootcert=self.sandbox.state["ca_file"], autocommit=True)

    def _client(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        used, told, left = "", "", 0
        pause_s, turn = CLIENTS / self.per_s, time.monotonic()
        while not self._over.wait(max(0.0, turn - time.monotonic())):
            turn += pause_s  # a slow query is made up for: the rate is what was asked for
            try:
                told = self._dsn()
                if connection is None or told != used or left == 0:
                    if connection is not None:
                        connection.close()
                    connection, used, left = self._connect(told), told, PER_CONNECTION
                    self.logins += 1
                connection.execute("select 1")
                left -= 1
                with self._lock:
                    self.queries += 1
            except psycopg.Error as error:
                connection = None
                self.failed.append(" ".join(str(error).split())[:200])
        if connection is not None:
            connection.close()

    @contextmanager
    def running(self) -> Iterator[Load]:
        threads = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join(20)


def rotations_under_load(sandbox: RunningSandbox, folder: Path, count: int, per_s: float) -> Load:
    if f"{POOLER}:6543" not in sandbox.state["hosts"]:
        pytest.skip(sandbox.state["postgres"]["pooler"])
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass, autocommit=True) as connection:
        connection.execute("create role shop_app nologin")
        connection.execute("create role shop_app_a login password 'first-word' in role shop_app")
        connection.execute("alter role shop_app_a set role = 'shop_app'")
    file = folder / "vault" / FILE
    file.parent.mkdir(parents=True, mode=0o700)
    file.parent.parent.chmod(0o700)
    first = f"shop_app_a.{PROJECT_REF}:first-word"
    file.write_text(f"DATABASE_URL=postgresql://{first}@{POOLER}:6543/postgres?sslmode=require\n", encoding="utf-8")
    file.chmod(0o600)
    provider = {"kind": "postgres", "owner": "shop_app"}
    secrets = {"DATABASE_URL": {"vault": "supabase/database_url", "provider": provider}}
    mapped = folder / "inventories/secret_maps/sandbox.yml"
    mapped.parent.mkdir(parents=True)
    mapped.write_text(yaml.safe_dump({"secrets": secrets}), encoding="utf-8")
    common = {
        "env_kind": "sandbox",
        "env_name": "sandbox",
        "fly_org": "personal",
        "vault": "vault",
        "supabase_project": "shop",
    }
    environment = environment_from_vars(
        {"shop-production": common}, {"all": ["shop-production"], "apps": ["shop-production"]},
        inventory=folder / "inventories" / "sandbox",
    )  # fmt: skip
    load = Load(sandbox, file, per_s)
    began = time.monotonic()
    with load.running():
        for number in range(count):
            with Context(world=World.of("sandbox", {}), environment=environment, run=f"rotation-{number}") as context:
                want = RotateWant(secret="DATABASE_URL", force=True, grace_s=0.5)
                assert drive(RotateSecret(want, context)).result["rotated"]
    took = time.monotonic() - began
    print(
        f"{count} rotations in {took:.0f} s, {load.queries / took:.0f} queries/s, {load.logins} logins, "
        f"{len(load.failed)} failed: {load.failed[:3]}"
    )
    vault = open_vault(folder / "vault", "sandbox")
    assert vault.value("supabase/database_url").reveal() != f"postgresql://{first}"
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass) as connection:
        rows = connection.execute(
            "select rolname::text, rolcanlogin from pg_roles where rolname ~ '^shop_app_'"
        ).fetchall()
    assert sorted(can for _, can in rows) == [False, True], "one of the two roles may log in, and one only"
    return load


@pytest.mark.peer("pgbouncer")
def test_rotations_under_load_fail_no_login(sandbox: RunningSandbox, tmp_path: Path) -> None:
    load = rotations_under_load(sandbox, tmp_path, count=3, per_s=100)
    assert load.failed == []
    assert load.logins > CLIENTS * 3


@pytest.mark.soak
@pytest.mark.peer("pgbouncer")
def test_fifty_rotations_at_two_hundred_queries_a_second_fail_no_login(sandbox: RunningSandbox, tmp_path: Path) -> None:
    load = rotations_under_load(sandbox, tmp_path, count=50, per_s=220)
    assert load.failed == []
