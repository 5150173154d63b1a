"""The operations, as a task, the command line and a script call them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.backup import manifest as manifests
from hotops.backup.catalogue import CONTENT
from hotops.backup.errors import BackupDamaged, BackupSuspicious, DsnRefused, KeysUnusable, RestoreRefused
from hotops.backup.load import Load
from hotops.backup.retention import kept_for
from hotops.backup.store import Store
from hotops.core.context import Context
from hotops.core.driver import Outcome, drive
from hotops.core.errors import NoGo, VerifyFailed
from hotops.core.world import World
from hotops.inventory.load import environment_from_vars
from hotops.inventory.policy import Keep
from hotops.promote.freezing import Freeze, FreezeWant
from hotops.registry import operation
from tests.backup.stage import Server
from tests.documented import as_documented
from tests.stage import FakeClock

ENVIRONMENT = "test"


class Calls:
    """The operations on a store, in an environment that is the test's own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.store = Store.of(str(folder / "store"))
        self.clock = FakeClock(__import__("time").time())
        self.environ: dict[str, str] = {
            "DATABASE_URL": server.dsn("shop"),
            "SCRATCH_URL": server.dsn("template1", "supabase_admin"),
            "RESTORE_URL": server.dsn("template1", "supabase_admin"),
            "HOTOPS_BACKUP_IDENTITY": str(server.keys.here),
        }
        common = {
            "env_kind": "sandbox",
            "env_name": ENVIRONMENT,
            "fly_org": "personal",
            "backup": {
                "store": str(folder / "store"), "recipients": list(server.keys.recipients),
                "keep": {"daily": 1, "weekly": 0, "monthly": 0, "yearly": 0},
            },
        }  # fmt: skip
        self.environment = environment_from_vars(
            {"shop-production": common},
            {"all": ["shop-production"], "apps": ["shop-production"]},
            inventory=folder / "inventories/test",
        )

    @contextlib.contextmanager
    def context(self, **more: Any) -> Iterator[Context]:
        world = World("sandbox", self.environ, {}, None, {})
        with Context(world=world, clock=self.clock, environment=self.environment, **more) as context:
            yield context

    def __call__(self, name: str, *, check: bool = False, **want: Any) -> Outcome:
        kind = operation(name)
        with self.context(check=check) as context:
            return as_documented(name, drive(kind(kind.Want(database="shop", **want), context), check=check))

    def freeze(self, **want: Any) -> None:
        """Freeze the environment, or thaw it."""
        with self.context() as context:
            drive(Freeze(FreezeWant(**want), context))

    def files(self) -> Mapping[str, int]:
        return self.store.sizes("")


@pytest.fixture
def calls(server: Server, tmp_path: Path) -> Calls:
    return Calls(server, tmp_path)


