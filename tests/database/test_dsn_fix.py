"""An app whose connection string is wrong gets the right one, everywhere, from 503 to 200."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hotops.core.secret import Secret
from tests.database_stage import APP, DIRECT, POOLER, REF, DatabaseStage

NAMES = ["POSTGRES_DATABASE", "POSTGRES_HOST", "POSTGRES_PASSWORD", "POSTGRES_PORT", "POSTGRES_USERNAME"]
ENCODED = "pa%2Fss%21word"
WITHOUT_REF = f"postgresql://postgres:{ENCODED}@{POOLER}:5432/postgres?sslmode=require"
SESSION = WITHOUT_REF.replace("postgres:", f"postgres.{REF}:", 1)
ITEM = "supabase/database_url"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


def test_the_urgent_case_goes_from_503_to_200(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=WITHOUT_REF, database={"mode": "direct"})
    assert shop.status() == 503
    done = shop.fix()
    assert done.changed
    assert shop.status() == 200
    assert {name: value for name, value in shop.at(APP).items() if name in NAMES} == {
        "POSTGRES_HOST": DIRECT,
        "POSTGRES_PORT": "5432",
        "POSTGRES_USERNAME": "postgres",
        "POSTGRES_PASSWORD": shop.password,
        "POSTGRES_DATABASE": "postgres",
    }
    assert all(given["POSTGRES_HOST"] == DIRECT for given in shop.runs_with(APP))
    vault = shop.vault()
    assert vault.value(ITEM) == Secret(shop.dsn())
    assert vault.sibling(vault.find(ITEM), "old") == Secret(WITHOUT_REF)
    result = done.result
    assert (result["status_before"], result["status"], result["path"]) == (503, 200, "/health")
    assert [found["code"] for found in result["findings"]] == [
        "pooler_user_without_ref",
        "not_the_declared_mode",
    ]
    assert result["written"] == NAMES
    assert result["runs"] == "unknown"
    assert shop.password not in json.dumps(result)


def test_the_second_run_changes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=WITHOUT_REF)
    shop.fix()
    shop.empty_log()
    again = shop.fix()
    assert not again.changed
    assert again.result["runs"] == "the vault's"
    assert [call for call in shop.calls() if call[2] != "none"] == []
    assert len(shop.calls()) <= 8


def test_check_mode_says_what_it_would_do_and_writes_nothing(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=WITHOUT_REF)
    before = {path: path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file()}
    planned = shop.fix(check=True)
    assert planned.changed
    assert [step.name for step in planned.plan.steps][:3] == [f"{APP}/vault/old", f"{APP}/vault", f"{APP}/secrets"]
    assert [call for call in shop.calls() if call[2] != "none"] == []
    assert {path: path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file()} == before


def test_undo_puts_the_former_one_back(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=SESSION, database={"mode": "direct"})
    shop.fix()
    assert shop.at(APP)["POSTGRES_HOST"] == DIRECT
    shop.fix(undo=True)
    assert (shop.at(APP)["POSTGRES_HOST"], shop.at(APP)["POSTGRES_USERNAME"]) == (POOLER, f"postgres.{REF}")
    assert shop.vault().value(ITEM) == Secret(SESSION)
    assert shop.status() == 200


def test_without_a_former_one_there_is_nothing_to_undo(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=SESSION)
    failure = shop.failure_of_fix(undo=True)
    assert (failure.failure_code, int(failure.failure_exit)) == ("nothing_kept", 3)


def test_web_and_worker_that_want_more_than_the_pool_get_the_direct_connection(tmp_path: Path) -> None:
    """MaxClientsInSessionMode is foreseen: 4 processes with 5 connections want 20 of the pool's 13."""
    shop = DatabaseStage(tmp_path, given=SESSION, database={"processes": 4, "pool": 5})
    done = shop.fix()
    assert [found["code"] for found in done.result["findings"]] == ["budget_above_pool"]
    assert shop.at(APP)["POSTGRES_HOST"] == DIRECT


def test_what_does_not_connect_is_not_written(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=WITHOUT_REF)
    shop.logins.passwords["postgres"] = "reset-meanwhile"
    failure = shop.failure_of_fix()
    assert (failure.failure_code, int(failure.failure_exit)) == ("dsn_not_proven", 3)
    assert [call for call in shop.calls() if call[2] != "none"] == []
    assert shop.password not in str(failure.as_failure())


@pytest.mark.parametrize("given", ["https://shop.supabase.co", "postgresql://postgres@h/postgres", "********"])
def test_what_can_not_be_known_is_not_guessed(tmp_path: Path, given: str) -> None:
    shop = DatabaseStage(tmp_path, given=given)
    failure = shop.failure_of_fix()
    assert (failure.failure_code, int(failure.failure_exit)) == ("dsn_not_correctable", 3)
    assert [call for call in shop.calls() if call[2] != "none"] == []


def test_a_check_on_a_path_without_a_route_is_told_apart_from_a_wrong_string(tmp_path: Path) -> None:
    """The team's own incident: /hc has no route, every path answers 503, and the connection string is right."""
    shop = DatabaseStage(tmp_path, given=SESSION)
    shop.fix()
    shop.stage.push("v50-wrongpath", app=APP)
    assert shop.status() == 503
    failure = shop.failure_of_fix()
    assert (failure.failure_code, int(failure.failure_exit)) == ("check_without_route", 8)
    assert "/health" in failure.message
    (tmp_path / "other").mkdir()
    other = DatabaseStage(tmp_path / "other", given=WITHOUT_REF)
    other.stage.push("v50-wrongpath", app=APP)
    assert other.failure_of_fix().failure_code == "check_without_route"  # seen once the right string is there
    assert other.at(APP)["POSTGRES_USERNAME"] == f"postgres.{REF}"


def test_a_machine_with_another_value_is_noticed_where_it_may_be_asked(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=SESSION)
    shop.stage.environment.apps[APP].__dict__["challenge_secrets"] = True
    assert shop.fix(check=True).result["runs"] == "unknown"
    assert shop.fix().result["runs"] == "another"
    assert shop.fix().result["runs"] == "the vault's"


def test_an_app_that_takes_the_whole_string_gets_it(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=WITHOUT_REF, database={"parts": None, "names": ["DATABASE_URL", "PG_URL"]})
    shop.fix()
    assert shop.at(APP)["DATABASE_URL"] == shop.at(APP)["PG_URL"]
    assert shop.at(APP)["PG_URL"].startswith(f"postgresql://postgres.{REF}:")
    assert shop.status() == 200
