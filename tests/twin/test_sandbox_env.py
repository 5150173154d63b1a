"""`hotops sandbox env`: its lines, read by a shell, point other programs at the sandbox and at nothing else."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from hotops.core.errors import WorldsMixed
from hotops.core.world import World
from tests.peers import find_peer
from tests.sandbox_fixture import PROJECT_REF, RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]

ROOT = Path(__file__).parents[2]


def lines(sandbox: RunningSandbox, *words: str) -> str:
    """What the command prints."""
    environment = {**os.environ, "HOTOPS_STATE_DIR": str(sandbox.state_dir), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hotops.cli", "sandbox", "env", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout


def shell(sandbox: RunningSandbox, **given: str) -> dict[str, str]:
    """The environment of a shell that had `given` and evaluated the lines."""
    environment = {"PATH": os.environ["PATH"], **given}
    script = 'eval "$1"; env -0'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", lines(sandbox)], env=environment, capture_output=True, text=True, check=True
    )
    return dict(item.split("=", 1) for item in done.stdout.split("\0") if "=" in item)


def test_a_shell_that_reads_the_lines_reaches_fly_in_the_sandbox(sandbox: RunningSandbox) -> None:
    environment = shell(sandbox, FLY_ACCESS_TOKEN="one that would hide the sandbox's")
    assert "FLY_ACCESS_TOKEN" not in environment
    token = {"Authorization": f"Bearer {environment['FLY_API_TOKEN']}"}
    for name, path in {
        "FLY_FLAPS_BASE_URL": "/v1/apps/shop-staging",
        "FLY_UIEX_BASE_URL": "/api/v1/organizations/personal",
        "FLY_API_BASE_URL": "/api/v1/apps/shop-staging/logs",
    }.items():
        assert httpx.get(environment[name] + path, headers=token, trust_env=False).status_code == 200, name
    assert environment["FLY_SEND_METRICS"] == "0"


def test_the_supabase_client_gets_a_profile_and_a_token_of_the_form_it_insists_on(sandbox: RunningSandbox) -> None:
    environment = shell(sandbox)
    profile = json.loads(Path(environment["SUPABASE_PROFILE"]).read_text(encoding="utf-8"))
    token = {"Authorization": f"Bearer {environment['SUPABASE_ACCESS_TOKEN']}"}
    found = httpx.get(f"{profile['api_url']}/v1/projects", headers=token, trust_env=False).json()
    assert [project["id"] for project in found] == [PROJECT_REF]


def test_json_says_the_same(sandbox: RunningSandbox) -> None:
    document = json.loads(lines(sandbox, "--json"))
    environment = shell(sandbox)
    assert document["environment"].items() <= environment.items()
    assert document["unset"] == ["FLY_ACCESS_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN"]


def test_hotops_itself_runs_on_in_such_a_shell_and_only_in_the_sandbox(sandbox: RunningSandbox) -> None:
    environment = shell(sandbox)
    assert World.of("sandbox", environment).kind == "sandbox"
    with pytest.raises(WorldsMixed, match="points to this computer"):
        World.of("live", environment)
    with pytest.raises(WorldsMixed, match="SUPABASE_ACCESS_TOKEN holds a live token"):
        World.of("sandbox", {**environment, "SUPABASE_ACCESS_TOKEN": f"sbp_{secrets.token_hex(20)}"})


def test_what_flyctl_noted_of_a_world_goes_with_it(sandbox: RunningSandbox) -> None:
    """It sends the highest secrets version it has seen, which is too high after a reset (flyctl, config.yml)."""
    notes = Path(shell(sandbox)["FLY_CONFIG_DIR"])
    notes.mkdir()
    (notes / "config.yml").write_text("app_secrets_minvers: {shop-staging: 4}\n", encoding="utf-8")
    sandbox.control.reset()
    assert not notes.exists()


@pytest.mark.peer("supabase")
def test_the_supabase_client_lists_the_sandboxs_projects(sandbox: RunningSandbox, tmp_path: Path) -> None:
    environment = {**shell(sandbox), "HOME": str(tmp_path)}
    command = [str(find_peer("supabase")), "projects", "list"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert PROJECT_REF in done.stdout, done.stderr
