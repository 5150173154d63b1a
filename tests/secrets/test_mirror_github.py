"""The vault's values at GitHub, byte for byte, in as few calls as there can be; and the numbers of it all together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hotops.core.secret import Secret
from tests.secrets_stage import SecretsStage

REPO = "acme/shop"
HUB = {"repositories": {REPO: {"environments": {"production": {}, "staging": {}}}}}
LONG = "ä€🔑" + "x" * (48 * 1024 - 9)
VAULT = {
    "shop/api_key_prod.env": "SHOP_API_KEY_PROD='zeichen: äöü 日本語 🔑'\n",
    "shop/account_prod.json": '{"type": "service_account", "private_key": "a\\nb"}',
    "shop/long_prod.txt": LONG,
}
MAP: dict[str, Any] = {
    "SHOP_API_KEY": {
        "fly": {"shop-api": "SHOP_API_KEY"},
        "github": {"repository": "SHOP_API_KEY", "environments": {"production": ["SHOP_API_KEY", "COPY"]}},
    },
    "SHOP_ACCOUNT": {"vault": "shop/account", "github": {"environments": {"staging": {"ACCOUNT": "base64"}}}},
    "SHOP_LONG": {"vault": "shop/long", "github": {"environments": {"production": "LONG"}}},
}


def stage(folder: Path, **more: Any) -> SecretsStage:
    return SecretsStage(
        folder, **{"vault": VAULT, "secret_map": MAP, "github_repo": REPO, "sandbox_world": HUB, **more}
    )


@pytest.fixture
def shop(tmp_path: Path) -> SecretsStage:
    return stage(tmp_path)


def hub(shop: SecretsStage, environment: str | None = None) -> dict[str, bytes]:
    repository = shop.stage.twin.github.hub.repositories[REPO]
    ring = repository.environments[environment].keyring if environment else repository.keyring
    return {name: stored.value for name, stored in ring.values.items()}


def puts(shop: SecretsStage) -> list[str]:
    return [path.rpartition("/")[2] for method, path, _ in shop.calls() if method == "PUT"]


def test_what_github_received_is_the_vault_s_byte_for_byte(shop: SecretsStage) -> None:
    shop.mirror()
    vault = shop.vault()
    key = vault.value("SHOP_API_KEY").reveal().encode()
    assert hub(shop) == {"SHOP_API_KEY": key}
    assert hub(shop, "production") == {"SHOP_API_KEY": key, "COPY": key, "LONG": LONG.encode()}
    assert len(hub(shop, "production")["LONG"]) == 48 * 1024
    assert __import__("base64").b64decode(hub(shop, "staging")["ACCOUNT"]).decode() == VAULT["shop/account_prod.json"]


def test_the_second_run_writes_nothing_and_a_touch_is_seen(shop: SecretsStage) -> None:
    shop.mirror()
    shop.empty_log()
    assert not shop.mirror().changed
    assert [method for method, _, effect in shop.calls() if effect != "none"] == []
    assert len([call for call in shop.calls() if call[1].startswith("/repos/")]) == 3
    shop.stage.clock.time += 60
    ring = shop.stage.twin.github.hub.repositories[REPO].environments["production"].keyring
    ring.values["COPY"] = type(ring.values["COPY"])(b"by hand", 0.0, shop.stage.clock.now())
    error = shop.failure()
    assert error.details["unknown"] == ["github:production/COPY"]
    assert hub(shop, "production")["COPY"] == b"by hand"
    shop.empty_log()
    shop.mirror(adopt="write")
    assert puts(shop) == ["COPY"]


def test_only_what_changed_is_put(shop: SecretsStage) -> None:
    shop.mirror()
    shop.stage.clock.time += 60
    shop.vault().write("SHOP_API_KEY", Secret("the next one of the shop"))
    shop.empty_log()
    shop.mirror()
    assert sorted(puts(shop)) == ["COPY", "SHOP_API_KEY", "SHOP_API_KEY"]


def test_an_environment_that_is_not_there_is_told_apart_from_an_empty_one(shop: SecretsStage) -> None:
    shop.map({**MAP, "X": {"vault": "SHOP_API_KEY", "github": {"environments": {"prod": "X"}}}})
    error = shop.failure()
    assert error.failure_code == "place_missing"
    assert "github:prod does not exist" in error.message
    assert puts(shop) == []


def test_a_token_that_may_not_is_told_apart_from_a_missing_place(shop: SecretsStage) -> None:
    shop.stage.control(
        "POST", "faults", {"kind": "status", "status": 403, "match": {"path": f"/repos/{REPO}/environments/*"}}
    )
    error = shop.failure()
    assert error.failure_code in ("forbidden", "place_unreadable")
    assert int(error.failure_exit) == 4
    assert "the token may not read its secrets" in error.message


def test_what_was_not_written_is_named_and_a_rerun_does_only_that(shop: SecretsStage) -> None:
    path = f"/repos/{REPO}/environments/production/secrets/COPY"
    shop.stage.control("POST", "faults", {"kind": "status", "status": 403, "match": {"method": "PUT", "path": path}})
    error = shop.failure()
    assert error.failure_code == "mirror_incomplete"
    assert "github:production: 2 of 3 are written; not written, or not known to be: COPY" in error.message
    shop.stage.control("DELETE", "faults")
    shop.empty_log()
    shop.mirror()
    assert puts(shop) == ["COPY"]
    assert not shop.mirror().changed


def test_an_extra_is_removed_only_on_request(shop: SecretsStage) -> None:
    ring = shop.stage.twin.github.hub.repositories[REPO].environments["production"].keyring
    shop.mirror()
    ring.values["OLD"] = ring.values["COPY"]
    assert "github:production/OLD" in shop.mirror().result["extra"]
    shop.mirror(remove=("github:production/OLD",))
    assert "OLD" not in hub(shop, "production")
    assert not shop.mirror(remove=("github:production/OLD",)).changed
    assert "no secret 'OLDER' at github:production" in shop.failure(remove=("github:production/OLDER",)).message


def test_a_run_of_some_apps_leaves_github_alone(shop: SecretsStage) -> None:
    shop.mirror(places=("fly",))
    assert [call for call in shop.calls() if "secrets" in call[1] and call[1].startswith("/repos/")] == []
    assert hub(shop) == {}


# --- the numbers: 200 writes, 40 each to 3 apps and 2 environments ----------------------------------------------------


def two_hundred(folder: Path, **more: Any) -> SecretsStage:
    """40 secrets that go to three apps and two environments each."""
    apps = {f"shop-{name}": {"process_groups": {"app": {"count": 1}}} for name in ("web", "api", "worker")}
    vault = {f"shop/key_{n:02}_prod.env": f"KEY_{n:02}=value-number-{n:02}-of-forty\n" for n in range(40)}
    secret_map = {
        f"KEY_{n:02}": {
            "fly": dict.fromkeys(apps, f"KEY_{n:02}"),
            "github": {"environments": dict.fromkeys(("production", "staging"), f"KEY_{n:02}")},
        }
        for n in range(40)
    }
    return stage(folder, apps=apps, vault=vault, secret_map=secret_map, **more)


def test_two_hundred_writes_take_the_least_calls_and_the_second_run_eleven_reads(tmp_path: Path) -> None:
    """Least: a list and a bulk write an app, a list, a key and 40 puts a scope, and each list again as the proof."""
    shop = two_hundred(tmp_path)
    shop.mirror(deploy=False)
    calls = [
        call for call in shop.calls() if "/git/" not in call[1] and not call[1].endswith("/commits/HEAD")
    ]  # the lock
    counted = Counter(method for method, path, _ in calls)
    assert counted["PUT"] == 80
    assert len([1 for method, path, _ in calls if method == "POST" and path.endswith("/secrets")]) == 3
    keys = [path for _, path, _ in calls if path.endswith("/public-key")]
    assert len(keys) == 2
    # 9 reads of the apps, 2 of the scopes; 3 and 2 to prove.
    assert counted["GET"] - len(keys) == 9 + 2 + 3 + 2
    assert sum(counted.values()) == 3 + 80 + 2 + 16
    for app in ("shop-web", "shop-api", "shop-worker"):
        assert sum(name.startswith("KEY_") for name in shop.at(app)) == 40
    assert len(hub(shop, "production")) == len(hub(shop, "staging")) == 40
    shop.empty_log()
    again = shop.mirror(deploy=False)
    assert not again.changed
    assert [call for call in shop.calls() if call[2] != "none"] == []
    assert len(shop.calls()) == 11


def test_within_limits_it_takes_hardly_longer_than_they_ask(tmp_path: Path) -> None:
    """80 puts under 80 writes a minute; all clocks are pretended, so only what is waited counts."""
    shop = two_hundred(tmp_path)
    shop.stage.twin.limits = True
    began = shop.stage.clock.now()
    shop.mirror(deploy=False)
    took_s = shop.stage.clock.now() - began
    from hotops.github.api import CONTENT_EACH_MINUTE

    floor_s = (80 - CONTENT_EACH_MINUTE.burst) / CONTENT_EACH_MINUTE.per_s
    print(f"80 puts within GitHub's limits: {took_s:.1f} s; the limits ask for {floor_s:.1f} s")
    assert took_s <= floor_s * 1.05
