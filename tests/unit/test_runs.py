"""Which run a process belongs to."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from hotops.core.errors import HotopsError
from hotops.core.evidence import RUN_DIR_VARIABLE
from hotops.core.runs import RunOpening, join_run, without_values


@pytest.fixture
def opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunOpening:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv(RUN_DIR_VARIABLE, raising=False)
    return RunOpening(tmp_path / "artifacts", "promote", "stage", "sandbox", reason="Tuesday")


def test_children_of_one_process_share_a_run(opening: RunOpening) -> None:
    first, second = (join_run(opening, holder_pid=os.getpid()) for _ in range(2))
    assert first.run_dir.resolve() == second.run_dir.resolve()


def test_a_sealed_run_is_over(opening: RunOpening) -> None:
    first = join_run(opening, holder_pid=os.getpid())
    first.seal("done", 0)
    assert join_run(opening, holder_pid=os.getpid()).run_dir.name != first.run_dir.name


def test_what_dead_processes_left_is_taken_out(opening: RunOpening, tmp_path: Path) -> None:
    dead = 2**22 - 1
    join_run(opening, holder_pid=dead)
    join_run(opening, holder_pid=os.getpid())
    assert [file.stem for file in (tmp_path / "state/runs").glob("*.json")] == [str(os.getpid())]


def test_the_variable_goes_first(opening: RunOpening, monkeypatch: pytest.MonkeyPatch) -> None:
    named = opening.open()
    monkeypatch.setenv(RUN_DIR_VARIABLE, str(named.run_dir))
    assert join_run(opening, holder_pid=os.getpid()).run_dir == named.run_dir


def test_only_a_tolerant_run_goes_on_without_evidence(opening: RunOpening, tmp_path: Path) -> None:
    opening.evidence_dir.write_text("no folder")
    with pytest.raises(HotopsError) as caught:
        join_run(opening, holder_pid=os.getpid())
    assert caught.value.failure_code == "evidence_unwritable"
    folder = join_run(opening, holder_pid=os.getpid(), tolerant=True)
    folder.event("note", text="on we go")
    assert folder.problems


def test_a_tolerant_run_needs_no_state_directory(
    opening: RunOpening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "file"))
    assert join_run(opening, holder_pid=os.getpid(), tolerant=True).tolerant


def test_a_command_line_is_kept_without_the_values_that_somebody_typed_into_it() -> None:
    typed = secrets.token_hex(8)
    for given in (
        f"ansible-playbook site.yml -e db_password={typed} -e secret=DATABASE_URL",
        f'ansible-playbook site.yml -e \'{{"api_key": "{typed}", "secret": "DATABASE_URL"}}\'',
        f"hotops run site.yml production -e 'x_token={typed} secret=DATABASE_URL'",
        f"hotops dsn explain production --error-text 'postgres://u:{typed}@db.test/x' -e secret=DATABASE_URL",
    ):
        assert typed not in without_values(given)
        assert "DATABASE_URL" in without_values(given)
