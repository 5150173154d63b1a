"""Workflows by their command: what ansible-playbook would do, with progress, exit code, and no token in artifacts."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.documented import document_of
from tests.playbooks.project import Project, with_noted_phases

CANARY = f"canary-{secrets.token_hex(12)}"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return with_noted_phases(tmp_path)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "hotops.cli", *words]


def hotops(project: Project, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        cwd=project.folder,
        env=project.environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def phases(project: Project) -> list[str]:
    noted = (project.folder / "phases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["phase"] for line in noted]


def test_a_promotion_by_command_shows_tables_progress_and_its_end_and_keeps_no_token(project: Project) -> None:
    # The stub reads its folder from the environment, which is handed over like a token.
    ran = hotops(
        project,
        "promote",
        "sandbox",
        "shop-worker",
        "--reason",
        "two words",
        "--yes",
        SOME_HOOK=CANARY,
        DEPLOY_PASS=CANARY,
        PATH=os.defpath,  # as cron has it: nothing of the installation is on it
    )
    assert ran.returncode == 0, ran.stderr
    assert phases(project) == ["check_ready", "find_source", "ask_gates", "deploy", "verify", "watch", "notify"]
    assert ran.stdout.startswith("gate  go\nGO: all\n")
    ended, report, following = ran.stdout.splitlines()[-3:]
    assert ended.startswith("hotops: done (exit code 0). Evidence: artifacts/deployment/")
    assert report == f"To look at: {ended.partition('Evidence: ')[2]}/report.html"
    assert following.startswith("Next: hotops ")
    assert "TASK [" not in ran.stdout
    assert "updating m1" in ran.stderr
    opened = project.evidence()[0]
    assert (opened["reason"], opened["environment"]) == ("two words", "sandbox")
    assert project.evidence()[-1]["kind"] == "run_sealed"
    jobs = [file for file in (project.state / "jobs").rglob("*") if file.is_file()]
    assert {"command", "stdout", "extravars"} <= {file.name for file in jobs}
    with_token = [str(file) for file in jobs if CANARY.encode() in file.read_bytes()]
    assert with_token == []
    assert [file for file in jobs if file.name == "handover.json"] == []
    assert CANARY not in ran.stdout + ran.stderr


def test_any_playbook_runs_with_evidence_of_all_its_tasks_and_is_not_repeated_blindly(project: Project) -> None:
    project.write(
        "own/nightly.yml",
        """
        - name: Nightly
          hosts: all:localhost
          gather_facts: false
          tasks:
            - name: Ready
              hotops.core.promote_phase: {phase: check_ready}
              run_once: true
            - name: Quiet
              ansible.builtin.debug: {msg: "{{ x_who }}"}
              run_once: true
            - name: Tell the queue
              ansible.builtin.command: {argv: [touch, "{{ x_file }}"]}
              delegate_to: localhost
              run_once: true
            - name: Ask a cloud that is down
              hotops.core.promote_phase: {phase: watch, verdict: {go: true}}
              run_once: true
              vars: {ansible_connection: local}
        """,
    )
    ran = hotops(
        project,
        *("run", "own/nightly.yml", "sandbox", "shop-worker", "--yes", "--json"),
        *("-e", "reason=two words", "-e", '{"x_who": "ada"}', "-e", f"x_file={project.folder}/told"),
        STUB_FAILS="watch=wire",
        SOME_HOOK=CANARY,
    )
    assert ran.returncode == 1, ran.stderr
    document = document_of("run", ran.stdout)
    assert (document["failure"]["code"], document["attempts"]) == ("wire", 1)
    assert "not tried again by itself" in ran.stderr
    assert "1 of their tasks changed something" in ran.stderr
    assert "  changed: Tell the queue" in ran.stderr
    assert (project.folder / "told").exists()
    lines = project.evidence()
    assert (lines[0]["playbook"], lines[0]["reason"]) == ("nightly", "two words")
    told = [(line["task"], line["module"], line["status"]) for line in lines if line["kind"] == "task"]
    command_module = "ansible.builtin.command"
    assert told == [("Tell the queue", command_module, "started"), ("Tell the queue", command_module, "changed")]
    assert (lines[-1]["outcome"], lines[-1]["exit_code"]) == ("wire", 1)
    assert "Tell the queue" in (project.runs()[0] / "summary.md").read_text(encoding="utf-8")
    files = [file for file in project.state.rglob("*") if file.is_file()]
    assert [str(file) for file in files if CANARY.encode() in file.read_bytes()] == []


def test_a_failed_run_ends_with_its_own_code_and_what_to_do(project: Project) -> None:
    ran = hotops(
        project, "promote", "sandbox", "--yes", "--json", STUB_FAILS="watch=not_restored compensate=not_restored"
    )
    assert ran.returncode == 7
    document = document_of("promote", ran.stdout)
    assert (document["schema"], document["exit_code"], document["attempts"]) == (1, 7, 1)
    assert document["failure"]["code"] == "not_restored"
    assert document["evidence"].startswith("artifacts/deployment/")


def test_nobody_confirmed_nothing_ran(project: Project) -> None:
    ran = hotops(project, "promote", "sandbox")
    assert ran.returncode == 5
    assert "Promote shop-production, shop-worker in sandbox" in ran.stderr
    assert hotops(project, "promote", "sandbox", "--yes", HOTOPS_READONLY="1").returncode == 5
    assert not (project.folder / "phases.jsonl").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_ends_takes_its_playbook_with_it(project: Project, how: signal.Signals) -> None:
    project.write(
        "promote.yml",
        """
        - hosts: all:localhost
          gather_facts: false
          tasks:
            - hotops.core.promote_phase: {phase: check_ready}
              run_once: true
            - ansible.builtin.pause: {seconds: 100}
              run_once: true
        """,
    )
    started = subprocess.Popen(
        command("promote", "sandbox", "--yes"), cwd=project.folder, env=project.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 40
    while not (project.folder / "phases.jsonl").exists():
        assert time.monotonic() < deadline
        assert started.poll() is None
        time.sleep(0.05)
    playbook = int(project.evidence()[0]["pid"])
    assert Path(f"/proc/{playbook}").exists()
    started.send_signal(how)
    started.communicate(timeout=40)
    assert started.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    while Path(f"/proc/{playbook}").exists():
        assert time.monotonic() < deadline + 20, "the playbook outlived its command"
        time.sleep(0.05)
