"""The vault's values get to Fly's apps and their machines, once, provably, and nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hotops.core.secret import Secret
from hotops.promote.pairs import environment_of
from hotops.secrets.ledger import Ledger
from hotops.secrets.wanted import vault_of
from tests.secrets_stage import SecretsStage

DSN = "postgresql://shop:p%2Fq@db.example.com:5432/shop?sslmode=require"
VAULT = {
    "db/database_url_prod.env": f"# direct\nDATABASE_URL={DSN}\n",
    "shop/api_key_prod.env": "SHOP_API_KEY_PROD='an api key of the shop'\n",
    "shop/account_prod.json": '{"type": "service_account", "key": "ü\\n"}\n',
}
MAP: dict[str, Any] = {
    "DATABASE_URL": {
        "vault": "db/database_url",
        "format": "dsn",
        "fly": {
            "shop-production": "DATABASE_URL",
            "shop-api": {"POSTGRES_HOST": "host", "POSTGRES_PASSWORD": "password", "POSTGRES_PORT": "port"},
        },
    },
    "SHOP_API_KEY": {"fly": {"shop-production": "SHOP_API_KEY", "shop-api": ["SHOP_API_KEY", "SECOND_KEY"]}},
    "SHOP_ACCOUNT": {"vault": "shop/account", "format": "json", "fly": {"shop-api": {"ACCOUNT_B64": "base64"}}},
}


@pytest.fixture
def shop(tmp_path: Path) -> SecretsStage:
    return SecretsStage(tmp_path, vault=VAULT, secret_map=MAP)


def effects(shop: SecretsStage) -> list[str]:
    return [f"{method} {path}" for method, path, effect in shop.calls() if effect != "none"]


def row(result: dict[str, Any], target: str) -> dict[str, Any]:
    (found,) = [r for r in result["targets"] if f"{r['destination']}/{r['name']}" == target]
    return dict(found)


def test_check_mode_shows_the_plan_and_writes_nothing_anywhere(shop: SecretsStage) -> None:
    outcome = shop.mirror(check=True)
    assert outcome.changed
    plan = " ".join(outcome.plan.render().split())
    assert "shop-production/secrets (fly:shop-production): DATABASE_URL absent → " in plan
    assert effects(shop) == []
    assert len(shop.calls()) == 6
    assert not (shop.folder / "vault/.hotops").exists()


def test_every_app_gets_its_names_and_every_machine_runs_with_them(shop: SecretsStage) -> None:
    outcome = shop.mirror()
    assert outcome.changed
    production = {"DATABASE_URL": DSN, "SHOP_API_KEY": "an api key of the shop"}
    assert production.items() <= shop.at("shop-production").items()
    api = shop.at("shop-api")
    assert (api["POSTGRES_HOST"], api["POSTGRES_PASSWORD"], api["POSTGRES_PORT"]) == ("db.example.com", "p/q", "5432")
    assert api["SECOND_KEY"] == "an api key of the shop"
    assert json.loads(__import__("base64").b64decode(api["ACCOUNT_B64"]))["key"] == "ü\n"
    for given in shop.runs_with("shop-production"):
        assert production.items() <= given.items()
    assert shop.stage.machines()[0].state == "started"


def test_one_write_an_app_and_the_second_run_reads_only(shop: SecretsStage) -> None:
    shop.mirror()
    writes = [effect for effect in effects(shop) if effect.endswith("/secrets")]
    assert writes == ["POST /v1/apps/shop-production/secrets", "POST /v1/apps/shop-api/secrets"]
    shop.empty_log()
    again = shop.mirror()
    assert not again.changed
    assert effects(shop) == []
    assert len(shop.calls()) == 6  # secrets, machines, releases of each app


def test_a_colleague_with_the_vault_knows_what_was_written(shop: SecretsStage, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.mirror()
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(shop.folder / "another-computer"))
    assert not shop.mirror(run="a-colleague-s-run").changed


def test_only_what_changed_in_the_vault_is_written(shop: SecretsStage) -> None:
    shop.mirror()
    shop.stage.clock.time += 60
    shop.vault().write("SHOP_API_KEY", Secret("the next key of the shop"))
    before = {name: entry.updated_at for name, entry in shop.stage.twin.world.apps["shop-api"].vault.entries.items()}
    outcome = shop.mirror()
    assert row(outcome.result, "fly:shop-api/SECOND_KEY")["state"] == "changed"
    assert outcome.result["written"] == [
        "fly:shop-api/SECOND_KEY", "fly:shop-api/SHOP_API_KEY", "fly:shop-production/SHOP_API_KEY"
    ]  # fmt: skip
    after = {name: entry.updated_at for name, entry in shop.stage.twin.world.apps["shop-api"].vault.entries.items()}
    assert {name for name in after if after[name] != before[name]} == {"SECOND_KEY", "SHOP_API_KEY"}


def test_what_nobody_knows_is_listed_left_and_ends_red(shop: SecretsStage) -> None:
    shop.set("shop-production", DATABASE_URL="postgresql://somebody@else/d")
    error = shop.failure()
    assert (error.failure_code, int(error.failure_exit)) == ("secrets_unproven", 8)
    assert error.details["unknown"] == ["fly:shop-production/DATABASE_URL"]
    assert "adopt=write" in error.remedy
    assert shop.at("shop-production")["DATABASE_URL"] == "postgresql://somebody@else/d"
    # What may be written was.
    assert shop.at("shop-production")["SHOP_API_KEY"] == "an api key of the shop"
    assert not shop.mirror(strict=False).changed
    shop.mirror(adopt="write")
    assert shop.at("shop-production")["DATABASE_URL"] == DSN
    assert not shop.mirror().changed


def test_what_was_touched_elsewhere_is_told_and_left(shop: SecretsStage) -> None:
    shop.mirror()
    shop.set("shop-api", SECOND_KEY="a hot fix at night")
    error = shop.failure()
    assert error.details["unknown"] == ["fly:shop-api/SECOND_KEY"]
    assert row(error.details, "fly:shop-api/SECOND_KEY")["says"] == "touched elsewhere"
    assert shop.at("shop-api")["SECOND_KEY"] == "a hot fix at night"
    shop.mirror(adopt="write")
    assert shop.at("shop-api")["SECOND_KEY"] == "an api key of the shop"


def test_the_same_value_written_by_somebody_else_is_no_drift(shop: SecretsStage) -> None:
    shop.mirror()
    shop.set("shop-api", SECOND_KEY="an api key of the shop")
    assert not shop.mirror().changed


def challenged(folder: Path) -> SecretsStage:
    apps = {"shop-production": {"challenge_secrets": True}, "shop-api": {}}
    made = SecretsStage(folder, apps=apps, vault=VAULT, secret_map=MAP)
    made.stage.twin.world.apps["shop-production"].vault.write({"DATABASE_URL": DSN}, made.stage.clock.now() - 9e6)
    return made


def test_a_machine_proves_by_a_nonce_that_it_runs_with_the_vault_s_value(tmp_path: Path) -> None:
    shop = challenged(tmp_path)
    for machine in shop.stage.twin.world.apps["shop-production"].machines.values():
        machine.current.given["DATABASE_URL"] = DSN
    outcome = shop.mirror()
    assert row(outcome.result, "fly:shop-production/DATABASE_URL")["says"] == "proven equal inside a machine"
    assert "fly:shop-production/DATABASE_URL" not in outcome.result["written"]
    execs = [call for call in shop.calls() if call[2] == "exec"]
    assert len(execs) == 1
    shop.empty_log()
    assert not shop.mirror().changed
    assert effects(shop) == []


def test_a_machine_that_runs_with_another_value_is_told(tmp_path: Path) -> None:
    shop = challenged(tmp_path)
    for machine in shop.stage.twin.world.apps["shop-production"].machines.values():
        machine.current.given["DATABASE_URL"] = "postgresql://another@value/d"
    error = shop.failure()
    assert row(error.details, "fly:shop-production/DATABASE_URL")["state"] == "different"
    assert error.details["unknown"] == ["fly:shop-production/DATABASE_URL"]


def test_an_app_that_did_not_opt_in_is_asked_nothing(shop: SecretsStage) -> None:
    shop.set("shop-production", DATABASE_URL=DSN)
    shop.failure()
    assert [call for call in shop.calls() if call[2] == "exec"] == []


def test_staged_is_not_deployed_and_is_deployed_or_told(shop: SecretsStage) -> None:
    """A value was set with --stage, and a restart did not apply it: the machines run with the old one."""
    told = shop.mirror(deploy=False)
    assert "fly:shop-production/DATABASE_URL" in told.result["staged"]
    assert all("SHOP_API_KEY" not in given for given in shop.runs_with("shop-production"))
    again = shop.mirror(deploy=False)
    assert not again.changed
    assert "fly:shop-api/SECOND_KEY" in again.result["staged"]
    assert any("Staged, on no machine yet" in line for line in again.result["hotops_screen"])
    shop.empty_log()
    deployed = shop.mirror()
    assert deployed.changed
    assert deployed.result["written"] == []
    assert all("SHOP_API_KEY" in given for given in shop.runs_with("shop-production"))
    assert not shop.mirror().changed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("DATABASE_URL=<dsn>\n", "db/database_url_prod.env:1: DATABASE_URL is a placeholder"),
        ("DATABASE_URL=\n", "db/database_url_prod.env:1: DATABASE_URL is empty"),
        ("DATABASE_URL=https://db.example.com\n", "is a web address, not a DSN"),
        ("# nothing\n", "DATABASE_URL is not there"),
    ],
)
def test_an_unfit_source_refuses_everything_before_any_call_writes(shop: SecretsStage, text: str, why: str) -> None:
    shop.keep("db/database_url_prod.env", text)
    error = shop.failure()
    assert int(error.failure_exit) == 2
    assert why in error.message
    assert shop.calls() == []


def test_a_placeholder_never_overwrites_what_works(shop: SecretsStage) -> None:
    shop.mirror()
    before = shop.at("shop-production")
    shop.keep("shop/api_key_prod.env", "SHOP_API_KEY_PROD=shop_placeholder_20251010\n")
    assert shop.failure().failure_code == "unfit_secret"
    assert shop.at("shop-production") == before


def test_a_wiped_vault_wipes_nothing(shop: SecretsStage) -> None:
    shop.mirror()
    before = shop.at("shop-production"), shop.at("shop-api")
    for path in VAULT:
        (shop.folder / "vault" / path).unlink()
    error = shop.failure()
    assert error.failure_code == "source_incomplete"
    assert "3 of the map's required secrets" in error.message
    assert (shop.at("shop-production"), shop.at("shop-api")) == before


def test_an_optional_secret_that_is_missing_is_passed_over_and_told(shop: SecretsStage) -> None:
    shop.map({**MAP, "SENTRY_DSN": {"required": False, "fly": {"shop-api": "SENTRY_DSN"}}})
    outcome = shop.mirror()
    assert outcome.result["skipped"] == ["SENTRY_DSN"]
    assert "SENTRY_DSN" not in shop.at("shop-api")


def test_extra_names_are_listed_and_removed_only_on_request(shop: SecretsStage) -> None:
    shop.set("shop-api", OLD_FLAG="on")
    assert "fly:shop-api/OLD_FLAG" in shop.mirror().result["extra"]
    assert "OLD_FLAG" in shop.at("shop-api")
    assert "is in the map" in shop.failure(remove=("shop-api/SECOND_KEY",)).message
    assert "Did you mean shop-api" in shop.failure(remove=("shop-appi/OLD_FLAG",)).remedy
    outcome = shop.mirror(remove=("shop-api/OLD_FLAG",))
    assert outcome.plan.counts()["destroy"] == 1
    assert "OLD_FLAG" not in shop.at("shop-api")
    assert not shop.mirror(remove=("shop-api/OLD_FLAG",)).changed


def test_a_name_to_remove_that_never_was_there_is_no_success(shop: SecretsStage) -> None:
    shop.set("shop-api", OLD_FLAG="on")
    refused = shop.failure(remove=("shop-api/OLD_FLAGS",))
    assert int(refused.failure_exit) == 2
    assert "no secret 'OLD_FLAGS' at shop-api" in refused.message
    assert refused.remedy == "Did you mean shop-api/OLD_FLAG?"
    assert [call for call in shop.calls() if call[2] != "none"] == [], "nothing was written"
    with shop.context(run="20260101T000300Z-secrets_mirror-stage") as context:
        Ledger(vault_of(environment_of(context), may_write=True)).remove("fly:shop-api/OLD_FLAGS")
    # A run that was killed between the removal and its end is run again: that one is no mistake.
    shop.mirror(remove=("shop-api/OLD_FLAGS",))


def test_what_somebody_else_manages_is_not_called_extra(shop: SecretsStage) -> None:
    shop.map(MAP, unmanaged={"shop-api": ["APP_ENV", "SESSION_SECRET"]})
    assert [name for name in shop.mirror().result["extra"] if "shop-api" in name] == []


def test_a_machine_that_fails_with_the_new_value_stops_the_rest(tmp_path: Path) -> None:
    apps = {"shop-api": {"wait_timeout_s": 20, "sandbox": {"groups": {"app": {"count": 3, "needs_database": True}}}}}
    shop = SecretsStage(
        tmp_path, apps=apps, vault=VAULT, secret_map={"DATABASE_URL": {"fly": {"shop-api": "DATABASE_URL"}}}
    )
    shop.stage.twin.world.connect = lambda dsn: None if dsn == "good" else "AuthenticationFailed"
    shop.stage.twin.world.apps["shop-api"].vault.write({"DATABASE_URL": "good"}, shop.stage.clock.now() - 9e6)
    for machine in shop.stage.twin.world.apps["shop-api"].machines.values():
        machine.current.given["DATABASE_URL"] = "good"
    error = shop.failure(adopt="write")
    assert error.failure_code == "mirror_incomplete"
    assert "Done: fly:shop-api: DATABASE_URL" in error.message
    assert error.message.count("has them") == 3
    given = sorted(given["DATABASE_URL"] for given in shop.runs_with("shop-api"))
    assert given == ["good", "good", DSN]


def test_a_write_that_fails_is_told_and_a_rerun_does_only_the_rest(shop: SecretsStage) -> None:
    shop.stage.control(
        "POST", "faults",
        {"kind": "status", "status": 403, "match": {"method": "POST", "path": "/v1/apps/shop-api/secrets"}},
    )  # fmt: skip
    error = shop.failure()
    assert error.failure_code == "mirror_incomplete"
    assert "Done: fly:shop-production: DATABASE_URL, SHOP_API_KEY." in error.message
    assert "Not done, or not known to be: fly:shop-api: POSTGRES_HOST, POSTGRES_PASSWORD" in error.message
    shop.stage.control("DELETE", "faults")
    shop.empty_log()
    shop.mirror()
    writes = [effect for effect in effects(shop) if effect.endswith("/secrets")]
    # shop-production's values are there; its machines get them, for which one write learns the newest version.
    assert "POST /v1/apps/shop-api/secrets" in writes
    assert all("SHOP_API_KEY" in given for given in shop.runs_with("shop-production"))
    assert not shop.mirror().changed


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ({"status": 404}, "place_missing", "fly:shop-api does not exist (for this token)"),
        ({"status": 403}, "forbidden", "fly:shop-api was refused: the token may not read its secrets"),
        ({"status": 401}, "unauthorized", "fly:shop-api was refused: the token is unknown"),
    ],
)
def test_missing_refused_and_empty_are_three_things(
    shop: SecretsStage, fault: dict[str, int], code: str, says: str
) -> None:
    match = {"method": "GET", "path": "/v1/apps/shop-api/secrets"}
    shop.stage.control("POST", "faults", {"kind": "status", **fault, "match": match})
    error = shop.failure()
    assert error.failure_code == code
    assert says in error.message
    assert effects(shop) == []


def test_some_apps_only(shop: SecretsStage) -> None:
    with shop.context(selection=("shop-api",)) as context:
        from hotops.core.driver import drive
        from hotops.secrets.mirror import MirrorSecrets, MirrorWant

        drive(MirrorSecrets(MirrorWant(), context))
    assert "SECOND_KEY" in shop.at("shop-api")
    assert "SHOP_API_KEY" not in shop.at("shop-production")


def test_a_deploy_that_was_never_accepted_is_not_mixed_with_new_secrets(shop: SecretsStage) -> None:
    for machine in shop.stage.twin.world.apps["shop-api"].machines.values():
        machine.current.config.setdefault("metadata", {})["hotops_verdict"] = "pending"
    error = shop.failure()
    assert error.failure_code == "unaccepted"
    assert effects(shop) == []


def test_no_value_and_no_length_is_in_what_a_mirror_says(shop: SecretsStage) -> None:
    outcome = shop.mirror()
    said = json.dumps([outcome.result, outcome.plan.render(), outcome.plan.diff()], default=str)
    for value in ("p%2Fq", "p/q", "an api key", "service_account", "db.example.com"):
        assert value not in said
    ledger = (shop.folder / "vault/.hotops/ledger.json").read_text(encoding="utf-8")
    assert "api key" not in ledger
