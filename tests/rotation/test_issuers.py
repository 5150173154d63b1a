"""Every kind of credential: a successor beside it, everywhere, then the old one ends; resumed, undone, leaked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hotops.core.errors import HotopsError, Unauthorized
from hotops.core.secret import Secret
from hotops.supabase.project_keys import try_key
from tests.rotation.issuers import APP, FILE, NAME, PROVIDERS, REF, SECOND, IssuedStage

ISSUED = ["generated", "generated_alone", "supabase_key", "fly_token", "fly_token_of_org"]


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


@pytest.mark.parametrize("kind", ISSUED)
def test_a_successor_is_everywhere_and_the_old_one_ends(tmp_path: Path, kind: str) -> None:
    shop = IssuedStage(tmp_path, kind)
    old = shop.value()
    files = {path: path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file()}
    planned = shop.rotate(check=True, force=True)
    assert planned.plan.steps[-1].name == f"{NAME}/revoke"
    assert [call for call in shop.calls() if call[2] != "none"] == []
    assert {path: path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file()} == files

    done = shop.rotate(force=True)
    new = shop.value()
    assert new != old
    assert set(shop.places().values()) == {new}
    assert shop.is_valid(new)
    assert shop.coming() is None
    if kind not in ("generated", "generated_alone"):
        assert not shop.is_valid(old)
    assert [entry.event for entry in shop.log()] == ["begun", "proven", "ended"]
    told = json.dumps([done.result, *(entry.__dict__ for entry in shop.log())], default=str)
    assert old not in told
    assert new not in told
    shop.empty_log()
    assert not shop.rotate().changed
    assert [call for call in shop.calls() if call[2] != "none"] == []
    assert shop.due()["secrets"][0]["rotated_by"]


@pytest.mark.parametrize("kind", [kind for kind in PROVIDERS if kind != "checklist"])
def test_a_rotation_under_way_goes_back_to_the_old_one(tmp_path: Path, kind: str) -> None:
    shop = IssuedStage(tmp_path, kind)
    old = shop.value()
    shop.control("POST", "faults", {"kind": "status", "status": 403, "match": {"path": f"/v1/apps/{APP}/secrets"}})
    failure = shop.failure_of_rotation(force=True, accept_outage=True)
    assert failure.failure_code == "rotation_incomplete"
    shop.control("DELETE", "faults")
    new = shop.coming()
    assert new is not None
    shop.clock.sleep(60)
    undone = shop.rotate(undo=True)
    assert undone.result["undone"] is True
    assert set(shop.places().values()) == {old}
    assert shop.is_valid(old)
    assert shop.coming() is None
    if not kind.startswith("generated"):
        assert not shop.is_valid(new)
    assert shop.rotate(undo=True).changed is False


@pytest.mark.parametrize("kind", ["supabase_key", "fly_token"])
def test_a_leaked_one_is_revoked_before_its_successor_is_made(tmp_path: Path, kind: str) -> None:
    shop = IssuedStage(tmp_path, kind)
    old = shop.value()
    done = shop.rotate(leaked=True)
    assert done.plan.steps[0].name == f"{NAME}/revoke_leaked"
    assert not shop.is_valid(old)
    assert set(shop.places().values()) == {shop.value()}
    assert shop.is_valid(shop.value())
    assert shop.log()[0].leaked


def test_a_leaked_signature_key_is_not_taken_for_a_moment_longer(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "generated", overlap_s=86400)
    old = shop.value()
    shop.rotate(leaked=True)
    assert all(old not in given.values() for given in shop.runs_with(APP))


def test_a_webhooks_key_overlaps_for_a_day_and_no_signature_is_lost(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "generated", overlap_s=86400)
    old = shop.value()
    begun = shop.rotate(force=True)
    new = shop.value()
    assert begun.result["old_valid_until"]
    assert all(given[NAME] == new and given[SECOND] == old for given in shop.runs_with(APP))
    assert shop.rotate().changed is False, "the old one's day is not over"
    assert shop.due()["due"] == [NAME], "under way"
    shop.clock.sleep(86400)
    ended = shop.rotate()
    assert ended.result["revoked"]
    assert all(given[NAME] == given[SECOND] == new for given in shop.runs_with(APP))
    assert shop.rotate().changed is False


def test_the_token_in_hand_makes_its_successor_and_goes_with_the_last_call(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "fly_token_of_org", in_hand=True)
    token = shop.value()
    shop.stage.twin.world.tokens[token] = type(shop.stage.twin.world.tokens[token])(id="tok_hand", is_made=True)
    refused = shop.failure_of_rotation(leaked=True)
    assert "fly auth token" in refused.remedy, "a deploy token makes no others"
    assert shop.is_valid(token)
    # With a personal one beside it, the run goes through, and the one in hand is revoked last, leaked or not.
    twin = shop.stage.twin
    personal = "sandbox-personal"
    twin.world.tokens[personal] = type(twin.world.tokens[token])(id="tok_personal")
    twin.tokens["fly"] = f"{token},{personal}"
    shop.empty_log()
    done = shop.rotate(leaked=True)
    assert [step.name.rpartition("/")[2] for step in done.plan.steps][-1] == "revoke"
    assert not shop.is_valid(token)
    assert set(shop.places().values()) == {shop.value()}
    fly = [call for call in shop.calls() if call[1] == "/graphql" or "/tokens/" in call[1]]
    assert fly[-2][:3] == ("POST", "/graphql", "write")
    assert fly[-1][1] == "/v1/tokens/current", "the new one is proven once more"


def test_one_password_needs_a_word_and_is_never_scheduled(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "postgres_password")
    before = shop.value()
    refused = shop.failure_of_rotation(force=True)
    assert (refused.failure_code, int(refused.failure_exit)) == ("can_not_overlap", 3)
    assert "accept_outage" in refused.remedy
    shop.clock.sleep(91 * 86400)
    due = shop.due()
    assert (due["due"], due["rotatable"]) == ([NAME], [])
    assert shop.value() == before
    assert [call for call in shop.calls() if call[2] != "none"] == []
    shop.rotate(accept_outage=True)
    assert set(shop.places().values()) == {shop.value()}
    assert shop.is_valid(shop.value())


def test_a_checklist_says_what_to_do_and_verifies_each_step(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "checklist")
    old = shop.value()
    asked = shop.failure_of_rotation(force=True)
    assert (asked.failure_code, int(asked.failure_exit)) == ("by_hand", 8)
    assert "1. Make a key named shop. 2. Put it into the vault as shop/key_production.env.new" in asked.message
    assert [call for call in shop.calls() if call[2] != "none"] == []

    shop.keep(f"{FILE}.new", f"{NAME}=a-mistyped-one\n")
    wrong = shop.failure_of_rotation()
    assert "refuses" in wrong.message
    assert set(shop.places().values()) == {old}
    new = shop.new_key()
    shop.keep(f"{FILE}.new", f"{NAME}={new}\n")
    still = shop.failure_of_rotation()
    assert (still.failure_code, int(still.failure_exit)) == ("by_hand", 8)
    assert "revoke the old one at https://vendor.example/keys" in still.message
    assert set(shop.places().values()) == {new}
    shop.keys.remove(old)
    ended = shop.rotate()
    assert ended.result["revoked"]
    assert shop.coming() is None
    assert "Revoke the leaked one" in shop.failure_of_rotation(leaked=True).message


def test_a_new_one_that_is_the_present_one_is_refused(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "checklist")
    shop.keep(f"{FILE}.new", f"{NAME}={shop.value()}\n")
    assert shop.failure_of_rotation().failure_code == "usage"


def test_a_key_whose_making_nobody_heard_of_is_found_again(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "supabase_key")
    shop.control(
        "POST", "faults", {"kind": "reset_after", "match": {"method": "POST", "path": "*/api-keys"}, "times": 1}
    )
    with pytest.raises(HotopsError):
        shop.rotate(force=True)
    made = shop.supabase.keys.valid(REF)
    shop.rotate(force=True)
    assert shop.value() in made
    assert sum(key["name"].startswith("shop_") for key in shop.supabase.keys._of(REF, 0.0)) == 1


def test_a_key_is_proven_where_it_is_used_and_its_end_too(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "supabase_key")
    old = shop.value()
    shop.rotate(force=True)
    used = [
        entry["status"]
        for entry in shop.stage.control("GET", "log")["entries"]
        if entry["host"] == f"{REF}.supabase.co"
    ]
    assert used[0] == 200
    assert 401 in used[1:], "the old one is refused after its end"
    with shop.context() as context:
        try_key(context, REF, Secret(shop.value()))
        with pytest.raises(Unauthorized):
            try_key(context, REF, Secret(old))


def test_a_deleted_key_that_the_project_still_takes_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = IssuedStage(tmp_path, "supabase_key")
    old, valid = shop.value(), shop.supabase.keys.valid
    monkeypatch.setattr(shop.supabase.keys, "valid", lambda ref: {*valid(ref), old})
    failure = shop.failure_of_rotation(force=True)
    assert failure.failure_code == "rotation_incomplete"
    assert f"{REF}.supabase.co still takes" in failure.message
    assert shop.coming() is not None, "a re-run goes on from there"
    monkeypatch.undo()
    assert shop.rotate().result["rotated"]


def test_a_new_key_that_the_project_does_not_take_goes_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = IssuedStage(tmp_path, "supabase_key")
    old = shop.value()
    monkeypatch.setattr(shop.supabase.keys, "valid", lambda _ref: {old})
    assert f"{REF}.supabase.co refuses" in shop.failure_of_rotation(force=True).message
    assert set(shop.places().values()) == {old}


def test_a_token_whose_making_nobody_heard_of_is_revoked(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "fly_token")
    shop.control(
        "POST",
        "faults",
        {"kind": "reset_after", "match": {"path": "/graphql"}, "nth": [2]},
    )
    with pytest.raises(HotopsError):
        shop.rotate(force=True)
    shop.rotate(force=True)
    made = [token for token in shop.stage.twin.world.tokens.values() if token.is_made]
    assert len(made) == 1


def test_due_is_told_thirty_and_seven_days_ahead(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "generated_alone")
    seen = []
    for days in (1, 60, 23, 7):
        shop.clock.sleep(days * 86400)
        seen.append(shop.due()["secrets"][0]["state"])
    assert seen == ["fine", "ahead", "soon", "overdue"]
    assert shop.due()["rotatable"] == [NAME]
    with pytest.raises(HotopsError) as found:
        shop.due(fail_when_due=True)
    assert int(found.value.failure_exit) == 8


def test_a_second_name_has_to_be_a_secret_of_the_map(tmp_path: Path) -> None:
    shop = IssuedStage(tmp_path, "generated_alone")
    shop.map({NAME: {"vault": "shop/key", "provider": {"kind": "generated", "previous": "ELSEWHERE"}}})
    assert "ELSEWHERE" in shop.failure_of_rotation().message
    shop.map({NAME: {"vault": "shop/key", "provider": {"kind": "generated", "byte": 32}}})
    assert "did you mean bytes" in shop.failure_of_rotation().message
