"""The vault by itself: checked, taken from others, given room for what it lacks; and the first map drafted from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError
from hotops.core.secret import Secret
from hotops.secrets.map_file import read_map
from hotops.secrets.map_init import InitMap, MapInitWant
from hotops.secrets.vault_check import CheckVault, VaultCheckWant
from hotops.secrets.vault_modes import FixModes, VaultModesWant
from hotops.secrets.vault_templates import MakeTemplates, VaultTemplatesWant
from hotops.secrets.wanted import want_of
from hotops.vault.opening import open_vault
from tests.documented import as_documented
from tests.secrets_stage import SecretsStage

REPO = "acme/shop"
VAULT = {
    "supabase/database_url_prod.env": "DATABASE_URL=postgresql://u.ref:p%2Fq@db.example.com:5432/shop\n",
    "supabase/database_url_staging.env": "DATABASE_URL=postgresql://u.ref:r%2Fs@db.example.com:5432/shop\n",
    "shop/api_key_prod.env": "SHOP_API_KEY_PROD=the-api-key-of-the-shop\nSHOP_ID_PROD=4711-of-the-shop\n",
    "shop/embed_token_prod.env": "SHOP_EMBED_TOKEN=shop_placeholder_2025-10-10\n",
    "google/account-prod.json": '{"type": "service_account", "private_key": "k"}\n',
    "fly/api_token.env": "FLY_API_TOKEN=the-token-of-everybody\n",
    "one/token_prod.env": "TOKEN=the-token-of-one-of-them\n",
    "two/token_prod.env": "TOKEN=the-token-of-the-other-one\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> SecretsStage:
    return SecretsStage(
        tmp_path,
        vault=VAULT,
        github_repo=REPO,
        sandbox_world={"repositories": {REPO: {"environments": {"production": {}}}}},
    )


def map_of(shop: SecretsStage) -> Path:
    return shop.folder / "inventories/secret_maps/production.yml"


def carry(shop: SecretsStage, kind: Any, want: Any, *, check: bool = False) -> Outcome:
    with shop.context("20260101T000000Z-vault-production", check=check) as context:
        return as_documented(kind.name, drive(kind(want, context), check=check))


def checked(shop: SecretsStage) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in carry(shop, CheckVault, VaultCheckWant()).result["findings"]:
        found.setdefault(finding["kind"], []).append(f"{finding['subject']}: {finding['says']}")
    return found


def test_the_first_map_is_drafted_from_vault_apps_and_github_and_can_be_used(shop: SecretsStage) -> None:
    map_of(shop).unlink()
    shop.set("shop-production", DATABASE_URL="x", FLY_FLAG="1")
    shop.set("shop-api", SHOP_API_KEY="y")
    ring = shop.stage.twin.github.hub.repositories[REPO]
    with shop.context() as context:
        from hotops.github.client import GitHub

        context.client(GitHub).secrets.put(REPO, "SHOP_API_KEY_PROD", Secret("a-value-of-it"), "production")
        context.client(GitHub).secrets.put(REPO, "FLY_API_TOKEN", Secret("a-value-of-it"))
    assert ring.environments["production"].keyring.values
    shop.empty_log()
    outcome = carry(shop, InitMap, MapInitWant(), check=True)
    assert not map_of(shop).exists()
    assert len(shop.calls()) == 2 + 2
    assert [call for call in shop.calls() if call[2] != "none"] == []
    assert carry(shop, InitMap, MapInitWant()).changed
    text = map_of(shop).read_text(encoding="utf-8")
    assert text == outcome.result["text"]
    for value in ("p%2Fq", "the-api-key", "4711", "the-token-of", "private_key"):
        assert value not in text
    found = read_map(map_of(shop), shown="m", root=shop.folder)
    assert found.secrets["DATABASE_URL"].fly == {"shop-production": {"DATABASE_URL": "value"}}
    assert found.secrets["DATABASE_URL"].format.kind == "dsn"  # type: ignore[union-attr]
    assert found.secrets["GOOGLE_ACCOUNT"].format.kind == "json"  # type: ignore[union-attr]
    assert found.secrets["SHOP_API_KEY"].fly == {"shop-api": {"SHOP_API_KEY": "value"}}
    assert found.secrets["SHOP_API_KEY"].github.environments == {"production": {"SHOP_API_KEY_PROD": "value"}}
    assert found.secrets["FLY_API_TOKEN"].github.repository == {"FLY_API_TOKEN": "value"}
    assert not found.secrets["SHOP_EMBED_TOKEN"].required
    assert {"ONE_TOKEN", "TWO_TOKEN"} <= set(found.secrets)
    assert "FLY_FLAG" in outcome.result["unplaced"]["fly:shop-production"]
    # Every entry finds its value, but for the placeholder, which the draft names.
    wanted, problems = want_of(found, open_vault(shop.folder / "vault", "production"))
    assert [(problem.secret, problem.trouble) for problem in problems] == [("SHOP_EMBED_TOKEN", "placeholder")]
    assert len(wanted) == 4
    assert not carry(shop, InitMap, MapInitWant()).changed
    map_of(shop).write_text(f"{text}# by hand\n", encoding="utf-8")
    with pytest.raises(HotopsError) as there:
        carry(shop, InitMap, MapInitWant())
    assert there.value.failure_code == "secret_map_there"
    assert map_of(shop).read_text(encoding="utf-8") == f"{text}# by hand\n"


def test_a_place_that_does_not_answer_is_told_and_the_rest_is_drafted(shop: SecretsStage) -> None:
    map_of(shop).unlink()
    shop.stage.control("POST", "faults", {"kind": "status", "status": 403, "match": {"path": "/repos/*"}})
    outcome = carry(shop, InitMap, MapInitWant(), check=True)
    assert set(outcome.result["closed"]) == {"github:repository", "github:production"}
    assert "DATABASE_URL" in outcome.result["secrets"]
    shop.empty_log()
    assert carry(shop, InitMap, MapInitWant(look=False), check=True).result["closed"] == {}
    assert shop.calls() == []
    shop.stage.control("DELETE", "faults")
    shop.stage.control("POST", "faults", {"kind": "status", "status": 503, "match": {"path": "/v1/apps/*"}})
    with pytest.raises(HotopsError, match="failed: ") as unreachable:
        carry(shop, InitMap, MapInitWant())
    assert unreachable.value.failure_code == "place_unreadable"
    assert not map_of(shop).exists()


def test_a_check_tells_each_thing_with_its_place_and_asks_nobody(shop: SecretsStage) -> None:
    map_of(shop).unlink()
    assert [text for text in checked(shop)["no_map"] if "none" in text]
    shop.map(
        {"SHOP_API_KEY": {}, "ABSENT": {"vault": "shop/absent"}, "ODD": {"vault": "fly/api_token", "format": "dsn"}}
    )
    shop.keep("shop/bad_prod.env", "GOOD=1\nnot a line\n")
    shop.keep("shop/empty_prod.env", "NOTHING=\n")
    shop.keep("shop/api_key_production.env", "SHOP_API_KEY_PRODUCTION=another\n")
    shop.keep("one/token_prod.env.new", "TOKEN=the-coming-token-of-one\n")
    (shop.folder / "vault/fly").chmod(0o755)
    (shop.folder / "vault/fly/api_token.env").chmod(0o644)
    shop.empty_log()
    found = checked(shop)
    assert found["loose"] == [
        "fly: others on this computer may read it: mode 755, wanted 700.",
        "fly/api_token.env: others on this computer may read it: mode 644, wanted 600.",
    ]
    assert found["unreadable"] == ["vault: shop/bad_prod.env:2: this is neither KEY=value nor a comment."]
    assert found["placeholder"] == ["shop/embed_token_prod.env:1: SHOP_EMBED_TOKEN is a placeholder."]
    assert found["empty"] == ["shop/empty_prod.env:1: NOTHING is empty."]
    assert any(
        "shop/api_key_prod.env:1, " in text or ", shop/api_key_prod.env:1" in text for text in found["claimed_twice"]
    )
    assert found["malformed"] == ["ODD: fly/api_token.env:1: is no DSN."]
    assert found["missing"][0].startswith("ABSENT: is not there: ")
    assert found["successor"][0].startswith("one/token_prod.env.new:1: ")
    assert shop.calls() == []
    with pytest.raises(HotopsError) as failed:
        carry(shop, CheckVault, VaultCheckWant(fail_on_findings=True))
    assert (failed.value.failure_code, int(failed.value.failure_exit)) == ("vault_findings", 8)
    said = json.dumps(carry(shop, CheckVault, VaultCheckWant()).result)
    for value in ("p%2Fq", "the-api-key", "the-token-of", "the-coming-token"):
        assert value not in said


def test_modes_are_fixed_once_and_contents_stay(shop: SecretsStage) -> None:
    shop.map({"SHOP_API_KEY": {}})
    file, folder = shop.folder / "vault/fly/api_token.env", shop.folder / "vault/fly"
    file.chmod(0o664)
    folder.chmod(0o755)
    before = file.read_bytes()
    with pytest.raises(HotopsError, match="hotops vault fix-modes"):
        shop.audit(check=True)
    outcome = carry(shop, FixModes, VaultModesWant(), check=True)
    assert outcome.result["fixed"] == ["fly", "fly/api_token.env"]
    assert file.stat().st_mode & 0o777 == 0o664
    assert carry(shop, FixModes, VaultModesWant()).changed
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert file.read_bytes() == before
    assert not carry(shop, FixModes, VaultModesWant()).changed


def test_missing_files_are_made_with_names_only_and_an_empty_value_goes_nowhere(shop: SecretsStage) -> None:
    shop.map(
        {
            "SESSION_SECRET": {"vault": "shop/session_secret", "fly": {"shop-api": "SESSION_SECRET"}},
            "SHOP_SALT": {"vault": "shop/api_key#SHOP_SALT", "fly": {"shop-api": "SALT"}},
            "BARE_NAME": {"fly": {"shop-api": "BARE_NAME"}},
            "SHOP_API_KEY": {"fly": {"shop-api": "SHOP_API_KEY"}},
        }
    )
    before = (shop.folder / "vault/shop/api_key_prod.env").read_text(encoding="utf-8")
    outcome = carry(shop, MakeTemplates, VaultTemplatesWant(), check=True)
    assert [(row["path"], row["key"]) for row in outcome.result["missing"]] == [
        ("shop/session_secret_prod.env", "SESSION_SECRET"),
        ("shop/api_key_prod.env", "SHOP_SALT"),
        ("bare_name_prod.env", "BARE_NAME"),
    ]
    assert not (shop.folder / "vault/bare_name_prod.env").exists()
    assert carry(shop, MakeTemplates, VaultTemplatesWant()).changed
    made = shop.folder / "vault/shop/session_secret_prod.env"
    assert (made.read_text(encoding="utf-8"), made.stat().st_mode & 0o777) == ("SESSION_SECRET=''\n", 0o600)
    assert (shop.folder / "vault/shop/api_key_prod.env").read_text(encoding="utf-8") == f"{before}SHOP_SALT=''\n"
    assert not carry(shop, MakeTemplates, VaultTemplatesWant()).changed
    refused = shop.failure()
    assert refused.failure_code == "unfit_secret"
    assert "shop/session_secret_prod.env:1: SESSION_SECRET is empty" in refused.message
    shop.vault().write("SESSION_SECRET", Secret("filled-in-by-hand"))
    assert shop.vault().fit_value("SESSION_SECRET") == Secret("filled-in-by-hand")
