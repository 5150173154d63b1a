"""Incidents with secrets and connection strings that a team really had, made again: each check fires."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.world import World
from hotops.database.look import LookWant, SupabaseDsn
from hotops.secrets.scan import ScanSecrets, ScanWant, SecretsFound
from tests.database.test_dsn_fix import SESSION
from tests.database_stage import APP, POOLER, REF, DatabaseStage
from tests.secrets_stage import SecretsStage


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path.parent / f"{tmp_path.name}-state"))


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def dsn() -> str:
    return f"postgresql://app.ref:{secrets.token_urlsafe(12)}@aws-1-us-east-1.pooler.supabase.com:5432/postgres"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "README.md").write_text("A shop.\n", encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "begin")
    return tmp_path


def committed(folder: Path, path: str, text: str, message: str = "work") -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", message)


def scanned(folder: Path, **want: Any) -> list[dict[str, Any]]:
    """What a scan finds; none where it ends green."""
    with Context(world=World("live", {})) as context:
        try:
            return list(drive(ScanSecrets(ScanWant(path=str(folder), **want), context)).result["findings"])
        except SecretsFound as error:
            return list(error.details["findings"])  # type: ignore[call-overload]


def test_i8_a_sanitized_repository_still_has_it_in_history_message_and_the_incident_s_own_document(
    repository: Path,
) -> None:
    leak = dsn()
    committed(repository, "seed.ts", f"const url = '{leak}'\n")
    committed(repository, "seed.ts", "const url = process.env.DATABASE_URL\n", f"sanitize\n\nwas {leak}")
    committed(repository, "docs/P0_SECRET_EXPOSURE.md", f"The leaked one: {leak}\n")
    places = sorted({(row["path"], bool(row["commit"])) for row in scanned(repository)})
    report = "docs/P0_SECRET_EXPOSURE.md"
    assert places == [(report, False), (report, True), ("message", True), ("seed.ts", True)]
    assert leak.split(":")[2].split("@")[0] not in json.dumps(scanned(repository))


def test_i9_a_message_or_a_line_with_a_secret_never_becomes_a_commit(repository: Path) -> None:
    hook = (
        "import sys; from hotops.core.context import Context; from hotops.core.world import World\n"
        "from hotops.core.driver import drive; from hotops.secrets.scan import ScanSecrets, ScanWant\n"
        "with Context(world=World('live', {})) as context:\n"
        "    drive(ScanSecrets(ScanWant(path='.', message=sys.argv[1]), context))\n"
    )
    file = repository / ".git/hooks/commit-msg"
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{hook}" "$1"\n', encoding="utf-8")
    file.chmod(0o755)
    (repository / "a.ts").write_text("const a = 1\n", encoding="utf-8")
    git(repository, "add", ".")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "commit", "-qm", f"fix\n\nwas {dsn()}")
    git(repository, "commit", "-qm", "fix")
    (repository / "b.ts").write_text(f"const b = '{dsn()}'\n", encoding="utf-8")
    assert scanned(repository, message=str(repository / ".git/COMMIT_EDITMSG")) == []  # not staged yet
    git(repository, "add", ".")
    found = scanned(repository, message=str(repository / ".git/COMMIT_EDITMSG"))
    assert [row["place"] for row in found] == ["b.ts:1"]


def test_i10_dsns_in_test_scripts_are_found_and_a_baseline_that_hides_new_ones_is_found_too(repository: Path) -> None:
    for number in range(3):
        committed(repository, f"test-{number}.ts", f"connect('{dsn()}')\n")
    old = [{"File": f"test-{number}.ts"} for number in range(2)]
    committed(repository, ".gitleaks-baseline.json", json.dumps(old))
    found = scanned(repository)
    assert {row["path"] for row in found} == {"test-0.ts", "test-1.ts", "test-2.ts"}, "no baseline hides anything here"
    committed(repository, ".gitleaks-baseline.json", json.dumps([*old, {"File": "test-2.ts"}]))
    grown = [row for row in scanned(repository) if row["rule"] == "a scanner's baseline grew"]
    assert len(grown) == 1
    assert grown[0]["place"].startswith(".gitleaks-baseline.json: 3 entries, 2 in ")
    committed(repository, ".gitleaks-baseline.json", json.dumps(old[:1]))
    assert [row for row in scanned(repository) if row["rule"] == "a scanner's baseline grew"] == []


def test_i11_texts_of_an_interface_are_no_secret_and_what_is_allowed_says_why_and_until_when(repository: Path) -> None:
    committed(
        repository, "locales/en.json",
        '{"smtp": {"label": "SMTP password", "hint": "Enter your SMTP password", "placeholder": "password"}}\n',
    )  # fmt: skip
    assert scanned(repository) == []
    committed(repository, "guide/sample.env", f"DATABASE_URL={dsn()}\n")
    assert {row["path"] for row in scanned(repository)} == {"guide/sample.env"}
    allow = "- {path: guide/*, reason: 'a made-up database, looked at by Ada on 2026-11-01', until: 2999-01-01}\n"
    committed(repository, ".hotops-allow.yml", allow)
    with Context(world=World("live", {})) as context:
        result = drive(ScanSecrets(ScanWant(path=str(repository)), context)).result
    assert (result["findings"], result["allowed"]) == ([], 2)


def test_i23_a_placeholder_is_never_mirrored_and_never_taken_for_done(tmp_path: Path) -> None:
    shop = SecretsStage(
        tmp_path,
        apps={"shop-production": {}},
        vault={"shop/embed_token_prod.env": "SHOP_EMBED_TOKEN=shop_placeholder_2025-10-10\n"},
        secret_map={"SHOP_EMBED_TOKEN": {"github": {"environments": {"production": "SHOP_EMBED_TOKEN_PROD"}}}},
        github_repo="acme/shop",
        sandbox_world={"repositories": {"acme/shop": {"environments": {"production": {}}}}},
    )
    refused = shop.failure()
    assert refused.failure_code == "unfit_secret"
    assert "shop/embed_token_prod.env:1" in refused.message
    assert [call for call in shop.calls() if call[2] != "none"] == []
    outcome = shop.audit(check=True)
    assert [finding["kind"] for finding in outcome.result["failed_findings"]] == ["placeholder", "absent"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("https://abcdefghijklmnopqrst.supabase.co", "web_address_given"),
        (f"postgresql://postgres:{{password}}@{POOLER}:5432/postgres", "pooler_user_without_ref"),
        (f"postgresql://postgres.{REF}:pa/ss!word@{POOLER}:5432/postgres", "password_with_slash"),
        (
            f"postgresql://postgres.{REF}:{{password}}@aws-0-ca-central-1.pooler.supabase.com:5432/postgres",
            "pooler_host_of_another_cluster",
        ),
    ],
)
def test_i6_each_wrong_connection_string_of_that_week_is_named(tmp_path: Path, given: str, code: str) -> None:
    shop = DatabaseStage(tmp_path, given=given.format(password="pa%2Fss%21word"))
    with shop.context() as context:
        result = drive(SupabaseDsn(LookWant(app=APP, prove=False), context)).result
    assert code in [finding["code"] for finding in result["findings"]]


def test_i5_processes_times_pool_above_the_pooler_s_cap_is_found_before_it_is_met(tmp_path: Path) -> None:
    shop = DatabaseStage(tmp_path, given=SESSION, database={"processes": 4, "pool": 10})
    with shop.context() as context:
        budget = drive(SupabaseDsn(LookWant(app=APP, prove=False), context)).result
        log = 'FATAL: MaxClientsInSessionMode\nPG::UndefinedTable: relation "installation_configs" does not exist'
        told = drive(SupabaseDsn(LookWant(prove=False, error_text=log), context)).result
    assert "budget_above_pool" in [finding["code"] for finding in budget["findings"]]
    assert [cause["cause"] for cause in told["explained"]] == ["session_pool_full", "tables_are_not_there"]
