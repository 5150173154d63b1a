"""The first promotion, as README.md tells it: its own commands and inventory, run for real against a sandbox."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import README, ROOT
from tests.sandbox_fixture import RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]  # fixtures

#: Policy that a sandbox takes from the command line, so that the ten minutes of the watch are seconds.
QUICK = ["-e", "watch_s=2", "-e", "drain_s=0", "-e", '{"watch": {"interval_s": 0.5}, "samples": 10}']


class Desk:
    """A folder as the README has it made: `ansible.cfg`, the inventory, and commands typed there."""

    def __init__(self, folder: Path, state_dir: Path) -> None:
        self.folder = folder
        (folder / "inventories/production").mkdir(parents=True)
        text = README.block("yaml").replace("env_kind: live", "env_kind: sandbox")
        (folder / "inventories/production/hosts.yml").write_text(text, encoding="utf-8")
        (printing,) = (line for line in README.commands if line.startswith("printf"))
        kept = {key: value for key, value in os.environ.items() if key in ("LANG", "TMPDIR")}
        self.environ = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "HOTOPS_STATE_DIR": str(state_dir),
            "NO_COLOR": "1",
        }
        subprocess.run(["sh", "-c", printing], cwd=folder, env=self.environ, check=True)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False, timeout=150
        )


@pytest.fixture
def desk(sandbox: RunningSandbox, tmp_path: Path) -> Desk:
    return Desk(tmp_path, sandbox.state_dir)


def documented(*with_words: str, without: str = "") -> list[str]:
    """The one command of the README that holds these words."""
    lines = {line for line in README.commands if all(word in line for word in with_words)}
    (line,) = {line for line in lines if not without or without not in line}
    return shlex.split(line)


def test_check_then_promote_then_the_fire_exit(desk: Desk, sandbox: RunningSandbox) -> None:
    def tags() -> set[str]:
        (app,) = (app for app in sandbox.control.status()["apps"] if app["name"] == "shop-production")
        return {machine["tag"] for machine in app["machines"]}

    checked = desk.run(*documented("ansible-playbook hotops.core.promote", "--check"))
    assert checked.returncode == 0, checked.stdout
    assert "Nothing was written." in checked.stdout
    assert {entry["effect"] for entry in sandbox.control.entries(0)} == {"none"}
    assert not (desk.folder / "artifacts").exists()

    promoted = desk.run(*documented("ansible-playbook hotops.core.promote", without="--check"), *QUICK)
    assert promoted.returncode == 0, promoted.stdout
    assert promoted.stdout.rstrip().splitlines()[-1].startswith("hotops: promoted (exit code 0). Evidence: artifacts/")
    assert tags() == {"v43"}

    back = desk.run(*documented("ansible-playbook hotops.core.rollback"))
    assert back.returncode == 0, back.stdout
    assert tags() == {"v42"}

    for command in ("show", "verify"):
        told = desk.run(*documented(f"hotops evidence {command}"))
        assert told.returncode == 0, told.stdout + told.stderr
    assert "SEALED" in told.stdout
    assert all((run / "summary.md").is_file() for run in (desk.folder / "artifacts/deployment").iterdir())


def test_a_reason_without_inner_quotes_is_told_how_to_be_written(desk: Desk) -> None:
    command = documented("ansible-playbook hotops.core.promote", without="--check")
    refused = desk.run(*(word.replace("'", "") for word in command))
    assert refused.returncode != 0
    assert "cuts at blanks" in refused.stdout
    assert "(exit code 2)" in refused.stdout.rstrip().splitlines()[-1]
