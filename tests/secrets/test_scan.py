"""Secrets in files, untracked files, history and commit messages are found; what only looks like them is not."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.errors import HotopsError
from hotops.core.world import World
from hotops.secrets.scan import ScanSecrets, ScanWant
from hotops.secrets.scanning import rules_in
from tests.documented import as_documented


def dsn() -> str:
    return f"postgresql://app.ref:{secrets.token_urlsafe(12)}@aws-1-us-east-1.pooler.supabase.com:5432/postgres"


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "README.md").write_text("Use postgresql://user:${DB_PASS}@host:5432/db\n", encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "begin")
    return tmp_path


def scan(folder: Path, **want: Any) -> dict[str, Any]:
    failure: HotopsError | None = None
    result: dict[str, Any] = {}
    with Context(world=World("live", {})) as context:
        try:
            result = as_documented(
                "secrets_scan", drive(ScanSecrets(ScanWant(path=str(folder), **want), context))
            ).result
        except HotopsError as error:
            failure = error
    if failure is None:
        return result
    assert (failure.failure_code, int(failure.failure_exit)) == ("secrets_found", 8), failure
    return dict(failure.details)


def places(result: dict[str, Any]) -> list[str]:
    return [f"{row['rule']} at {row['path']}" for row in result["findings"]]


def test_check_mode_reads_as_ever_and_changes_no_file(repository: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*") if path.is_file()}
    with Context(world=World("live", {}), check=True) as context:
        outcome = drive(ScanSecrets(ScanWant(path=str(repository)), context), check=True)
    assert (outcome.changed, outcome.result["findings"]) == (False, [])
    assert {path: path.stat().st_mtime_ns for path in repository.rglob("*") if path.is_file()} == before


def test_a_clean_repository_is_clean(repository: Path) -> None:
    assert scan(repository)["findings"] == []


def test_a_dsn_in_a_tracked_and_in_an_untracked_file_is_found_with_its_line(repository: Path) -> None:
    (repository / "test-db.ts").write_text(f"// try\nconst url = '{dsn()}';\n", encoding="utf-8")
    result = scan(repository, history=False)
    assert [(row["rule"], row["place"]) for row in result["findings"]] == [("DSN with a password", "test-db.ts:2")]


def test_what_was_removed_is_still_in_the_history(repository: Path) -> None:
    leak = dsn()
    (repository / "seed.ts").write_text(f"a\nb {leak}\n", encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "seed")
    (repository / "seed.ts").write_text("a\n", encoding="utf-8")
    git(repository, "commit", "-qam", "sanitized")
    result = scan(repository)
    (found,) = result["findings"]
    assert found["place"] == f"seed.ts:2 in {found['commit']}"
    assert leak.split(":")[2].split("@")[0] not in json.dumps(result)
    assert scan(repository, history=False)["findings"] == []


def test_a_commit_message_and_the_incident_s_own_document_are_read(repository: Path) -> None:
    token = f"shpat_{secrets.token_hex(16)}"
    (repository / "docs").mkdir()
    (repository / "docs/P0_SECRET_EXPOSURE.md").write_text(f"The leaked token was {token}\n", encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", f"rotate\n\nold database: {dsn()}")
    assert sorted(set(places(scan(repository)))) == [
        "DSN with a password at message", "Shopify token at docs/P0_SECRET_EXPOSURE.md"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://postgres:" + "postgres@localhost:5432/postgres",
        "postgres://user:<password>@host/db",
        "DATABASE_URL=postgresql://u:${PASS}@h/d",
        "postgresql://postgres:[YOUR-PASSWORD]@db.ref.supabase.co:5432/postgres",
        '"smtp": {"label": "SMTP password", "hint": "Enter your SMTP password"}',
        "redis://default:…@host:6379",
        "https://example.com/a:b@c",
        "see https://shop.example.com:8080/x@y",
    ],
)
def test_templates_masks_and_interface_texts_are_no_secrets(text: str) -> None:
    assert list(rules_in(text)) == []


@pytest.mark.parametrize(
    ("prefix", "rule"),
    [
        ("fm2_", "Fly.io token"),
        ("sb_secret_", "Supabase token"),
        ("ghp_", "GitHub Token"),
        ("sk-ant-", "Anthropic key"),
    ],
)
def test_tokens_of_our_clouds_are_known(prefix: str, rule: str) -> None:
    assert rule in list(rules_in(f"token: {prefix}{secrets.token_hex(18)}"))


def test_an_allowed_place_needs_a_reason_and_an_end(repository: Path) -> None:
    (repository / "sample.env").write_text(f"A={dsn()}\n", encoding="utf-8")
    allow = repository / ".hotops-allow.yml"
    allow.write_text("- {path: 'sample.*', reason: a made-up value of a guide, until: 2999-01-01}\n", encoding="utf-8")
    assert scan(repository, history=False)["allowed"] == 1
    allow.write_text("- {path: 'sample.*', reason: a made-up value of a guide, until: 2020-01-01}\n", encoding="utf-8")
    result = scan(repository, history=False)
    assert len(result["findings"]) == 1
    assert result["expired"] == ["sample.*: a made-up value of a guide (until 2020-01-01)"]
    allow.write_text("- {path: 'sample.*', until: 2999-01-01}\n", encoding="utf-8")
    with (
        Context(world=World("live", {})) as context,
        pytest.raises(HotopsError, match=r"\.hotops-allow\.yml: reason"),
    ):
        drive(ScanSecrets(ScanWant(path=str(repository)), context))
