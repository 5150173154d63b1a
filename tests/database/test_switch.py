"""An app is pointed at a restored database: the name twice, proven before, kept, and back. The real one: make soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.core.secret import Secret
from hotops.database.switch import SwitchDatabase
from tests.database.test_dsn_fix import ITEM, SESSION
from tests.database_stage import APP, DatabaseStage

RESTORED = {"kind": SwitchDatabase, "to_database": "shop_restored"}


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


def test_an_app_works_with_the_restored_database_and_goes_back(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=SESSION)
    shop.fix()
    shop.empty_log()
    looked = shop.fix(check=True, **RESTORED)
    assert looked.changed
    assert looked.result["wanted"].endswith("/shop_restored?sslmode=require")
    for wrong in ({}, {"confirm": "shop"}):
        failure = shop.failure_of_fix(**RESTORED, **wrong)
        assert (failure.failure_code, int(failure.failure_exit)) == ("switch_refused", 5)
    assert shop.failure_of_fix(kind=SwitchDatabase).failure_code == "switch_refused"
    assert [call for call in shop.calls() if call[2] != "none"] == []

    assert shop.fix(**RESTORED, confirm="shop_restored").changed
    assert shop.at(APP)["POSTGRES_DATABASE"] == "shop_restored"
    assert all(given["POSTGRES_DATABASE"] == "shop_restored" for given in shop.runs_with(APP))
    assert shop.vault().value(ITEM) == Secret(SESSION.replace("/postgres?", "/shop_restored?"))
    assert not shop.fix(**RESTORED, confirm="shop_restored").changed

    assert shop.fix(kind=SwitchDatabase, undo=True).changed
    assert shop.at(APP)["POSTGRES_DATABASE"] == "postgres"
    assert shop.vault().value(ITEM) == Secret(SESSION)
    assert shop.status() == 200

    # A rotation's successor is not mistaken for where a way back was going, nor written over.
    vault = shop.vault()
    vault.keep_sibling(vault.find(ITEM), "new", Secret(SESSION.replace("pa%2Fss", "an%2Fother")))
    failure = shop.failure_of_fix(kind=SwitchDatabase, undo=True)
    assert (failure.failure_code, int(failure.failure_exit)) == ("successor_there", 3)
    assert shop.vault().value(ITEM) == Secret(SESSION)
