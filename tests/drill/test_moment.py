"""A project's own database goes back to a moment, by the platform's recovery: typed twice, with a fresh backup."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from hotops.backup.errors import NoBackup, RestoreRefused
from hotops.core.clock import rfc3339
from hotops.core.driver import drive
from hotops.core.errors import UsageError
from hotops.core.world import World
from hotops.registry import operation
from hotops.supabase.client import Supabase
from tests.drill.conftest import Shop


def call(shop: Shop, name: str, *, check: bool = False, **want: Any) -> Any:
    kind = operation(name)
    with shop.context(recorded=False) as context:
        context.check = check
        return drive(kind(kind.Want(**want), context), check=check)


def asked(shop: Shop, query: str) -> list[Any]:
    """As the role postgres, by the sandbox's own string."""
    world = World.of("sandbox", {})
    place = world.locate(_host(world), 5432)
    assert place is not None
    dsn = world.databases["shop"].reveal()
    with psycopg.connect(
        dsn, hostaddr=place.address, port=place.port, autocommit=True, sslmode="require" if place.tls else "disable"
    ) as session:
        cursor = session.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def _host(world: World) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(world.databases["shop"].reveal())["host"])


def test_a_project_goes_back_to_the_moment_before(shop: Shop) -> None:
    asked(shop, "create table public.orders as select g as id from generate_series(1, 100) g")
    with shop.context(recorded=False) as context:
        supabase = context.client(Supabase)
        project = supabase.find("shop")
        assert project is not None
        moment = time.time() + 1
        deadline = time.monotonic() + 60
        while (
            supabase.backups(project.ref).latest_recoverable_at or 0
        ) < moment:  # the log moves while rows are written
            asked(shop, "insert into public.orders values (0)")
            assert time.monotonic() < deadline, "the log was never archived"
            time.sleep(0.2)
    told = {"to": rfc3339(int(moment))}
    asked(shop, "drop table public.orders")

    with pytest.raises(UsageError, match="no moment"):
        call(shop, "restore_moment", to="yesterday")
    with pytest.raises(NoBackup, match=r"none of them\. No backup of your own is from before"):
        call(shop, "restore_moment", to="2020-01-01T00:00:00Z")
    looked = call(shop, "restore_moment", check=True, **told)
    assert looked.changed
    with pytest.raises(RestoreRefused, match="given twice"):
        call(shop, "restore_moment", **told, overwrite="shop", confirm="shopp")
    with pytest.raises(RestoreRefused, match="younger than 1 h"):
        call(shop, "restore_moment", **told, overwrite="shop", confirm="shop")
    assert asked(shop, "select to_regclass('public.orders')") == [(None,)]

    call(shop, "backup")
    done = call(shop, "restore_moment", **told, overwrite="shop", confirm="shop")
    assert done.result["moment"] == told["to"]
    assert asked(shop, "select count(*) from public.orders where id > 0") == [(100,)]
