"""The commands about secrets, typed as a person would: what they say, their exit codes, and nothing of a value."""

from __future__ import annotations

import io
import json
import secrets
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import pytest

from hotops import cli
from hotops.inventory.listing import load_environment
from tests.playbooks.project import Project

KEY = secrets.token_hex(16)
INVENTORY = """
all:
  vars: {env_kind: sandbox, env_name: production, fly_org: personal, vault: vault, env_matrix: matrix.md}
apps:
  hosts:
    shop-production:
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of a sandbox in which nobody listens: what needs no cloud works, what needs one says so."""
    made = Project(tmp_path)
    made.write("inventories/sandbox/hosts.yml", INVENTORY)
    made.pretend_sandbox()
    state = made.state / "sandbox/state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "ca_file": certifi.where()}), encoding="utf-8")
    file = made.write("vault/shop/api_key_prod.env", f"SHOP_API_KEY={KEY}\n")
    file.chmod(0o644)
    for folder in (made.folder / "vault", made.folder / "vault/shop"):
        folder.chmod(0o700)
    # Ansible is asked once for the inventory, which stays as it is.
    monkeypatch.setattr("hotops.inventory.listing.load_environment", cache(load_environment))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(made.state))
    return made


@pytest.fixture
def hotops(project: Project, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[int, str]:
        code = cli.main(words)
        said = capsys.readouterr()
        assert KEY not in said.out + said.err
        return code, said.out + said.err

    return run


def test_from_a_loose_vault_to_a_map_an_audit_and_a_trace(
    hotops: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = hotops("vault", "check", "sandbox")
    assert code == 8
    assert "bad: shop/api_key_prod.env: others on this computer may read it" in said
    code, said = hotops("secrets", "audit", "sandbox", "--check")
    assert (code, "hotops vault fix-modes" in said) == (2, True)
    assert hotops("vault", "fix-modes", "sandbox", "--yes")[0] == 0
    assert hotops("vault", "check", "sandbox")[0] == 0
    code, said = hotops("secrets", "audit", "sandbox", "--check")
    assert (code, "hotops secrets map init production" in said) == (2, True)
    code, said = hotops("secrets", "map", "init", "sandbox", "--check")
    assert (code, "--no-look" in said) == (1, True)
    code, said = hotops("secrets", "map", "init", "sandbox", "--no-look", "--check")
    assert (code, "SHOP_API_KEY:" in said) == (0, True)
    assert hotops("secrets", "map", "init", "sandbox", "--no-look", "--yes")[0] == 0
    file = project.folder / "inventories/secret_maps/production.yml"
    text = file.read_text(encoding="utf-8").replace("# fly: {APP: NAME}", "fly: {shop-production: SHOP_API_KEY}")
    file.write_text(f"{text}  OTHER_KEY: {{vault: shop/other_key}}\n", encoding="utf-8")
    assert hotops("secrets", "map", "init", "sandbox", "--no-look", "--yes")[0] == 2
    assert hotops("vault", "templates", "sandbox", "--yes")[0] == 0
    assert (project.folder / "vault/shop/other_key_prod.env").exists()
    # Nobody answers: that is a finding, and no file is written from it.
    code, said = hotops("secrets", "audit", "sandbox", "--json")
    result = json.loads(said)
    assert code == 8
    assert {finding["kind"] for finding in result["failed_findings"]} == {"unreadable", "empty"}
    assert result["env_matrix"] == {"path": "matrix.md", "state": "left"}
    assert not (project.folder / "matrix.md").exists()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"SHOP_API_KEY={KEY}\n"))
    code, said = hotops("secrets", "trace", "sandbox")
    assert code == 8
    assert "shop/api_key_prod.env#SHOP_API_KEY" in said
    assert "fly:shop-production/SHOP_API_KEY" in said
    assert "note: not looked into: fly:shop-production" in said
    monkeypatch.setattr("sys.stdin", io.StringIO(secrets.token_hex(16)))
    assert hotops("secrets", "trace", "sandbox")[0] == 0
    assert all(
        KEY not in path.read_text(encoding="utf-8") for path in project.folder.glob("artifacts/**/*") if path.is_file()
    )


def test_what_leads_nowhere_is_answered_with_what_was_meant(hotops: Any) -> None:
    code, said = hotops("secrets", "map")
    assert "init" in said
    code, said = hotops("secrets", "map", "innit", "sandbox")
    assert (code, "hotops secrets map init" in said) == (2, True)
    code, said = hotops("secrets", "audti", "sandbox")
    assert (code, "hotops secrets audit" in said) == (2, True)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_scan_reads_files_history_and_messages_and_its_allow_list_has_an_end(hotops: Any, project: Project) -> None:
    leak = f"redis://default:{KEY}@cache.upstash.example:6379"
    (project.folder / ".gitignore").write_text("vault/\nstate/\n", encoding="utf-8")
    git(project.folder, "init", "-q")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-qm", "begin")
    assert hotops("secrets", "scan", "sandbox")[0] == 0
    project.write("docs/incident.md", f"We leaked {leak} once.\n")
    code, said = hotops("secrets", "scan", "sandbox")  # not yet added: found all the same
    assert (code, "docs/incident.md:1" in said) == (8, True)
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-qm", f"sanitize\n\nthe old one was {leak}")
    (project.folder / "docs/incident.md").write_text("We leaked a password once.\n", encoding="utf-8")
    git(project.folder, "commit", "-qam", "really sanitize")
    assert hotops("secrets", "scan", "sandbox", "--no-history")[0] == 0
    code, said = hotops("secrets", "scan", "sandbox", "--json")
    assert code == 8
    failure = json.loads(said)["failure"]
    places = {row["path"] for row in failure["details"]["findings"]}
    assert places == {"docs/incident.md", "message"}
    allowed = "".join(
        f"- {{path: {path}, reason: revoked on the day, until: UNTIL}}\n" for path in ("message", "docs/*")
    )
    project.write(".hotops-allow.yml", allowed.replace("UNTIL", "2999-01-01"))
    code, said = hotops("secrets", "scan", "sandbox")
    assert (code, "0 findings, 2 allowed." in said) == (0, True)
    project.write(".hotops-allow.yml", allowed.replace("UNTIL", "2020-01-01"))
    code, said = hotops("secrets", "scan", "sandbox")
    assert (code, "expired: message: revoked on the day (until 2020-01-01)" in said) == (8, True)
    project.write(".hotops-allow.yml", "- {path: docs/*, until: 2999-01-01}\n")
    code, said = hotops("secrets", "scan", "sandbox")
    assert (code, ".hotops-allow.yml: reason" in said) == (2, True)
