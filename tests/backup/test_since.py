"""What a living database holds that its backup does not: counted, and kept before anybody restores over it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hotops.backup.errors import StoreFailed
from hotops.backup.expected import measured
from hotops.backup.pipeline import opened
from hotops.backup.store import Store
from tests.backup.stage import Server
from tests.backup.test_operations import Calls


@pytest.fixture
def calls(server: Server, tmp_path: Path) -> Calls:
    return Calls(server, tmp_path)


def test_what_was_written_changed_and_lost_since_is_counted_and_kept(
    calls: Calls, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        "create table public.since (a int)",
        "select lo_unlink(424243)",
        "select lo_put(424242, 7, 'X')",
        "select lo_create(424244)",
    )
    looked = calls("restore_compare", check=True, keep=True)
    assert looked.changed
    assert not [name for name in calls.files() if "/.kept/" in name]
    done = calls("restore_compare", keep=True)
    assert (done.result["backup"], done.result["missing"]) == (backup, ["public.child"])
    assert {(one["table"], one["written"], one["changed"], one["lost"]) for one in done.result["differing"]} == {
        ("public.orders", 2, 0, 10), ("public.customers", 0, 3, 0), ('public.Odd "Name', 2, 0, 0),
    }  # fmt: skip

    assert done.result["new_tables"] == ["public.since"]
    assert done.result["large_objects"] == {"written": 1, "changed": 1, "lost": 1}
    assert untouched.result["large_objects"] == {"written": 0, "changed": 0, "lost": 0}
    assert "public.since is not in the backup: a restore does not bring it" in done.result["hotops_screen"]
    assert (done.result["unproven"], untouched.result["new_tables"]) == ([], [])

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
    # A store that takes what is kept and has something else afterwards is no place to count on.
    put = Store.put
    monkeypatch.setattr(
        Store, "put", lambda store, name, content: put(store, name, content[:-1] if "/.kept/" in name else content)
    )
    with pytest.raises(StoreFailed, match=r"not in the store as it was written: .*/\.kept/.* bytes"):
        calls("restore_compare", keep=True, tables=("public.customers",))
    # Whichever write is refused, the run says so; the next one keeps all.
    again = {"keep": True, "tables": ("public.customers", "public.orders")}
    for refused_at in (1, 2):
        writes: list[str] = []

        def put_or_refuse(
            store: Store, name: str, content: bytes, writes: list[str] = writes, at: int = refused_at
        ) -> None:
            writes.append(name)
            if len(writes) == at:
                raise StoreFailed("No space left on device.")
            put(store, name, content)

        monkeypatch.setattr(Store, "put", put_or_refuse)
        with pytest.raises(StoreFailed, match="No space"):
            calls("restore_compare", **again)
        monkeypatch.setattr(Store, "put", put)
        assert set(calls("restore_compare", **again).result["kept"]) == {"public.customers", "public.orders"}
    server.drop(living)


def test_a_way_back_takes_as_long_as_its_last_drill_of_the_same_world(tmp_path: Path) -> None:
    register = tmp_path / "register.jsonl"
    assert measured(register, "shop", "live", "backup") is None
    common = {"environment": "shop", "env_kind": "live", "scenario": "backup_restored", "passed": True}
    lines = [
        {**common, "at": "2026-01-01T00:00:00Z", "recovery_s": 90.0},
        {**common, "at": "2026-02-01T00:00:00Z", "recovery_s": 60.0},
        {**common, "at": "2026-03-01T00:00:00Z", "recovery_s": 5.0, "passed": False},
        {**common, "at": "2026-03-01T00:00:00Z", "recovery_s": 1.0, "env_kind": "sandbox"},
        {**common, "at": "2026-03-01T00:00:00Z", "recovery_s": None},
        {**common, "at": "2026-03-01T00:00:00Z", "recovery_s": 2.0, "scenario": "machine_lost"},
    ]
    register.write_text("\n".join([*(json.dumps(line) for line in lines), "no entry", "7"]), encoding="utf-8")
    assert measured(register, "shop", "live", "backup") == (60.0, "backup_restored", "2026-02-01T00:00:00Z")
    assert measured(register, "shop", "live", "volume") is None
