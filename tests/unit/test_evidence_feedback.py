"""The team's feedback file gets one entry in the team's form, whole or not at all, and nothing outside the project."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

import pytest

from hotops.core.errors import UsageError
from hotops.core.feedback import FeedbackEntry, FeedbackUnwritable, append_entry, render_entry
from hotops.core.secret import Secret
from tests.unit.evidence_samples import START

ENTRY = FeedbackEntry(
    at=START,
    status="Promoted",
    working_on="promote production: the login fix",
    progress=["v42 → v43 on 2 machines"],
    evidence=["artifacts/deployment/20260131T100000Z-promote-production"],
    next=["hotops status production"],
)


def test_the_entry_has_the_teams_form() -> None:
    assert render_entry(ENTRY) == (
        "## 2026-01-31T10:00:00Z — Deployment: Promoted\n\n"
        "**Working On:** promote production: the login fix\n\n"
        "**Progress:**\n- v42 → v43 on 2 machines\n\n"
        "**Evidence:**\n- artifacts/deployment/20260131T100000Z-promote-production\n\n"
        "**Blockers:** None\n\n"
        "**Next:**\n- hotops status production\n"
    )


def test_the_evidence_is_a_summary_of_ten_lines() -> None:
    text = render_entry(FeedbackEntry(at=START, status="s", working_on="w", evidence=[f"line {n}" for n in range(30)]))
    evidence = text.split("**Evidence:**\n")[1].split("\n\n")[0].splitlines()
    assert len(evidence) == 10
    assert evidence[-1] == "- … 21 more lines in the evidence folder"


def test_a_text_makes_no_heading_of_its_own() -> None:
    text = render_entry(FeedbackEntry(at=START, status="x\n## forged", working_on="w\n\n## forged"))
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## 2026-01-31T10:00:00Z — Deployment: x ## forged"
    ]


@pytest.mark.parametrize(("before", "gap"), [("# Log\n", "\n"), ("# Log", "\n\n"), ("# Log\n\n", ""), ("", "")])
def test_what_was_written_before_stays_and_a_blank_line_parts_entries(tmp_path: Path, before: str, gap: str) -> None:
    path = tmp_path / "deployment.md"
    path.write_text(before)
    append_entry(path, ENTRY, project=tmp_path)
    assert path.read_text(encoding="utf-8") == before + gap + render_entry(ENTRY)


def test_the_folder_is_made_inside_the_project(tmp_path: Path) -> None:
    append_entry(Path("feedback/deployment.md"), ENTRY, project=tmp_path)
    assert (tmp_path / "feedback" / "deployment.md").is_file()


@pytest.mark.parametrize("way_out", ["../out.md", "linked/out.md", "link.md"])
def test_nothing_is_written_outside_of_the_project(tmp_path: Path, way_out: str) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (project / "linked").symlink_to(outside)
    (project / "link.md").symlink_to(tmp_path / "out.md")
    with pytest.raises(UsageError, match="outside of the project"):
        append_entry(Path(way_out), ENTRY, project=project)
    assert not list(outside.iterdir())
    assert not (tmp_path / "out.md").exists()


def test_entries_written_at_once_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "deployment.md"
    writers = [
        threading.Thread(target=append_entry, args=(path, ENTRY), kwargs={"project": tmp_path}) for _ in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text(encoding="utf-8") == "\n".join([render_entry(ENTRY)] * 8)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deployment.md"
    path.write_text("# Log\n")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    with pytest.raises(FeedbackUnwritable, match="No space left"):
        append_entry(path, ENTRY, project=tmp_path)
    assert path.read_text() == "# Log\n"


def test_a_secret_does_not_get_into_the_entry(tmp_path: Path) -> None:
    canary = secrets.token_hex(16)
    entry = FeedbackEntry(at=START, status="x", working_on=f"with {canary}", progress=[canary], blockers=[canary])
    append_entry(Path("deployment.md"), entry, project=tmp_path, secrets=[Secret(canary)])
    assert canary not in (tmp_path / "deployment.md").read_text()