def test_a_backup_is_made_listed_proven_restored_and_the_second_restore_finds_it_done(
    calls: Calls, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = calls("backup")
    assert made.result["backup"]["rows"] > 6000
    assert not calls("backup", unless_younger_h=1).changed
    assert [item["id"] for item in calls("backup_info").result["backups"]] == [made.result["backup"]["id"]]
    assert not calls("backup_verify").changed
    databases = server.run("template1", "select datname from pg_database order by 1")
    proven = calls("backup_verify", mode="full")
    assert proven.result["rows"] == made.result["backup"]["rows"]
    assert proven.result["unproven"] == []
    assert server.run("template1", "select datname from pg_database order by 1") == databases  # the scratch one is gone
    assert calls("backup_info").result["backups"][0]["proven_at"] is not None

    # As a backup of before large objects were recorded: that is told, by the restore and on its screen.
    recorded = Load.catalogue
    monkeypatch.setattr(
        Load, "catalogue", lambda load: {kind: of for kind, of in recorded(load).items() if kind != CONTENT}
    )
    restored = calls("restore")
    unproven = ["not recorded by this older backup, and not compared: content of large object"]
    assert restored.result["unproven"] == unproven
    assert f"not compared: {unproven[0]}" in restored.result["hotops_screen"]
    assert restored.result["database"].startswith("shop_restored_")
    assert set(restored.result["phases"]) >= {"rows", "post_data", "compare"}
    again = calls("restore")
    assert (again.changed, again.plan.why_empty.partition(" is ")[2]) == (
        False,
        f"{made.result['backup']['id']} already",
    )
    server.drop(restored.result["database"])


def test_check_mode_writes_nothing(calls: Calls, server: Server) -> None:
    asked = (
        "select datname, pg_current_xact_id_if_assigned(), (select count(*) from pg_roles) from pg_database order by 1"
    )
    assert calls("backup", check=True).changed
    assert calls.files() == {}
    for _number in range(2):
        calls("backup", fingerprints=False)
        calls.clock.time += 60
    before = (calls.files(), server.run("template1", asked))
    for name, want in {"backup_verify": {"mode": "full"}, "restore": {}, "backup_prune": {}}.items():
        assert calls(name, check=True, **want).changed, name
    assert not calls("backup_info", check=True).changed
    assert (calls.files(), server.run("template1", asked)) == before


def test_a_living_databases_rows_are_replaced_only_when_typed_twice_and_backed_up(calls: Calls, server: Server) -> None:
    living = server.copy_of("shop")
    calls.environ["DATABASE_URL"] = calls.environ["RESTORE_URL"] = server.dsn(living, "supabase_admin")
    good = calls("backup").result["backup"]["id"]
    server.run(living, "delete from public.orders where id % 2 = 0", "update public.customers set note = 'wrong'")
    for wanted in (
        {"overwrite": living},
        {"overwrite": living, "confirm": "shop"},
        {"overwrite": "shop", "confirm": "shop"},
    ):
        with pytest.raises(RestoreRefused, match="given twice"):
            calls("restore", to=good, **wanted)
    for shift_s in (7200, -7200):  # too old, and dated in the future: some clock is wrong, so nobody knows its age
        calls.clock.time += shift_s
        with pytest.raises(RestoreRefused, match="younger than 1 h"):
            calls("restore", to=good, overwrite=living, confirm=living)
        calls.clock.time -= shift_s
    assert server.run(living, "select count(*) from public.orders") == [(2500,)]
    with pytest.raises(RestoreRefused, match="not empty"):
        calls("restore", to=good, into="given")
    assert server.run(living, "select count(*) from public.orders") == [(2500,)]

    calls.clock.time += 1
    with pytest.raises(BackupSuspicious) as shrunk:
        calls("backup")
    assert shrunk.value.remedy.startswith("hotops backup create test --shrinkage 1 ")
    kept = calls("backup", shrinkage=1).result
    assert kept["backup"]["rows"] < 4000  # what it holds now is kept, too
    assert kept["next"].startswith(f"hotops restore test --to {good} --tables public.orders ")
    assert kept["next"].endswith(f"--overwrite {living} --confirm {living} --target-env DATABASE_URL")
    done = calls("restore", to=good, overwrite=living, confirm=living)
    assert done.result["compared"]["rows"] > 6000
    assert server.run(living, "select count(*) from public.orders") == [(5000,)]
    server.run(living, "insert into public.orders (customer_id, total, placed) values (1, 1, '2026-01-01')")
    server.drop(living)


def test_old_backups_go_only_when_confirmed_and_the_proven_one_stays(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    ids = []
    for _number in range(3):
        ids.append(calls("backup", fingerprints=False).result["backup"]["id"])
        calls.clock.time += 60
    forged = forge(calls, ids[0], tmp_path, monkeypatch)
    told = calls("backup_prune")
    assert "does not know" in told.result["kept"][forged][0]
    assert (told.changed, sorted(told.result["removed"])) == (False, sorted(ids[:2]))
    with pytest.raises(RestoreRefused):
        calls("backup_prune", confirm="shopp")
    calls.freeze(reason="holidays", until="8h")
    with pytest.raises(NoGo, match="holidays"):
        calls("backup_prune", confirm="shop")
    assert len(calls("backup_info").result["backups"]) == 4
    calls.freeze(state="thawed", reason="everybody is back")
    with monkeypatch.context() as broken:
        broken.setattr(Store, "delete", lambda _store, _names: None)
        with pytest.raises(VerifyFailed, match=f"{ids[0]} still has objects in the store; {ids[1]} still has"):
            calls("backup_prune", confirm="shop")
    assert calls("backup_prune", confirm="shop").changed
    assert [item["id"] for item in calls("backup_info").result["backups"]] == [forged, ids[2]]
    assert not calls("backup_prune", confirm="shop").changed


def forge(calls: Calls, of: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Somebody who can write into the store puts a backup there, a day younger than all, signed by a key of theirs."""
    folder = manifests.folder_of(ENVIRONMENT, "shop")
    own = manifests.read(calls.store, f"{folder}/{of}").manifest
    forged = own.model_copy(update={"id": f"29991231T000000Z-{of[-6:]}", "taken_at": calls.clock.time + 86400})
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "stranger"))
    calls.store.put(f"{folder}/{forged.id}/restore.sh", b"#")
    manifests.seal(calls.store, f"{folder}/{forged.id}", forged)
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    return forged.id


def test_retention_keeps_the_newest_of_each_period() -> None:
    day = 86400.0
    backups = [(f"b{number}", 1_767_225_600 + number * day / 2) for number in range(800)]
    kept = kept_for(backups, Keep(daily=3, weekly=2, monthly=2, yearly=2))
    assert kept["b799"][0] == "newest"
    assert len([why for why in kept.values() if "daily" in why]) == 3
    assert len([why for why in kept.values() if "yearly" in why]) == 2
    assert len(kept) <= 3 + 2 + 2 + 2


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("", "is not set"),
        ("postgres://h:not a dsn at all", "no PostgreSQL connection string"),
        ("postgresql://postgres:{p}@db.abcdefghijklmnopqrst.supabase.co:6543/postgres", "6543"),
        ("postgresql://postgres.abcdefghijklmnopqrst:{p}@aws-1-eu.pooler.supabase.com:6543/postgres", "session pooler"),
        ("postgresql://postgres:{p}@aws-1-eu-west-1.pooler.supabase.com:5432/postgres", "Tenant or user not found"),
        ("postgresql://postgres.abc:{p}@db.abcdefghijklmnopqrst.supabase.co/postgres", "pooler's form"),
        ("postgresql://postgres:[YOUR-PASSWORD]@db.abcdefghijklmnopqrst.supabase.co/postgres", "YOUR-PASSWORD"),
        ("postgresql://postgres:{p}@db.elsewhere.example:5432/postgres", "sandbox has not"),
    ],
)  # fmt: skip
def test_a_connection_that_cannot_carry_a_backup_is_refused_before_anything(calls: Calls, dsn: str, said: str) -> None:
    word = "canary-" + "w" * 9
    calls.environ["DATABASE_URL"] = dsn.replace("{p}", word)
    with pytest.raises(DsnRefused) as refused:
        calls("backup")
    assert said in str(refused.value)
    assert word not in str(refused.value)
    assert calls.files() == {}


def test_one_key_is_not_enough(calls: Calls, server: Server) -> None:
    with pytest.raises(KeysUnusable, match="at least 2"):
        calls("backup", recipients=[server.keys.recipients[0]] * 2)


def test_a_stranger_s_backup_is_not_restored_unless_named(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = calls("backup", fingerprints=False)
    signer = manifests.find(calls.store, ENVIRONMENT, "shop").signed_by
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "another computer"))
    for name in ("restore", "backup_verify"):
        with pytest.raises(BackupDamaged, match="does not know"):
            calls(name)
    assert calls("backup_info").result["backups"][0]["key_known"] is False
    assert calls("backup_verify", trusted_key=signer).result["verified"]["id"] == made.result["backup"]["id"]


def test_the_gate_reads_own_backups(calls: Calls) -> None:
    from hotops.backup.settings import newest_own_backup

    calls.environment = calls.environment.model_copy(update={"supabase_project": "shop"})
    with calls.context() as context:
        assert newest_own_backup(context) is None
        calls("backup", fingerprints=False)
        newest = newest_own_backup(context)
        assert newest is not None
        assert abs(newest - __import__("time").time()) < 60
