"""Who approved: a reviewer's yes to this very plan counts, in time and once; everything else is told in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import drive
from hotops.core.errors import HotopsError, UsageError
from hotops.github import approval_workflow as workflow
from hotops.github.client import GitHub
from hotops.promote.phases import PhaseName
from hotops.promote.planning import PlanWanted, PromotePlan
from hotops.promote.run import promote
from hotops.repository.approval import (
    Approval,
    ApprovalMissing,
    ApprovalRefused,
    approval_of,
    find_approval,
    request_approval,
    use_approval,
)
from tests.stage import Stage
from tests.twin.stages import APP, FIRST, SECOND
from tests.twin.test_dead_runs import ACCEPT, CORDON, UPDATE, killed

REPO = "acme/shop"
PLAN = "a" * 64
GATE = "stage"

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, github_repo=REPO, approval="github")


def happen(stage: Stage, deed: str, **more: Any) -> Any:
    return stage.control("POST", "github", {"do": deed, **more})


def requested(stage: Stage, plan: str = PLAN) -> int:
    with stage.context() as context:
        run = request_approval(context, stage.environment, plan, "what it changes")
    stage.clock.sleep(60)
    return run


def read(stage: Stage, run: int, plan: str = PLAN) -> Approval:
    with stage.context() as context:
        return approval_of(context, stage.environment, plan, run)


def refusal(call: Callable[..., Any], *given: Any, **more: Any) -> str:
    with pytest.raises(ApprovalRefused) as refused:
        call(*given, **more)
    assert int(refused.value.failure_exit) == 5
    return refused.value.message


def test_a_reviewer_s_yes_is_told_with_the_login(stage: Stage) -> None:
    run = requested(stage)
    with pytest.raises(ApprovalMissing, match=r"waits for the approval of reviewer: https://github\.com") as missing:
        read(stage, run)
    assert int(missing.value.failure_exit) == 5
    happen(stage, "review", run=run, login="reviewer", comment="go")
    stage.clock.sleep(60)
    approval = read(stage, run)
    assert (approval.login, approval.self_approved, approval.comment) == ("reviewer", False, "go")
    assert str(approval).startswith(
        f"plan {PLAN[:12]} approved by reviewer (https://github.com/acme/shop/actions/runs/"
    )


def test_a_no_is_a_no_with_its_reason(stage: Stage) -> None:
    run = requested(stage)
    happen(stage, "review", run=run, login="reviewer", state="rejected", comment="not on a Friday")
    assert "reviewer rejected it ('not on a Friday')" in refusal(read, stage, run)


def test_another_plan_s_approval_does_not_count(stage: Stage) -> None:
    run = requested(stage, "b" * 64)
    happen(stage, "review", run=run, login="reviewer")
    assert "it is about another plan" in refusal(read, stage, run)


def test_who_asked_and_approves_is_recorded_as_self_approved(stage: Stage) -> None:
    happen(stage, "protect", environment=GATE, reviewers=["operator"])
    run = requested(stage)
    happen(stage, "review", run=run, login="operator")
    approval = read(stage, run)
    assert approval.self_approved
    assert "self-approved by operator" in str(approval)


def test_self_is_also_who_runs_hotops_where_a_bot_started_the_workflow(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(stage, "protect", environment=GATE, reviewers=["reviewer"])
    run = requested(stage)
    happen(stage, "review", run=run, login="reviewer")
    monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", "reviewer")
    stage.twin.faults.add({"kind": "status", "status": 403, "match": {"surface": "github", "path": "/user"}})
    assert read(stage, run).self_approved


def test_an_approval_expires_after_four_hours(stage: Stage) -> None:
    run = requested(stage)
    happen(stage, "review", run=run, login="reviewer")
    stage.clock.sleep(4 * 3600)
    assert "it expired" in refusal(read, stage, run)


def test_an_approval_counts_once(stage: Stage) -> None:
    run = requested(stage)
    happen(stage, "review", run=run, login="reviewer")
    approval = read(stage, run)
    with stage.context("run-1") as context:
        use_approval(context, stage.environment, approval)
        use_approval(context, stage.environment, approval)  # the same run, resumed
        assert find_approval(context, stage.environment, PLAN) is None
    with stage.context("run-2") as context:
        assert "was used by run run-1 already" in refusal(use_approval, context, stage.environment, approval)


def test_an_administrator_who_goes_past_the_reviewers_approves_nothing(stage: Stage) -> None:
    run = requested(stage)
    happen(stage, "bypass", run=run)
    stage.clock.sleep(60)
    assert "an administrator went past the reviewers of stage" in refusal(read, stage, run)


def test_a_yes_of_somebody_who_is_no_reviewer_does_not_count(stage: Stage) -> None:
    run = requested(stage)
    happen(stage, "review", run=run, login="the-owner")
    assert "the-owner is no reviewer of stage and went past them" in refusal(read, stage, run)


def test_a_workflow_that_is_not_on_the_default_branch_can_ask_nobody(stage: Stage) -> None:
    happen(stage, "file", branch="topic", path=workflow.PLACE, text=workflow.text())
    happen(stage, "file", path=workflow.PLACE, text=None)
    said = refusal(requested, stage)
    assert said == f"{workflow.PLACE} is not on main, the default branch of {REPO}: nobody can be asked."


def test_a_run_from_another_branch_does_not_count(stage: Stage) -> None:
    unguarded = workflow.text().replace("    environment: ${{ inputs.environment }}\n", "")
    happen(stage, "file", branch="topic", path=workflow.PLACE, text=unguarded)
    with stage.context() as context:
        inputs = {"plan": PLAN, "environment": GATE}
        run = context.client(GitHub).workflows.dispatch(REPO, workflow.FILE, "topic", inputs)
    assert "it ran from branch topic" in refusal(read, stage, run)


def test_a_run_of_another_workflow_with_that_title_does_not_count(stage: Stage) -> None:
    happen(stage, "file", path=".github/workflows/fake.yml", text=workflow.text())
    with stage.context() as context:
        inputs = {"plan": PLAN, "environment": GATE}
        run = context.client(GitHub).workflows.dispatch(REPO, "fake.yml", "main", inputs)
    assert "not of the approval workflow" in refusal(read, stage, run)


def test_an_environment_without_reviewers_guards_nothing(stage: Stage) -> None:
    happen(stage, "protect", environment=GATE, reviewers=[])
    assert "no required reviewers" in refusal(requested, stage)


def test_a_cancelled_request_is_no_approval(stage: Stage) -> None:
    run = requested(stage)
    with stage.context() as context:
        context.client(GitHub).runs.cancel(REPO, run)
    stage.clock.sleep(5)
    assert "ended as cancelled before anybody approved" in refusal(read, stage, run)


@pytest.mark.parametrize(("visibility", "shown"), [("public", False), ("private", True)])
def test_a_public_repository_is_told_the_plan_s_id_and_no_more(tmp_path: Path, visibility: str, shown: bool) -> None:
    stage = Stage(tmp_path, github_repo=REPO, approval="github")
    repo = stage.twin.github.hub.repository(REPO)
    assert repo is not None
    repo.private = visibility == "private"
    run = requested(stage)
    assert (repo.runs[run].inputs["summary"] == "what it changes") is shown
    assert repo.runs[run].title == f"hotops approve {PLAN} for {GATE}"


# --- a promotion ------------------------------------------------------------------------------------------------------


def stopped(stage: Stage, run: str = "run-1", **options: Any) -> HotopsError:
    with pytest.raises(HotopsError) as error:
        stage.promote(run, **options)
    return error.value


def test_a_promotion_asks_stops_and_goes_on_when_it_is_approved(stage: Stage) -> None:
    missing = stopped(stage)
    assert (missing.failure_code, int(missing.failure_exit)) == ("approval_missing", 5)
    assert stage.tags() == {"v41"}
    again = stopped(stage, "run-2")
    assert again.details["run"] == missing.details["run"], "nobody is asked twice"
    stage.clock.sleep(60)
    happen(stage, "review", run=missing.details["run"], login="reviewer")
    outcomes = stage.promote("run-3")
    assert stage.tags() == {"v42"}
    assert outcomes["ask_gates"].result["approval"]["login"] == "reviewer"
    assert any("approved by reviewer" in line for line in outcomes["ask_gates"].result["hotops_screen"])


def test_an_approval_is_spent_by_a_deploy_and_the_next_one_is_asked_for_anew(stage: Stage) -> None:
    first = stopped(stage)
    stage.clock.sleep(60)
    happen(stage, "review", run=first.details["run"], login="reviewer")
    stage.push("v43-prod-slow")
    second = stopped(stage, "run-2")
    assert second.details["plan_id"] != first.details["plan_id"], "staging moved: it is another plan"
    happen(stage, "review", run=second.details["run"], login="reviewer")
    stage.clock.sleep(60)
    happen(stage, "review", run=second.details["run"], login="reviewer")
    assert stopped(stage, "run-3").failure_code == "rolled_back"
    third = stopped(stage, "run-4")
    assert third.failure_code == "approval_missing"
    assert third.details["run"] != second.details["run"]


def test_a_rejected_promotion_changes_nothing(stage: Stage) -> None:
    missing = stopped(stage)
    stage.clock.sleep(60)
    happen(stage, "review", run=missing.details["run"], login="reviewer", state="rejected")
    assert stopped(stage, "run-2").failure_code == "approval_refused"
    assert stage.tags() == {"v41"}


def test_two_runs_with_one_approval_deploy_once(stage: Stage) -> None:
    missing = stopped(stage)
    stage.clock.sleep(60)
    happen(stage, "review", run=missing.details["run"], login="reviewer")

    def meanwhile(phase: PhaseName, _outcome: object) -> None:
        if phase == "ask_gates":
            with stage.context("the-other") as context:
                approval = find_approval(context, stage.environment, str(missing.details["plan_id"]))
                assert approval is not None
                use_approval(context, stage.environment, approval)

    refused = stopped(stage, "run-2", on_phase=meanwhile)
    assert refused.failure_code == "approval_refused"
    assert "was used by run the-other" in refused.message
    assert stage.tags() == {"v41"}
    repo = stage.twin.github.hub.repository(REPO)
    assert repo is not None
    assert "refs/hotops/lock/stage" not in repo.refs


def test_a_run_may_wait_for_its_approval(tmp_path: Path) -> None:
    stage = Stage(tmp_path, github_repo=REPO, approval="github", approval_wait_s=900)
    moment, slept = stage.clock.time, stage.clock.sleep

    def sleep(seconds: float) -> None:
        slept(seconds)
        if stage.clock.time > moment + 120:
            stage.clock.sleep = slept  # type: ignore[method-assign]
            happen(stage, "review", login="reviewer")

    stage.clock.sleep = sleep  # type: ignore[method-assign]
    stage.promote()
    assert stage.tags() == {"v42"}


def test_check_mode_asks_nobody(stage: Stage) -> None:
    stage.control("DELETE", "log")
    with stage.context(check=True) as context:
        promote(context, check=True)
    assert stage.writes() == []


def test_self_approval_names_the_plan_and_is_recorded_as_such(tmp_path: Path) -> None:
    stage = Stage(tmp_path, approval="self")
    missing = stopped(stage)
    plan = str(missing.details["plan_id"])
    assert f"-e approve={plan}" in missing.remedy
    assert stopped(stage, approve="b" * 64).failure_code == "approval_refused"
    outcomes = stage.promote("run-2", approve=plan)
    assert stage.tags() == {"v42"}
    assert outcomes["ask_gates"].result["approval"]["self_approved"]


def planned(stage: Stage, run: str = "look") -> str:
    """`hotops plan`, which shows it."""
    with stage.context(run) as context:
        return str(drive(PromotePlan(PlanWanted(), context)).result["plan_id"])


def test_who_runs_it_approves_what_was_shown_here_for_four_hours(tmp_path: Path) -> None:
    stage = Stage(tmp_path, approval="self")
    plan = planned(stage)
    stage.clock.sleep(4 * 3600 - 60)
    stage.clock.sleep(120)
    expired = stopped(stage, approve=plan)
    assert (expired.failure_code, expired.remedy) == ("approval_refused", "Look at it again: hotops plan stage")
    assert f"The approval of plan {plan} does not count: it expired, for the plan was shown 4 h ago" in expired.message
    assert stage.tags() == {"v41"}
    planned(stage)
    stage.promote("run-2", approve=plan)
    assert stage.tags() == {"v42"}


def test_a_plan_that_was_never_shown_here_can_not_be_approved_here(tmp_path: Path) -> None:
    stage = Stage(tmp_path, approval="self")
    plan = planned(stage)
    next((tmp_path / "state/plans").glob("*.json")).unlink()
    assert "has not shown that plan to anybody" in stopped(stage, approve=plan).message
    assert stage.tags() == {"v41"}


def test_a_self_approval_counts_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path, approval="self")
    stage.push("v43-prod-slow")
    plan = planned(stage)
    assert stopped(stage, "run-1", approve=plan).failure_code == "rolled_back"
    reused = stopped(stage, "run-2", approve=plan)
    assert (reused.failure_code, int(reused.failure_exit)) == ("approval_refused", 5)
    assert f"The approval of plan {plan} was used by run run-1 already: one approval, one run." in reused.message
    assert planned(stage) == plan, "the same decision has the same id, and is made anew"
    assert stopped(stage, "run-3", approve=plan).failure_code == "rolled_back"


#: Where an approved run may die: before it touched a machine, at the first one, at the second, when it is accepted.
UNTOUCHED = (rf"^POST .*/apps/{APP}/secrets", 1)
DEATHS = [UNTOUCHED, (CORDON, 1), (UPDATE, 1), (UPDATE, 2), (ACCEPT, 1)]


@pytest.mark.parametrize(
    ("approval", "strategy", "after", "nth"),
    [
        *((approval, "rolling", *death) for approval in ("github", "self") for death in DEATHS),
        *(
            ("github", "bluegreen", *death)
            for death in ((rf"^POST .*/apps/{APP}/machines$", 2), (ACCEPT, 1), (ACCEPT, 3))
        ),
    ],
)
def test_a_run_that_finishes_an_approved_one_asks_nobody_again(
    tmp_path: Path, approval: str, strategy: str, after: str, nth: int
) -> None:
    stage = Stage(tmp_path, github_repo=REPO, approval=approval, deploy_strategy=strategy)
    missing = stopped(stage, "20260101T000000Z-asks")
    plan, given = str(missing.details["plan_id"]), {}
    if approval == "github":
        stage.clock.sleep(60)
        happen(stage, "review", run=missing.details["run"], login="reviewer")
        stage.clock.sleep(60)
    else:
        given = {"approve": plan}
    killed(stage, after, nth, **given)
    stage.clock.sleep(
        (0 if (approval, after) == ("self", UNTOUCHED[0]) else 6) * 3600
    )  # used in time, it does not expire
    if approval == "self" and (after, nth) == UNTOUCHED:
        # Nothing tells this computer that the run never ended: whoever runs it looks again.
        assert f"was used by run {FIRST}" in stopped(stage, SECOND, approve=plan).message
        return
    again = stage.promote(SECOND, **given)["ask_gates"].result
    assert again["plan_id"] == plan, "nothing new is decided"
    assert again["approval"]["resumes"] == FIRST
    assert f"for run {FIRST}, which this one finishes" in " ".join(again["hotops_screen"])
    assert stage.tags() == {"v42"}
    stage.push("v41", age_s=7200)
    assert stopped(stage, "20260102T000000Z-next", **given).failure_code in ("approval_missing", "approval_refused")


def test_a_resumed_run_that_dies_too_is_resumed_and_another_plan_needs_its_own_approval(stage: Stage) -> None:
    missing = stopped(stage, "20260101T000000Z-asks")
    stage.clock.sleep(60)
    happen(stage, "review", run=missing.details["run"], login="reviewer")
    stage.clock.sleep(60)
    killed(stage, UPDATE, 1)
    killed(stage, UPDATE, 1, run=SECOND)
    resumed = stage.promote("20260101T020000Z-third")["ask_gates"].result["approval"]
    assert (resumed["login"], resumed["resumes"]) == ("reviewer", SECOND)
    stage.push("v43")
    assert stopped(stage, "20260101T030000Z-fourth").failure_code == "approval_missing"
    assert stage.tags() == {"v42"}


def test_approve_on_the_command_line_does_not_replace_a_reviewer(stage: Stage) -> None:
    missing = stopped(stage)
    assert stopped(stage, "run-2", approve=str(missing.details["plan_id"])).failure_code == "approval_missing"
    assert stage.tags() == {"v41"}


def test_without_a_repository_nobody_can_be_asked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="github_repo: OWNER/NAME"):
        Stage(tmp_path, approval="github").promote()


def test_the_shipped_workflow_is_harmless(stage: Stage) -> None:
    text = workflow.text()
    assert "permissions: {}" in text
    assert "secrets." not in text
    script = [line for line in text.splitlines() if "run:" in line and "${{" in line and "run-name" not in line]
    assert script == [], "an input inside a script is code of whoever starts the workflow"
