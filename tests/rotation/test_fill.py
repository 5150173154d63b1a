"""What is missing is made where nobody issues it, and told where somebody does; nobody's own is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.rotation.fill import FillSecrets, FillWant
from tests.secrets_stage import SecretsStage

APP = "shop-production"
MAP: dict[str, Any] = {
    "SECRET_KEY_BASE": {
        "vault": "shop/secret_key_base",
        "provider": {"kind": "generated"},
        "fly": {APP: "SECRET_KEY_BASE"},
    },
    "SESSION_SECRET": {
        "vault": "shop/session_secret",
        "provider": {"kind": "generated"},
        "fly": {APP: "SESSION_SECRET"},
    },
    "API_KEY": {"provider": {"kind": "checklist"}, "fly": {APP: "API_KEY"}},
    "SALT": {"fly": {APP: "SALT"}},
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretsStage:
    """Its app has a SESSION_SECRET that the vault does not know, and requires a name that nobody gives it."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    vault = {"shop/salt_production.env": "SALT=a-salt-of-it\n"}
    apps = {APP: {"required_secrets": ["SALT", "REDIS_URL"], "sandbox": {"secrets": {"REDIS_URL": "absent"}}}}
    return SecretsStage(tmp_path, apps=apps, vault=vault, secret_map=MAP)


def fill(shop: SecretsStage, *, check: bool = False) -> Outcome:
    with shop.context(check=check) as context:
        return drive(FillSecrets(FillWant(), context), check=check)


def test_what_nobody_issues_is_made_once_and_all_else_is_told(shop: SecretsStage) -> None:
    shop.empty_log()
    planned = fill(shop, check=True)
    assert planned.result["filled"] == ["SECRET_KEY_BASE"]
    assert not shop.vault().has("shop/secret_key_base")
    done = fill(shop)
    assert done.changed
    made = shop.vault().value("shop/secret_key_base").reveal()
    assert len(bytes.fromhex(made)) == 32
    assert made not in str(done.result)
    assert {row["secret"]: row["says"] for row in done.result["missing"]} == {
        "SESSION_SECRET": f"{APP} has one: put that value into the vault, or it changes there",
        "API_KEY": "put it into the vault; issued by checklist",
    }
    assert done.result["not_mapped"] == {APP: ["REDIS_URL"]}
    again = fill(shop)
    assert not again.changed
    assert shop.vault().value("shop/secret_key_base").reveal() == made
    assert {effect for _, _, effect in shop.calls()} == {"none"}


def test_what_was_made_is_mirrored(shop: SecretsStage) -> None:
    fill(shop)
    shop.map({name: MAP[name] for name in ("SECRET_KEY_BASE", "SALT")})
    shop.mirror(adopt="write")
    assert shop.at(APP)["SECRET_KEY_BASE"] == shop.vault().value("shop/secret_key_base").reveal()
