"""Looking at a connection string without connecting: verdict, exit code, and error texts explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import drive
from hotops.database.look import DsnFindings, LookWant, SupabaseDsn
from tests.database.test_dsn_fix import SESSION, WITHOUT_REF
from tests.database_stage import APP, DatabaseStage
from tests.documented import as_documented


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


def look(shop: DatabaseStage, **want: Any) -> dict[str, Any]:
    with shop.context() as context:
        return as_documented("supabase_dsn", drive(SupabaseDsn(LookWant(prove=False, **want), context))).result


def test_a_wrong_one_ends_with_findings_where_that_is_asked(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=WITHOUT_REF)
    assert look(shop, app=APP)["verdict"] == "wrong"
    with pytest.raises(DsnFindings) as found:
        look(shop, app=APP, fail_on_findings=True)
    assert int(found.value.failure_exit) == 8
    assert shop.password not in json.dumps(found.value.as_failure())


def test_another_use_is_another_verdict(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=SESSION)
    assert look(shop, app=APP)["verdict"] == "ok"
    assert look(shop, app=APP, use="replication")["findings"][0]["code"] == "pooler_for_replication"
    assert look(shop, secret="supabase/database_url", use="serverless")["verdict"] == "care"


def test_an_error_alone_needs_no_vault(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=SESSION)
    (shown,) = look(shop, error_text="FATAL: MaxClientsInSessionMode: max clients reached")["explained"]
    assert shown["cause"] == "session_pool_full"
    assert shop.calls() == []
