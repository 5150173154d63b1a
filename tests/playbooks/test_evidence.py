"""The evidence of a run: opened once, shared by its tasks, sealed, and told in the last line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.core.verification import verify
from tests.playbooks.project import Project, with_noted_phases

WRITE = """
- name: Put it on the machines
  hotops.core.promote_phase: {phase: deploy, verdict: {go: true}}
  run_once: true
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in which phases are noted instead of run."""
    return with_noted_phases(tmp_path)


def kinds(project: Project) -> list[str]:
    return [line["kind"] for line in project.evidence()]


@pytest.mark.parametrize("callbacks", ["hotops.core.evidence", ""])
def test_tasks_of_a_run_share_one_folder(project: Project, callbacks: str) -> None:
    project.callbacks = callbacks
    assert project.play(WRITE * 2, "-e", "reason='more memory'").code == 0
    lines = project.evidence()
    assert [line["kind"] for line in lines][:5] == ["run_opened", "intent", "outcome", "intent", "outcome"]
    assert (lines[0]["playbook"], lines[0]["environment"], lines[0]["env_kind"]) == ("play", "sandbox", "sandbox")
    assert lines[0]["reason"] == "more memory"
    assert lines[0]["command"].startswith("ansible-playbook play.yml -i inventories/sandbox")
    assert ("run_sealed" in kinds(project)) is bool(callbacks)


def test_a_second_run_has_a_folder_of_its_own(project: Project) -> None:
    project.callbacks = ""
    project.play(WRITE)
    project.play(WRITE)
    assert len(project.runs()) == 2
    assert len(list((project.state / "runs").glob("*.json"))) == 1  # what the first one left was taken out


def test_a_sealed_run_verifies_and_the_last_line_names_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = project.play(WRITE)
    (run,) = project.runs()
    assert f"Evidence: {run.relative_to(project.folder)} " in ran.last_line
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(project.state))
    assert verify(run).state == "sealed"


def test_readings_of_single_things_leave_no_folder(project: Project) -> None:
    ran = project.play("- hotops.core.fly_app_info: {app: shop}\n  run_once: true\n")
    assert ran.code != 0
    assert not project.runs()
    assert ran.last_line.startswith(f"hotops: {ran.failure()['code']} (exit code 1).")


def test_skips_and_rescues_are_kept(project: Project) -> None:
    tasks = """
    - name: Look
      hotops.core.gate: {}
      when: false
      run_once: true
    - block:
        - name: Ask
          hotops.core.promote_phase: {phase: deploy}
          run_once: true
      rescue:
        - ansible.builtin.debug: {msg: never mind}
          run_once: true
    """
    project.play(tasks)
    kept = {line["kind"]: line for line in project.evidence()}
    assert kept["skip"]["subject"] == "Look (shop-production)"
    assert kept["rescue"]["subject"] == "Ask"
    assert kept["rescue"]["error"]["code"] == "no_verdict"
    assert kept["run_sealed"]["outcome"] == "rescued"


def test_where_no_evidence_can_be_kept_nothing_is_changed(project: Project) -> None:
    project.write("artifacts", "a file where the folder should be")
    ran = project.play(WRITE)
    assert ran.failure()["code"] == "evidence_unwritable"


def test_the_plugin_never_breaks_a_run(project: Project) -> None:
    project.write("artifacts", "a file where the folder should be")
    ran = project.play("- hotops.core.health_report: {}\n  run_once: true\n  ignore_errors: true\n")
    assert "The evidence of this run is incomplete" in ran.text or "evidence_unwritable" in ran.text
    assert "Traceback" not in ran.text
    assert ran.code == 0


def test_a_run_of_an_outer_run_is_joined_and_not_sealed(project: Project, tmp_path: Path) -> None:
    project.play(WRITE)
    (run,) = project.runs()
    for file in run.glob("manifest.json"):
        file.unlink()
    project.play(WRITE, environ={"HOTOPS_RUN_DIR": str(run)})
    assert project.runs() == [run]
    assert kinds(project).count("run_sealed") == 1
