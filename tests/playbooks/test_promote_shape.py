"""The promotion's playbook: which phases it runs, that none can be skipped, and that a failed run is red."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.project import Project, with_noted_phases

PHASES = ["check_ready", "find_source", "ask_gates", "deploy", "verify", "watch", "notify"]
GO = {"go": True}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in which phases are noted instead of run."""
    return with_noted_phases(tmp_path)


def noted(project: Project) -> list[dict[str, Any]]:
    file = project.folder / "phases.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def phases(project: Project) -> list[str]:
    return [item["phase"] for item in noted(project)]


def test_a_promotion_runs_every_phase_once_and_hands_the_verdict_on(project: Project) -> None:
    ran = project.run("hotops.core.promote")
    assert ran.code == 0, ran.text
    assert phases(project) == PHASES
    assert {item["phase"] for item in noted(project) if item["verdict"] == GO} == {"deploy", "verify", "watch"}
    apart = {item["phase"]: sorted(item["apart"] or {}) for item in noted(project)}
    assert (apart["verify"], apart["watch"]) == (["app-deploy"], ["app-deploy", "app-verify"])
    assert "gate  go\nGO: all" in ran.stdout
    assert ran.last_line.startswith("hotops: done (exit code 0). Evidence: artifacts/deployment/")


def test_the_table_stands_below_the_name_of_its_task(project: Project) -> None:
    printed = project.run("hotops.core.promote").stdout
    assert printed.index("Every gate says go]") < printed.index("GO: all") < printed.index("TASK [hotops.core.deploy")


def test_start_at_task_does_not_get_round_the_gates(project: Project) -> None:
    ran = project.run("hotops.core.promote", "--start-at-task", "The decided image runs on every machine")
    assert ran.code != 0
    assert phases(project) == ["deploy", "compensate", "notify"]
    assert ran.failure()["code"] == "no_verdict"


@pytest.mark.parametrize("limit", [("--skip-tags", "untagged"), ("--tags", "deploy"), ("--skip-tags", "all")])
def test_tags_leave_nothing_to_deploy(project: Project, limit: tuple[str, str]) -> None:
    project.run("hotops.core.promote", *limit)
    assert "deploy" not in phases(project)


def test_a_limit_selects_apps_and_no_gate_less(project: Project) -> None:
    assert project.run("hotops.core.promote", "-l", "shop-worker").code == 0
    assert phases(project) == PHASES
    assert {tuple(item["selection"]) for item in noted(project)} == {("shop-worker",)}


def test_the_variable_apps_selects_like_a_limit(project: Project) -> None:
    assert project.run("hotops.core.promote", "-e", "apps=shop-production").code == 0
    assert {tuple(item["selection"]) for item in noted(project)} == {("shop-production",)}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("-l", "shop-db"), "empty_selection"),
        (("-l", "shop-worker,shop-prodution"), "unknown_app"),
        (("-e", "apps=shop-wroker"), "unknown_app"),
        (("-e", "raeson=tuesday"), "usage"),
        (("-e", "environment=production"), "usage"),
    ],
)
def test_what_selects_or_says_nothing_stops_before_any_phase(
    project: Project, arguments: tuple[str, str], code: str
) -> None:
    ran = project.run("hotops.core.promote", *arguments)
    assert ran.code != 0
    assert ran.failure()["code"] == code
    assert ran.failure()["exit_code"] == 2
    assert phases(project) == []


def test_the_nearest_name_is_offered(project: Project) -> None:
    assert "Did you mean 'reason'?" in project.run("hotops.core.promote", "-e", "raeson=tuesday").text
    assert "Did you mean shop-production?" in project.run("hotops.core.promote", "-e", "apps=shop-prodution").text
    # A playbook whose operation is about no environment takes the same variables, and refuses the same.
    assert "Did you mean 'reason'?" in project.run("hotops.core.secrets_scan", "-e", "raeson=tuesday").text


def test_a_limit_that_matches_no_host_is_red(project: Project) -> None:
    assert project.run("hotops.core.promote", "-l", "nowhere").code != 0
    assert phases(project) == []


def test_a_failed_phase_is_compensated_told_and_red(project: Project) -> None:
    ran = project.run("hotops.core.promote", environ={"STUB_FAILS": "watch=rolled_back"})
    assert ran.code != 0
    assert phases(project) == [*PHASES[:-1], "compensate", "notify"]
    told = {item["phase"]: item["failure"]["code"] for item in noted(project) if item["failure"]}
    assert told == {"compensate": "rolled_back", "notify": "rolled_back"}
    assert "The promotion failed, and everything is back." in ran.stdout
    assert ran.last_line.startswith("hotops: rolled_back (exit code 6).")


def test_where_nothing_could_be_brought_back_somebody_is_told(project: Project) -> None:
    ran = project.run("hotops.core.promote", environ={"STUB_FAILS": "watch=rolled_back compensate=not_restored"})
    assert ran.code != 0
    assert phases(project)[-2:] == ["compensate", "notify"]
    assert noted(project)[-1]["failure"]["code"] == "not_restored"
    assert ran.last_line.startswith("hotops: not_restored (exit code 7).")


def test_check_mode_reaches_every_phase_and_writes_no_evidence(project: Project) -> None:
    ran = project.run("hotops.core.promote", "--check", "--diff")
    assert ran.code == 0, ran.text
    assert phases(project) == PHASES
    assert all(item["check"] for item in noted(project))
    assert "-image: v41\n+image: v42" in ran.stdout
    assert not project.runs()
    assert ran.last_line.startswith("hotops: checked (exit code 0).")


def test_a_deploy_names_its_image(project: Project) -> None:
    ran = project.run("hotops.core.deploy")
    assert ran.code != 0
    assert ran.last_line.startswith("hotops: no_image (exit code 2).")
    assert "Next: -e image=" in ran.last_line
    refused = phases(project)
    assert refused == ["check_ready", "compensate", "notify"]
    assert project.run("hotops.core.deploy", "-e", "image=registry.fly.io/shop:v42").code == 0
    assert phases(project) == [*refused, *PHASES]
