"""Each value of an inventory with its origin: file and line where one wrote it, what is observed, what is a default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.core.errors import UsageError
from hotops.inventory.listing import load_environment
from tests.twin.asking import app_seed
from tests.twin.looking import Scene

FILES = {
    "hosts.yml": "all:\n  vars:\n    env_kind: sandbox\n    fly_org: personal\napps:\n  hosts:\n"
    "    shop: {promote_from: shop-staging}\n    chat:\n",
    "group_vars/apps.yml": "---\nbudget_ms: 500\nsoak_s: 60\n",
    "host_vars/shop.yml": "---\n# the shop\n\nbudget_ms: 900\n",
}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    folder = tmp_path / "inventories/production"
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    made = Scene(app_seed("shop"), app_seed("chat"))
    made.environment = load_environment(folder)
    return made


def origin(result: dict[str, Any], key: str, host: str = "shop") -> tuple[Any, str, str]:
    rows = result["environment"] if host == "" else result["apps"][host]
    (row,) = (row for row in rows if row["key"] == key)
    return row["value"], row["origin"], row["where"]


def test_each_value_says_where_it_comes_from(scene: Scene) -> None:
    result = scene.ask("explain", flags=["soak_s"])
    at = "inventories/production"
    assert origin(result, "budget_ms") == (900, "host_vars", f"{at}/host_vars/shop.yml:4")
    assert origin(result, "budget_ms", "chat") == (500, "group_vars", f"{at}/group_vars/apps.yml:2")
    assert origin(result, "soak_s") == (60.0, "flag", "-e soak_s=…")
    assert origin(result, "promote_from") == ("shop-staging", "inventory", f"{at}/hosts.yml:7")
    assert origin(result, "source_url") == ("https://shop-staging.fly.dev", "follows", "promote_from")
    assert origin(result, "drain_s") == (10.0, "default", "")
    assert origin(result, "env_kind", "") == ("sandbox", "inventory", f"{at}/hosts.yml:3")
    groups, how, where = origin(result, "process_groups")
    assert (how, where) == ("observed", "Fly, machines")
    assert groups["app"] == {"count": 2, "memory_mb": [1024], "cpus": [1]}
    assert origin(result, "health")[:2] == (["https://shop.fly.dev/health"], "observed")


def test_the_page_of_all_leaves_defaults_out_and_that_of_one_app_shows_them(scene: Scene) -> None:
    lines = scene.ask("explain")["hotops_screen"]
    assert any("budget_ms" in line and "production/host_vars/shop.yml:4" in line for line in lines)
    assert not any("drain_s" in line for line in lines)
    assert any(line.endswith("defaults: hotops explain production shop") for line in lines)
    assert any("drain_s" in line for line in scene.ask("explain", apps=["shop"])["hotops_screen"])


def test_what_cannot_be_observed_is_said_and_the_files_are_told(scene: Scene) -> None:
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"path": "/v1/apps/chat/*"}})
    result = scene.ask("explain")
    assert list(result["unknown"]) == ["chat"]
    assert origin(result, "process_groups", "chat")[1] == "default"
    assert origin(result, "budget_ms", "chat")[0] == 500


def test_the_calls_are_counted(scene: Scene) -> None:
    scene.ask("explain", observed=False)
    assert scene.log() == []
    scene.ask("explain")
    assert sorted(scene.log()) == [f"GET api.machines.dev/v1/apps/{app}/machines" for app in ("chat", "shop")]


def test_an_unknown_app(scene: Scene) -> None:
    with pytest.raises(UsageError, match="There is no app 'shpo'"):
        scene.ask("explain", apps=["shpo"])
