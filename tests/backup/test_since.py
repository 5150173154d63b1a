"""What a living database holds that its backup does not: counted, and kept before anybody restores over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.backup.pipeline import opened
from tests.backup.stage import Server
from tests.backup.test_operations import Calls


@pytest.fixture
def calls(server: Server, tmp_path: Path) -> Calls:
    return Calls(server, tmp_path)


def test_what_was_written_changed_and_lost_since_is_counted_and_kept(calls: Calls, server: Server) -> None:
    living = server.copy_of("shop")
    calls.environ["DATABASE_URL"] = server.dsn(living, "supabase_admin")
    backup = calls("backup").result["backup"]["id"]
    untouched = calls("restore_compare")
    assert (untouched.changed, untouched.result["differing"]) == (False, [])
    server.run(
        living,
        "insert into public.orders (customer_id, total, placed) values (1, 7, '2026-02-02'), (2, 8, '2026-02-03')",
        "update public.customers set note = E'since\\tthen' where id in (3, 4, 5)",
        "delete from public.orders where id <= 10",
        'insert into public."Odd ""Name" select * from public."Odd ""Name" limit 2',
        "drop table public.child",
    )
    looked = calls("restore_compare", check=True, keep=True)
    assert looked.changed
    assert not [name for name in calls.files() if "/.kept/" in name]
    done = calls("restore_compare", keep=True)
    assert (done.result["backup"], done.result["missing"]) == (backup, ["public.child"])
    assert {(one["table"], one["written"], one["changed"], one["lost"]) for one in done.result["differing"]} == {
        ("public.orders", 2, 0, 10), ("public.customers", 0, 3, 0), ('public.Odd "Name', 2, 0, 0),
    }  # fmt: skip

    rows = {}
    for table, parts in done.result["kept"].items():
        sealed = [calls.store.get(name) for name in parts]
        plain = b"".join(
            block for one in sealed for block in opened(one, lambda content: server.keys.opener.open(content, "a part"))
        )
        rows[table] = plain.decode().splitlines()
    assert sorted(line.split("\t")[-1] for line in rows["public.orders"]) == ["2026-02-02", "2026-02-03"]
    assert len(rows["public.customers"]) == 3
    assert all("since\\tthen" in line for line in rows["public.customers"])
    assert len(rows['public.Odd "Name']) == 2
    assert len(calls("backup_info").result["backups"]) == 1  # what is kept is no backup
    server.drop(living)
