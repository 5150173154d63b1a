"""The modules about a GitHub repository: check, do, do again, and what they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.core.errors import UsageError, VerifyFailed
from hotops.core.options import validated
from hotops.github import approval_workflow as workflow
from hotops.github.errors import Unprocessable
from hotops.registry import operation
from hotops.repository.run_workflow import WorkflowFailed
from tests.documented import as_documented
from tests.stage import Stage

REPO = "acme/shop"
PLAN = "a" * 64

pytestmark = pytest.mark.usefixtures("own_state")

#: How each is asked where it has something to do.
ASKED: Mapping[str, Mapping[str, Any]] = {
    "github_approval": {"plan": PLAN, "action": "request"},
    "github_deployment": {"commit": "main", "target": "production", "task": "run-1", "state": "success"},
    "github_issue": {"title": "shop-production rolled back", "body": "the watch broke off", "labels": ["incident"]},
    "github_workflow": {"workflow": workflow.FILE, "inputs": {"plan": PLAN, "environment": "staging"}},
}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, github_repo=REPO)


def run(stage: Stage, name: str, *, check: bool = False, **options: Any) -> Outcome:
    kind = operation(name)
    with stage.context("run-1", check=check) as context:
        return as_documented(name, drive(kind(validated(kind.Want, options, of=name), context), check=check))


def repository(stage: Stage) -> Any:
    found = stage.twin.github.hub.repository(REPO)
    assert found is not None
    return found


@pytest.mark.parametrize("name", sorted(ASKED))
def test_check_mode_writes_nothing_and_says_what_would_be(stage: Stage, name: str) -> None:
    stage.control("DELETE", "log")
    outcome = run(stage, name, check=True, **ASKED[name])
    assert outcome.changed
    assert stage.writes() == []


@pytest.mark.parametrize("name", sorted(set(ASKED) - {"github_workflow"}))
def test_the_second_run_changes_nothing(stage: Stage, name: str) -> None:
    assert run(stage, name, **ASKED[name]).changed
    assert not run(stage, name, **ASKED[name]).changed


@pytest.mark.parametrize("kind", ["reset_after", "truncate"])
@pytest.mark.parametrize("name", sorted(set(ASKED) - {"github_issue"}))
def test_an_answer_that_is_lost_makes_nothing_twice(stage: Stage, name: str, kind: str) -> None:
    stage.twin.faults.add({"kind": kind, "times": 1, "match": {"surface": "github", "method": "POST"}})
    run(stage, name, **ASKED[name])
    repo = repository(stage)
    dispatched = [each for each in repo.runs.values() if each.event == "workflow_dispatch"]
    assert len(dispatched) + len(repo.deployments) == 1


def test_checks_are_told_by_name_and_an_absent_one_is_red(stage: Stage) -> None:
    found = run(stage, "github_check_info", commit="main", names=["build", "e2e"]).result
    assert found["checks"] == {"build": "success"}
    assert found["not_green"] == ["e2e is absent"]
    with pytest.raises(Unprocessable, match="No commit found"):
        run(stage, "github_check_info", commit="f" * 40)


def test_a_workflow_is_waited_for_and_its_failure_is_one(stage: Stage) -> None:
    ended = run(stage, "github_workflow", **ASKED["github_workflow"], wait_s=600).result
    assert (ended["status"], ended["conclusion"]) == ("completed", "success")
    stage.control("POST", "github", {"do": "outcome", "workflow": workflow.FILE})
    with pytest.raises(WorkflowFailed, match="ended as failure: https"):
        run(stage, "github_workflow", **ASKED["github_workflow"], wait_s=600)


def test_a_workflow_with_a_title_is_started_once_until_it_failed(stage: Stage) -> None:
    titled = {**ASKED["github_workflow"], "title": workflow.title(PLAN, "staging")}
    stage.control("POST", "github", {"do": "outcome", "workflow": workflow.FILE})
    with pytest.raises(WorkflowFailed) as failed:
        run(stage, "github_workflow", **titled, wait_s=600)
    stage.control("POST", "github", {"do": "outcome", "workflow": workflow.FILE, "conclusion": "success"})
    first = run(stage, "github_workflow", **titled)
    assert first.result["run"] != failed.value.details["run"], "one that failed stands for none"
    again = run(stage, "github_workflow", **titled, wait_s=600)
    assert (again.changed, again.result["run"], again.result["conclusion"]) == (False, first.result["run"], "success")
    with pytest.raises(VerifyFailed, match="would never be found again") as other:
        run(stage, "github_workflow", **{**titled, "title": "another name"})
    assert (other.value.failure_exit, other.value.details["run"]) == (1, max(repository(stage).runs))


@pytest.mark.parametrize(
    ("name", "options", "method", "body"),
    [
        ("github_issue", {**ASKED["github_issue"], "state": "closed"}, "PATCH", {"number": 1, "state": "closed"}),
        ("github_issue", {**ASKED["github_issue"], "body": "and again"}, "POST", {}),
        (
            "github_deployment",
            {**ASKED["github_deployment"], "state": "failure"},
            "POST",
            {"id": 1, "state": "failure"},
        ),
    ],
    ids=["close", "tell", "deployment"],
)
def test_what_was_answered_well_and_is_not_so_is_found(
    stage: Stage, name: str, options: Mapping[str, Any], method: str, body: Mapping[str, Any]
) -> None:
    repository(stage).private = True
    run(stage, name, **ASKED[name])
    answer = {"title": "x", "html_url": "https://github.com/x", **body}
    match = {"method": method, "surface": "github"}
    stage.control("POST", "faults", {"kind": "status", "status": 200, "body": answer, "match": match})
    with pytest.raises(VerifyFailed) as failed:
        run(stage, name, **options)
    assert failed.value.failure_exit == 1


def test_wrong_inputs_start_nothing(stage: Stage) -> None:
    with pytest.raises(Unprocessable, match="Unexpected inputs"):
        run(stage, "github_workflow", workflow=workflow.FILE, inputs={"plam": PLAN})
    assert [each for each in repository(stage).runs.values() if each.event == "workflow_dispatch"] == []


def test_an_approval_is_asked_for_shown_and_told(stage: Stage) -> None:
    assert run(stage, "github_approval", plan=PLAN).result["hotops_screen"][0].endswith("nobody was asked.")
    number = run(stage, "github_approval", plan=PLAN, action="request").result["run"]
    stage.clock.sleep(60)
    assert run(stage, "github_approval", plan=PLAN).result["run"] == number
    stage.control("POST", "github", {"do": "review", "run": number, "login": "reviewer"})
    assert run(stage, "github_approval", plan=PLAN).result["approval"]["login"] == "reviewer"


def test_a_deployment_is_one_and_its_states_follow_each_other(stage: Stage) -> None:
    first = {**ASKED["github_deployment"], "state": "in_progress"}
    number = run(stage, "github_deployment", **first).result["deployment"]
    assert run(stage, "github_deployment", **ASKED["github_deployment"]).result["deployment"] == number
    (made,) = repository(stage).deployments.values()
    assert [status.state for status in made.statuses] == ["in_progress", "success"]
    assert made.payload == {"hotops_run": "run-1"}


def test_a_public_repository_is_told_the_title_and_no_more(stage: Stage) -> None:
    run(stage, "github_issue", **ASKED["github_issue"])
    (issue,) = repository(stage).issues.values()
    assert (issue.title, issue.body, issue.labels) == ("shop-production rolled back", "", ("incident",))


def test_the_same_incident_is_told_more_and_closed_not_opened_again(stage: Stage) -> None:
    repository(stage).private = True
    run(stage, "github_issue", **ASKED["github_issue"])
    assert run(stage, "github_issue", **{**ASKED["github_issue"], "body": "and again"}).changed
    assert not run(stage, "github_issue", **{**ASKED["github_issue"], "body": "and again"}).changed
    (issue,) = repository(stage).issues.values()
    assert (issue.body, [comment.body for comment in issue.comments]) == ("the watch broke off", ["and again"])
    assert run(stage, "github_issue", title=issue.title, state="closed").changed
    assert not run(stage, "github_issue", title=issue.title, state="closed").changed
    assert issue.state == "closed"


def test_without_a_repository_they_say_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="github_repo"):
        run(Stage(tmp_path), "github_check_info", commit="main")
