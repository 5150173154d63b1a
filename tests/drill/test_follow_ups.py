"""What a drill left to do is an issue with owner and date, told once; and another approves a drill's plan before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.core.clock import rfc3339
from hotops.core.driver import Outcome, drive
from hotops.core.errors import UsageError
from hotops.core.operation import Plan, Step
from hotops.drill.approved import approved_by_another
from hotops.drill.follow_ups import DrFollowUps, FollowUpsWanted
from hotops.proofs.register import Entry, Register
from hotops.repository.approval import Approval, ApprovalMissing, ApprovalRefused
from tests.documented import as_documented
from tests.stage import Stage

REPO = "acme/shop"

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path, github_repo=REPO, dr={"scenarios": ["database_lost"], "owner": "operator"})
    made.environment = made.environment.model_copy(update={"project_dir": tmp_path})
    return made


def drilled(stage: Stage, days_ago: float, **changes: Any) -> None:
    environment = stage.environment
    entry = Entry(
        at=rfc3339(stage.clock.now() - days_ago * 86400), scenario="database_lost", environment=environment.name,
        env_kind=environment.env_kind, run=f"run-{days_ago:g}", passed=True, rto_s=60, rpo_s=60,
        phases={"detect": 2.0, "load": 90.0},
    )  # fmt: skip
    Register(environment.path(environment.dr.register_file)).add(entry.model_copy(update=changes))


def tell(stage: Stage, *, check: bool = False) -> Outcome:
    with stage.context(check=check) as context:
        return as_documented("dr_follow_ups", drive(DrFollowUps(FollowUpsWanted(), context), check=check))


def issues(stage: Stage) -> list[Any]:
    return [one for one in stage.twin.github.hub.repository(REPO).issues.values() if "drill" in one.labels]


def day(stage: Stage, days: float) -> str:
    return rfc3339(stage.clock.now() + days * 86400)[:10]


def make_private(stage: Stage) -> None:
    stage.twin.github.hub.repository(REPO).private = True


def test_a_failed_drill_is_an_issue_with_owner_and_date_opened_once(stage: Stage) -> None:
    make_private(stage)
    drilled(stage, 1, passed=False, why="it took 92 s, allowed are 60 s")
    planned = tell(stage, check=True)
    assert planned.changed
    assert issues(stage) == []
    tell(stage)
    assert not tell(stage).changed
    (issue,) = issues(stage)
    assert issue.title == f"Drill database_lost of {stage.environment.name} failed, by {day(stage, 13)}: run run-1"
    assert "it took 92 s" in issue.body
    assert "The longest phase: load, 90 s" in issue.body
    assert "Owner: operator" in issue.body
    assert [one.login for one in issue.assignees] == ["operator"]


def test_another_failure_is_a_comment_and_a_drill_that_passed_closes_it(stage: Stage) -> None:
    make_private(stage)
    drilled(stage, 3, passed=False, why="it took too long")
    tell(stage)
    drilled(stage, 2, passed=False, why="it was worse")
    tell(stage)
    assert not tell(stage).changed
    (issue,) = issues(stage)
    assert [("run-2" in one.body, "it was worse" in one.body) for one in issue.comments] == [(True, True)]
    drilled(stage, 1)
    tell(stage)
    assert issue.state == "closed"
    assert tell(stage).result["open"] == []


def test_a_public_repository_is_told_title_and_run_alone(stage: Stage) -> None:
    stage.twin.github.hub.repository(REPO).private = False
    drilled(stage, 1, passed=False, why="it took 92 s, allowed are 60 s")
    tell(stage)
    (issue,) = issues(stage)
    assert (issue.body, "run-1" in issue.title) == ("", True)


def test_what_is_due_is_an_issue_too_and_without_a_repository_it_is_told_what_to_declare(stage: Stage) -> None:
    make_private(stage)
    tell(stage)
    (issue,) = issues(stage)
    assert issue.title == f"Drill database_lost of {stage.environment.name} is due, never proven"
    stage.environment = stage.environment.model_copy(update={"github_repo": None})
    with pytest.raises(UsageError, match="names no repository"):
        tell(stage)


# --- approved before, by another --------------------------------------------------------------------------------------

PLAN = Plan((Step("method/1/remember", "shop", "update", after={"what": "Remember"}),), "Drill", {"drill": "x"})


def ask(stage: Stage, **dr: Any) -> Approval | None:
    environment = stage.environment
    environment = environment.model_copy(update={"dr": environment.dr.model_copy(update=dr)})
    with stage.context() as context:
        context.environment = environment
        return approved_by_another(context, environment, PLAN)


def review(stage: Stage, login: str) -> None:
    stage.control("POST", "github", {"do": "protect", "environment": stage.environment.name, "reviewers": [login]})
    with pytest.raises(ApprovalMissing, match="waits for the approval") as missing:
        ask(stage, approval="github")
    assert missing.value.failure_exit == 5
    stage.clock.sleep(60)
    stage.control("POST", "github", {"do": "review", "run": missing.value.details["run"], "login": login})
    stage.clock.sleep(60)


def test_nobody_is_asked_where_no_approval_is_declared(stage: Stage) -> None:
    assert ask(stage) is None


def test_another_s_yes_lets_the_drill_begin(stage: Stage) -> None:
    review(stage, "reviewer")
    approval = ask(stage, approval="github")
    assert approval is not None
    assert approval.login == "reviewer"


def test_who_executes_it_may_not_approve_it(stage: Stage) -> None:
    review(stage, "operator")
    with pytest.raises(ApprovalRefused, match="operator executes this drill and approved its plan"):
        ask(stage, approval="github")
