"""The papers of disaster recovery: every figure is a drill's, and what was never measured says so."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from hotops.commands.catalogue import COMMANDS
from hotops.core.clock import rfc3339
from hotops.core.driver import Outcome, drive
from hotops.drill.documents import FILES, NEVER, DocumentsWanted, DrDocuments
from hotops.drill.experiment import load, scenarios
from hotops.proofs.register import Entry, Register
from tests.documented import as_documented
from tests.drill.conftest import Shop

#: `12 s`, `3 min 5 s`, `6.1 h`: how a figure looks.
FIGURE = re.compile(r"\b\d+(?:\.\d+)? (?:s|min|h)\b")


def write(shop: Shop, out: Path, *, check: bool = False, **changes: Any) -> Outcome:
    with shop.context(recorded=False) as context:
        context.environment = context.environment.model_copy(update=changes)
        return as_documented("dr_documents", drive(DrDocuments(DocumentsWanted(out=str(out)), context), check=check))


def drilled(shop: Shop, scenario: str, days_ago: float = 1.0, **changes: Any) -> None:
    entry = Entry(
        at=rfc3339(time.time() - days_ago * 86400), scenario=scenario, environment="shop", env_kind="sandbox",
        run=f"run-of-{scenario}", passed=True, recovery_s=42.0, loss_s=7.0, rto_s=60, rpo_s=30, phases={"load": 42.0},
    )  # fmt: skip
    Register(shop.folder / "artifacts/drills/register.jsonl").add(entry.model_copy(update=changes))


def papers(out: Path) -> dict[str, str]:
    return {file: (out / file).read_text(encoding="utf-8") for file in FILES}


def test_what_was_never_measured_has_no_figure_in_any_paper(paper: Shop, tmp_path: Path) -> None:
    outcome = write(paper, tmp_path / "out")
    assert outcome.result["answer"] == "not proven"
    for file, text in papers(tmp_path / "out").items():
        assert NEVER in text, file
        allowed = {"1 min", "60 s", "30 s"}  # what the inventory allows, which is no measurement
        assert set(FIGURE.findall(text)) <= allowed, file


def test_figures_are_those_of_the_drills_and_the_slowest_one_is_told(paper: Shop, tmp_path: Path) -> None:
    drilled(paper, "database_lost", recovery_s=1234.5, loss_s=0.7)
    drilled(paper, "machine_lost", loss_s=None)
    drilled(paper, "machine_lost", 0.5, passed=False, why="it took too long", recovery_s=999.0)
    outcome = write(paper, tmp_path / "out")
    told = papers(tmp_path / "out")
    assert outcome.result["answer"] == "yes"
    for text in told.values():
        assert "20 min 34 s" in text
        assert "SANDBOX" in text
    assert "999" not in told["recovery-times.md"]
    assert "run-of-database_lost" in told["recovery-times.md"]
    assert "it took too long" in told["dr-plan.md"]
    page = told["can-we-come-back.html"]
    assert "the slowest: the database is lost" in page
    assert "failed on" in page
    assert "<script" not in page
    assert "no data at stake" in page


def test_a_sandboxs_figures_are_a_rehearsal_and_answer_nothing_for_live_clouds(paper: Shop, tmp_path: Path) -> None:
    drilled(paper, "backup_restored", environment="sandbox")
    outcome = write(paper, tmp_path / "out", env_kind="live")
    told = papers(tmp_path / "out")
    assert outcome.result["answer"] == "not proven"
    assert "42 s (rehearsed in a sandbox)" in told["recovery-times.md"]
    assert "rehearsed in a sandbox only, which proves nothing here" in told["can-we-come-back.html"]
    drilled(paper, "backup_restored", env_kind="live", recovery_s=55.0)
    dr = paper.environment().dr.model_copy(update={"scenarios": None})  # what live clouds have to prove if not told
    assert write(paper, tmp_path / "out", env_kind="live", dr=dr).result["answer"] == "yes"
    assert "| backup_restored | never" not in papers(tmp_path / "out")["recovery-times.md"]


def test_check_mode_writes_nothing_and_a_second_run_changes_nothing(paper: Shop, tmp_path: Path) -> None:
    drilled(paper, "database_lost")
    planned = write(paper, tmp_path / "out", check=True)
    assert planned.changed
    assert not (tmp_path / "out").exists()
    assert write(paper, tmp_path / "out").changed
    again = write(paper, tmp_path / "out")
    assert not again.changed
    assert set(again.result["files"].values()) == {False}


@pytest.mark.parametrize("scenario", scenarios())
def test_the_runbook_names_commands_that_there_are(scenario: str) -> None:
    names = {command.name for command in COMMANDS}
    lines = load(scenario).facts.commands
    assert lines
    for line in lines:
        words = line.split()
        if words[0] == "hotops":
            assert words[1] in names or " ".join(words[1:3]) in names, line
        else:
            assert words[0] in ("fly", "#"), line
