"""A credential is rotated: the successor is everywhere and proven before the old one ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rotation_stage import APP, ITEM, RotationStage


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


def test_the_other_role_takes_over_and_the_old_one_ends(tmp_path: Path) -> None:
    shop = RotationStage(tmp_path)
    done = shop.rotate(force=True)
    assert done.changed
    assert set(shop.roles_in_use().values()) == {"shop_app_b"}
    assert set(shop.valid().values()) == {True}
    assert shop.roles.verifiers["shop_app_a"] is None
    vault = shop.vault()
    assert vault.sibling(vault.find(ITEM), "new") is None
    result = done.result
    assert (result["from_credential"], result["to_credential"], result["revoked"]) == (
        "shop_app_a",
        "shop_app_b",
        "shop_app_a",
    )
    password = vault.value(ITEM).reveal().partition("://")[2].partition(":")[2].partition("@")[0]
    assert password not in "".join(shop.roles.statements), "a statement is logged: a verifier stands in it"
    assert password not in json.dumps(result)


def test_what_is_not_due_is_left_and_what_is_due_is_rotated_once(tmp_path: Path) -> None:
    shop = RotationStage(tmp_path)
    assert not shop.rotate().changed
    shop.clock.sleep(91 * 86400)
    assert shop.rotate().changed
    shop.empty_log()
    again = shop.rotate()
    assert not again.changed
    assert again.result["due"] is False
    assert [call for call in shop.calls() if call[2] != "none"] == []


def test_back_and_forth(tmp_path: Path) -> None:
    shop = RotationStage(tmp_path)
    for role in ("shop_app_b", "shop_app_a", "shop_app_b"):
        shop.rotate(force=True)
        assert set(shop.roles_in_use().values()) == {role}
        assert set(shop.valid().values()) == {True}


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    shop = RotationStage(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file()}
    planned = shop.rotate(check=True, force=True)
    assert [step.name.rpartition("/")[2] for step in planned.plan.steps] == [
        "keep_new", "activate", "vault", "places", "prove", "revoke",
    ]  # fmt: skip
    assert [call for call in shop.calls() if call[2] != "none"] == []
    assert {path: path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file()} == before


def test_a_leaked_one_is_revoked_first_and_nothing_waits_that_no_longer_logs_in(tmp_path: Path) -> None:
    shop = RotationStage(tmp_path, drain_s=12)
    began = shop.clock.time
    done = shop.rotate(leaked=True)
    assert done.plan.steps[0].name == "DATABASE_URL/revoke_leaked"
    changes = [said for said in shop.roles.statements if "alter role" in said]
    revoked, made, *_ = [("with nologin" in said, "shop_app_a" in said) for said in changes]
    assert (revoked, made) == ((True, True), (False, False))
    writes = [call[1] for call in shop.calls() if call[2] == "write"]
    queries = [n for n, path in enumerate(writes) if path.endswith("/database/query")]
    assert queries[0] < min(n for n, path in enumerate(writes) if path.endswith("/secrets")), "before any place changes"
    urgent_s = shop.clock.time - began
    assert shop.roles.verifiers["shop_app_a"] is None
    assert set(shop.valid().values()) == {True}
    # Where the old one still works, each of the two machines drains as the inventory says.
    began = shop.clock.time
    shop.rotate(force=True, grace_s=0)
    assert shop.clock.time - began - urgent_s > 20


def test_without_an_owner_role_nothing_is_changed(tmp_path: Path) -> None:
    shop = RotationStage(tmp_path)
    del shop.roles.verifiers["shop_app"]
    failure = shop.failure_of_rotation(force=True)
    assert failure.failure_code == "rotation_incomplete"
    assert "create role shop_app nologin" in failure.remedy
    assert set(shop.roles_in_use().values()) == {"shop_app_a"}
    assert set(shop.valid().values()) == {True}


def test_an_unknown_secret_gets_the_nearest_name(tmp_path: Path) -> None:
    shop = RotationStage(tmp_path)
    shop.map({"DATABASE_URI": {"vault": ITEM, "fly": {APP: ["DATABASE_URL"]}}})
    failure = shop.failure_of_rotation()
    assert (failure.failure_code, "DATABASE_URI" in failure.remedy) == ("usage", True)
