"""An audit tells where each secret is and in which state; keeps its part of a file, and shows no value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome
from hotops.core.errors import HotopsError
from tests.secrets_stage import SecretsStage

REPO = "acme/shop"
DAY = 86_400
VAULT = {
    "shop/api_key_prod.env": "SHOP_API_KEY_PROD=the-api-key-of-the-shop\n",
    "shop/salt_prod.env": "SALT=the-salt-of-the-shop\n",
    "db/url_prod.env": "DATABASE_URL=postgresql://u.ref:p%2Fq@db.example.com:5432/shop\n",
}
MAP = {
    "DATABASE_URL": {
        "vault": "db/url", "format": "dsn", "rotate_days": 90, "used_by": ["the shop"],
        "fly": {"shop-production": "DATABASE_URL", "shop-api": {"POSTGRES_HOST": "host"}},
    },
    "SHOP_API_KEY": {
        "fly": {"shop-production": "SHOP_API_KEY"}, "github": {"environments": {"production": "SHOP_API_KEY"}},
    },
    "SALT": {"fly": {"shop-api": "SALT"}},
}  # fmt: skip


def a_shop(folder: Path, **more: Any) -> SecretsStage:
    settings: dict[str, Any] = {
        "apps": {"shop-production": {"promote_from": "shop-staging"}, "shop-api": {}},
        "vault": VAULT,
        "secret_map": MAP,
        "github_repo": REPO,
        "env_matrix": "docs/env_matrix.md",
        "sandbox_world": {"repositories": {REPO: {"environments": {"production": {}}}}},
        "wait_timeout_s": 60,
    }
    return SecretsStage(folder, **{**settings, **more})


@pytest.fixture
def shop(tmp_path: Path) -> SecretsStage:
    made = a_shop(tmp_path)
    made.mirror(adopt="write")
    made.empty_log()
    return made


def kinds(outcome: Outcome) -> dict[str, list[str]]:
    """Findings by kind: what they are about."""
    found: dict[str, list[str]] = {}
    for finding in outcome.result["findings"]:
        found.setdefault(finding["kind"], []).append(finding["subject"])
    return found


def finding(outcome: Outcome, kind: str) -> dict[str, Any]:
    return next(each for each in outcome.result["findings"] if each["kind"] == kind)


def matrix(shop: SecretsStage) -> str:
    return (shop.folder / "docs/env_matrix.md").read_text(encoding="utf-8")


def test_all_is_well_after_a_mirror_and_the_second_audit_changes_nothing(shop: SecretsStage) -> None:
    first = shop.audit()
    assert first.changed
    assert first.result["counts"] == {"equal": 5}
    assert {row["state"] for secret in first.result["secrets"] for row in secret["places"]} == {"equal"}
    assert [finding for finding in first.result["failed_findings"] if finding["kind"] != "extra"] == []
    assert "| DATABASE_URL | present: db/url\\_prod" not in matrix(shop)
    assert "| DATABASE_URL | present: db/url_prod.env#DATABASE_URL | fly:shop-api/POSTGRES_HOST |" in matrix(shop)
    assert not shop.audit().changed


def test_the_calls_are_the_least_and_none_of_them_writes(shop: SecretsStage) -> None:
    outcome = shop.audit()
    calls = shop.calls()
    assert [call for call in calls if call[2] != "none"] == []
    # Secrets, machines and releases of two apps, secrets of the source; the one scope of GitHub.
    assert len(calls) == 2 * 3 + 1 + 1
    assert sum(outcome.result["calls"].values()) == len(calls)


def test_check_mode_writes_no_file_and_a_file_that_is_not_current_is_a_finding(shop: SecretsStage) -> None:
    outcome = shop.audit(check=True)
    assert outcome.changed
    assert not (shop.folder / "docs").exists()
    assert outcome.result["env_matrix"] == {"path": "docs/env_matrix.md", "state": "not current"}
    assert finding(outcome, "env_matrix")["remedy"] == "hotops secrets audit production"
    assert "the-api-key" not in json.dumps(outcome.plan.diff())
    with pytest.raises(HotopsError) as failed:
        shop.audit(check=True, fail_on_findings=True)
    assert (failed.value.failure_code, int(failed.value.failure_exit)) == ("audit_findings", 8)


def test_each_state_of_a_place_is_told(shop: SecretsStage) -> None:
    shop.set("shop-production", SHOP_API_KEY="somebody else's")
    shop.keep("shop/salt_prod.env", "SALT=the-next-salt-of-the-shop\n")
    del shop.stage.twin.github.hub.repositories[REPO].environments["production"].keyring.values["SHOP_API_KEY"]
    shop.set("shop-api", NOBODY_KNOWS="x")
    shop.keep("shop/left_prod.env", "LEFT_OVER=a-value-nobody-uses\n")
    outcome = shop.audit()
    found = kinds(outcome)
    assert found["touched"] == ["fly:shop-production/SHOP_API_KEY"]
    assert found["stale"] == ["fly:shop-api/SALT"]
    assert found["absent"] == ["github:production/SHOP_API_KEY"]
    assert found["staged"] == ["fly:shop-production/SHOP_API_KEY"]
    assert "fly:shop-api/NOBODY_KNOWS" in found["undocumented"]
    assert found["unused"] == ["shop/left_prod.env#LEFT_OVER"]
    assert outcome.result["unused"] == ["shop/left_prod.env#LEFT_OVER"]
    assert {"touched", "stale", "absent", "staged"} <= {each["kind"] for each in outcome.result["failed_findings"]}


def test_a_first_audit_knows_nothing_and_says_so(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    shop.set("shop-production", DATABASE_URL="x", SHOP_API_KEY="y")
    outcome = shop.audit(check=True)
    assert outcome.result["counts"] == {"unknown": 2, "absent": 3}
    assert kinds(outcome)["unknown"] == ["fly:shop-production/DATABASE_URL", "fly:shop-production/SHOP_API_KEY"]
    assert finding(outcome, "age_unknown")["subject"] == "DATABASE_URL"


def test_what_the_vault_can_not_give_is_named_with_its_place(shop: SecretsStage) -> None:
    shop.map({**MAP, "SALT": {"fly": {"shop-api": "SALT"}, "format": {"hex": 8}}})
    for text, kind, place in (
        ("SALT=salt_placeholder_2025-10-10\n", "placeholder", "shop/salt_prod.env:1: is a placeholder."),
        ("SALT=\n", "empty", "shop/salt_prod.env:1: is empty."),
        ("# a note\nSALT=not-hex\n", "malformed", "shop/salt_prod.env:2: is no hex."),
        ("", "missing", "is not there: "),
        ("SALT=a\nwhat is this\n", "missing", "is not there: "),
    ):
        shop.keep("shop/salt_prod.env", text)
        outcome = shop.audit(check=True)
        assert kinds(outcome)[kind] == ["SALT"]
        assert finding(outcome, kind)["says"].startswith(place)
        assert kinds(outcome).get("unreadable_file", []) == (["vault"] if "what is this" in text else [])
        # What is there stays told: nobody can compare it.
        salt = next(row for row in outcome.result["secrets"] if row["secret"] == "SALT")
        assert [place["state"] for place in salt["places"]] == ["unknown"]


def test_two_files_that_claim_one_name_are_a_finding_with_both_places(shop: SecretsStage) -> None:
    shop.keep("old/salt_production.env", "SALT=another-salt\n")
    says = finding(shop.audit(check=True), "claimed_twice")["says"]
    assert "shop/salt_prod.env:1" in says
    assert "old/salt_production.env:1" in says


def test_i9_a_rotation_that_is_due_stays_a_finding_until_it_is_done(shop: SecretsStage) -> None:
    def state() -> tuple[str, str]:
        outcome = shop.audit(check=True)
        due = next(row["rotation"] for row in outcome.result["secrets"] if row["secret"] == "DATABASE_URL")
        found = [each for each in outcome.result["findings"] if each["kind"].startswith("due")]
        return due["state"], "".join(f"{each['kind']} {each['severity']}: {each['says']}" for each in found)

    assert state() == ("fine", "")
    shop.stage.clock.time += 61 * DAY
    assert state()[0] == "ahead"
    assert "in 29 days" in state()[1]
    assert "due_soon warn" in state()[1]
    shop.stage.clock.time += 23 * DAY
    assert "in 6 days (this week)" in state()[1]
    shop.stage.clock.time += 10 * DAY
    assert state()[0] == "overdue"
    assert "due bad" in state()[1]
    assert "4 days ago" in state()[1]
    # Ticking a list helps nobody: only another value ends it.
    shop.keep("db/url_prod.env", "DATABASE_URL=postgresql://u.ref:q%2Fr@db.example.com:5432/shop\n")
    shop.mirror()
    assert state() == ("fine", "")  # although the host, which shop-api gets, is as old as ever


def test_what_staging_and_production_share_is_told(shop: SecretsStage) -> None:
    shop.keep("shop/api_key_staging.env", "SHOP_API_KEY_STAGING=the-api-key-of-the-shop\n")
    says = finding(shop.audit(check=True), "shared")["says"]
    assert says == "has the same value as staging (shop/api_key_staging.env#SHOP_API_KEY_STAGING)."
    shop.map({**MAP, "SHOP_API_KEY": {**MAP["SHOP_API_KEY"], "shared_ok": True}})
    assert "shared" not in kinds(shop.audit(check=True))


def test_equal_digests_at_the_source_are_a_hint(shop: SecretsStage) -> None:
    shop.set("shop-staging", OTHER_NAME="the-api-key-of-the-shop")
    found = finding(shop.audit(check=True), "shared")
    assert found["severity"] == "warn"
    assert found["says"] == "has the same value as fly:shop-staging/OTHER_NAME (a hint)."


def test_a_value_that_another_environment_was_given_is_told_by_the_ledger(shop: SecretsStage) -> None:
    file = shop.folder / "vault/.hotops/ledger.json"
    ledger = json.loads(file.read_text(encoding="utf-8"))
    ledger["targets"]["fly:shop-staging/KEY"] = ledger["targets"]["fly:shop-production/SHOP_API_KEY"]
    file.write_text(json.dumps(ledger), encoding="utf-8")
    found = finding(shop.audit(check=True), "shared")
    assert (found["severity"], found["says"]) == ("bad", "has the same value as fly:shop-staging/KEY.")


def test_i22_a_place_that_does_not_answer_is_no_empty_place(shop: SecretsStage) -> None:
    for fault, says in (
        ({"kind": "status", "status": 401}, "was refused: the token is unknown."),
        ({"kind": "status", "status": 403}, "was refused: the token may not read its secrets."),
        ({"kind": "status", "status": 404}, "does not exist (for this token)."),
        ({"kind": "status", "status": 500}, "failed: "),
        ({"kind": "reset_before"}, "failed: "),
    ):
        shop.stage.control("POST", "faults", {**fault, "match": {"path": "/v1/apps/shop-api/secrets"}})
        outcome = shop.audit(check=True)
        found = finding(outcome, "unreadable")
        assert (found["subject"], found["severity"]) == ("fly:shop-api", "bad")
        assert found["says"].startswith(says)
        assert "absent" not in kinds(outcome)
        assert outcome.result["counts"] == {"equal": 3, "unreadable": 2}
        shop.stage.control("DELETE", "faults")


def test_i22_an_environment_of_github_that_is_not_there_is_told_apart_from_missing_secrets(tmp_path: Path) -> None:
    shop = a_shop(tmp_path, sandbox_world={"repositories": {REPO: {"environments": {"staging": {}}}}})
    found = finding(shop.audit(check=True), "unreadable")
    assert found["subject"] == "github:production"
    assert found["says"] == "does not exist: acme/shop has no environment 'production'."


def test_who_saw_a_part_only_leaves_the_file_as_it_is(shop: SecretsStage) -> None:
    shop.audit()
    before = matrix(shop)
    shop.keep("shop/salt_prod.env", "SALT=the-next-salt-of-the-shop\n")
    shop.stage.control("POST", "faults", {"kind": "status", "status": 403, "match": {"path": "/repos/*"}})
    outcome = shop.audit()
    assert not outcome.changed
    assert outcome.result["env_matrix"]["state"] == "left"
    assert outcome.plan.why_empty == "not every place was read, so docs/env_matrix.md stays as it is"
    assert matrix(shop) == before


def test_a_run_about_some_apps_asks_no_other(shop: SecretsStage) -> None:
    outcome = shop.audit(selection=("shop-api",))
    assert not outcome.changed
    assert outcome.result["counts"] == {"equal": 2, "not asked": 3}
    assert {call[1].split("/")[3] for call in shop.calls() if call[1].startswith("/v1/apps/")} == {"shop-api"}


def test_what_is_taken_in_by_another_value_is_used(shop: SecretsStage) -> None:
    shop.keep("shop/host_prod.env", "SHOP_HOST=db.example.com\n")
    shop.keep("db/url_prod.env", "DATABASE_URL=postgresql://u.ref:p%2Fq@${SHOP_HOST}:5432/shop\n")
    assert shop.audit(check=True).result["unused"] == []


def test_no_value_is_in_what_an_audit_says_or_writes(shop: SecretsStage) -> None:
    outcome = shop.audit()
    said = json.dumps([outcome.result, outcome.plan.render(), outcome.plan.diff(), matrix(shop)], default=str)
    for value in ("p%2Fq", "p/q", "the-api-key", "the-salt", "db.example.com"):
        assert value not in said


def test_credentials_are_used_once_each_where_that_is_asked_for(shop: SecretsStage) -> None:
    token = shop.stage.twin.tokens["fly"]
    shop.keep("fly/api_token.env", f"FLY_API_TOKEN={token}\n")
    shop.map(
        {
            **MAP,
            "FLY_API_TOKEN": {"authenticate": "fly", "github": {"environments": {"production": "FLY_API_TOKEN"}}},
            "SAME_TOKEN": {"vault": "FLY_API_TOKEN", "authenticate": "fly"},
            "SALT": {"fly": {"shop-api": "SALT"}, "authenticate": "github"},
            "DATABASE_URL": {**MAP["DATABASE_URL"], "authenticate": "none"},
        }
    )
    assert [row["login"] for row in shop.audit(check=True).result["secrets"]] == [None] * 5
    shop.empty_log()
    outcome = shop.audit(check=True, authenticate=True)
    logins = {row["secret"]: row["login"] for row in outcome.result["secrets"]}
    assert logins["FLY_API_TOKEN"] == logins["SAME_TOKEN"]
    assert (logins["FLY_API_TOKEN"]["state"], logins["FLY_API_TOKEN"]["may"][:8]) == ("valid", "all that")
    assert logins["SALT"]["state"] == "refused"
    assert finding(outcome, "login_refused")["subject"] == "SALT"
    assert [logins[name]["state"] for name in ("SHOP_API_KEY", "DATABASE_URL")] == ["unknown"] * 2
    # One call for the token, although two secrets have it; one for the salt; the rest as ever.
    assert len(shop.calls()) == 2 * 3 + 1 + 1 + 2
    assert [call for call in shop.calls() if call[2] != "none"] == []
    assert token not in json.dumps(outcome.result)
