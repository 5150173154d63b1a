"""What gets into the evidence: every fact in a plain form, no secret in any."""

from __future__ import annotations

import dataclasses
import json
import secrets
from datetime import UTC, datetime
from enum import Enum, StrEnum
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import BaseModel

from hotops.core.evidence import EvidenceFolder
from hotops.core.plain import plain_data
from hotops.core.secret import MASK, Secret
from tests.unit.evidence_samples import opened, promotion, sealed


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


class Colour(Enum):
    RED = "red"


class Word(StrEnum):
    GO = "go"


class Model(BaseModel):
    name: str
    token: Secret


@dataclasses.dataclass
class Record:
    path: Path
    model: Model


class Talkative:
    def __repr__(self) -> str:
        raise AssertionError("nobody asked")


def test_every_kind_of_value_gets_a_plain_form() -> None:
    token = Secret(secrets.token_hex(20))
    value = {
        1: Record(Path("a/b"), Model(name="n", token=token)),
        "set": {"b", "a"},
        "enums": (Colour.RED, Word.GO),
        "numbers": [1, 1.5, float("nan"), True, None],
        "time": datetime(2026, 1, 31, 10, tzinfo=UTC),
        "others": [b"raw", Talkative()],
    }
    assert plain_data(value) == {
        "1": {"path": "a/b", "model": {"name": "n", "token": MASK}},
        "set": ["a", "b"],
        "enums": ["red", "go"],
        "numbers": [1, 1.5, "nan", True, None],
        "time": "2026-01-31T10:00:00Z",
        "others": ["(bytes)", "(Talkative)"],
    }


def test_a_line_takes_what_json_does_not(tmp_path: Path) -> None:
    run = opened(tmp_path)
    run.event("note", text="a\nb\u2028c \ud800 é", found=float("inf"))
    lines = (run.run_dir / "evidence.jsonl").read_bytes().split(b"\n")
    assert len(lines) == 3
    assert json.loads(lines[1])["text"] == "a\nb\u2028c \\ud800 é"
    run.seal("promoted", 0)


def plant(run: EvidenceFolder, value: str) -> None:
    """The value in every field that a caller can fill, plain and as URLs carry it."""
    dsn = f"postgresql://app:{quote(value, safe='')}@db.example.com/postgres"
    run.event("gate", gate=value, app=value, found={value: [value]}, wanted=dsn, source=f"GET /?token={value}")
    number = run.intent(value, value, value, before={"DSN": dsn}, after=Secret(value), action=f"setting {value}")
    run.outcome(number, "failed", fact={value: value}, duration_s=1, request_ids=[value], error={"message": dsn})
    run.event("waiver", gate=value, reason=value, until=value, who=value)
    run.event("rescue", subject=value, error={"cause": dsn})
    run.event("skip", subject=value, reason=quote(value, safe=""))
    run.event("observation", app=value, subject=value, text=f"log line with {value} in it")


def test_no_secret_gets_into_any_file(tmp_path: Path) -> None:
    canary = "p%/ä " + secrets.token_hex(16)
    run = opened(tmp_path / "runs", secrets=[Secret(canary)])
    plant(run, canary)
    later = secrets.token_urlsafe(24)
    run.redact([Secret(later)])
    plant(run, later)
    run.seal(canary, 7, next_step=later, contact=canary)
    for path in (path for path in (tmp_path / "runs").rglob("*") if path.is_file()):
        content = path.read_text(encoding="utf-8")
        for value in (canary, later):
            assert value not in content, path
            assert quote(value, safe="") not in content, path
            assert value[-16:] not in content, path


def test_what_looks_like_a_credential_is_masked_unasked(tmp_path: Path) -> None:
    fly, password = "fo1_" + secrets.token_urlsafe(24), secrets.token_hex(12)
    run = opened(tmp_path / "runs")
    plant(run, fly)
    run.event("note", text=f"could not connect to postgresql://postgres:{password}@db.example.com:5432/postgres")
    run.seal("failed", 1)
    text = "".join(p.read_text() for p in (tmp_path / "runs").rglob("*") if p.is_file())
    assert fly not in text
    assert password not in text
    assert "db.example.com" in text


# --- the summary ------------------------------------------------------------------------------------------------------


def test_the_summary_tells_an_auditor_what_happened(tmp_path: Path) -> None:
    text = (sealed(tmp_path).run_dir / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("# promote production: promoted\n\n**Done.**\n")
    for said in (
        "- Why: the login fix",
        "- By whom: ann",
        "| staging is healthy | shop-staging | require | pass | 200 in 12 ms |",
        "- Waived: backup age (warn), because: first week; until 2026-12-01; by ann",
        "- Verdict of gates: **GO**",
        "| updating machine m1 | m1 | image: v42 → v43 | done | 5.1 s |",
        "5xx on shop: 0 of 1200 requests",
        "- Next: hotops status production",
        "- Whom to call: on-call@example.com",
    ):
        assert said in text
    assert "SANDBOX" not in text


def test_a_sandbox_summary_says_first_and_last_that_it_is_no_proof(tmp_path: Path) -> None:
    text = (sealed(tmp_path, env_kind="sandbox").run_dir / "summary.md").read_text(encoding="utf-8")
    assert text.index("SANDBOX: not proof") < text.index("## What was asked")
    assert text.rindex("SANDBOX: not proof") > text.index("## How it ended")


def test_the_same_lines_give_the_same_summary(tmp_path: Path) -> None:
    one, two = sealed(tmp_path / "a").run_dir, sealed(tmp_path / "b").run_dir
    assert (one / "summary.md").read_bytes() == (two / "summary.md").read_bytes()


def test_a_failure_names_what_failed_and_what_to_do(tmp_path: Path) -> None:
    run = promotion(tmp_path)
    run.outcome(9, "failed", duration_s=61.0, error={"code": "no_capacity", "message": "No room in ord."})
    run.event("rescue", subject="promote", error="No room in ord.")
    run.seal("not_restored", 7)
    text = (run.run_dir / "summary.md").read_text(encoding="utf-8")
    assert "| failed: No room in ord. | 61.0 s |" in text
    assert "NOT proven back" in text
    assert "Wake the engineer on call" in text


def test_what_a_cloud_answered_stays_text_in_the_summary(tmp_path: Path) -> None:
    run = opened(tmp_path)
    run.event("gate", gate="a | b", found="[click](javascript:x)\n# Approved\n\x1b[2J<b>", status="fail")
    run.seal("no_go", 3)
    text = (run.run_dir / "summary.md").read_text(encoding="utf-8")
    assert "a \\| b" in text
    assert "\\[click\\]" in text
    assert "\n# Approved" not in text
    assert "\x1b" not in text
    assert "<b>" not in text.replace("\\<b\\>", "")
