"""README.md: its script runs, its inventory is enough, its exit codes are the code's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hotops.core.errors import ExitCode, UsageError
from hotops.inventory.listing import load_environment
from hotops.inventory.run_vars import INVENTORY_KEYS
from hotops.inventory.seed import seed_of
from tests.docs.pages import README, table_rows
from tests.sandbox_fixture import RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]  # fixtures


def written_inventory(tmp_path: Path, env_kind: str) -> Path:
    folder = tmp_path / "inventories" / "production"
    folder.mkdir(parents=True)
    text = README.block("yaml")
    assert text.count("env_kind: live") == 1
    (folder / "hosts.yml").write_text(text.replace("env_kind: live", f"env_kind: {env_kind}"), encoding="utf-8")
    return folder


def test_the_five_line_script_runs(sandbox: RunningSandbox, tmp_path: Path) -> None:
    script = README.block("python")
    assert len(script.splitlines()) == 5
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [state for _, state, _ in lines] == ["started", "started"]
    assert all(image.startswith("registry.fly.io/shop-production:v42@sha256:") for _, _, image in lines)


def test_its_inventory_is_enough_for_a_live_promotion(tmp_path: Path) -> None:
    environment = load_environment(written_inventory(tmp_path, "live"))
    assert (environment.name, environment.env_kind) == ("production", "live")
    assert [(app.app, app.promote_from) for app in environment.promotable()] == [("shop-production", "shop-staging")]


def test_its_inventory_is_enough_for_a_sandbox(tmp_path: Path) -> None:
    seed = seed_of(load_environment(written_inventory(tmp_path, "sandbox")))
    assert {app["name"] for app in seed["fly"]["apps"]} == {"shop-staging", "shop-production"}


def test_the_keys_it_names_exist() -> None:
    paragraph = README.text.partition("Declare what you want to hold:")[2].partition("…")[0]
    named = paragraph.replace("`", "").replace(",", " ").split()
    assert len(named) > 5
    assert set(named) <= INVENTORY_KEYS


def test_its_exit_codes_are_the_code_s() -> None:
    assert [int(code) for code, _ in table_rows(README.section("Exit codes"))] == sorted(ExitCode)


def test_a_wrong_key_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    folder = written_inventory(tmp_path, "live")
    text = (folder / "hosts.yml").read_text(encoding="utf-8").replace("fly_org:", "fly_orgg:")
    (folder / "hosts.yml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        load_environment(folder)
    assert "fly_org" in refused.value.remedy or "fly_org" in refused.value.message
