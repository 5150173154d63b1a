"""Workflows dispatched and waited for, checks, deployments, issues, artifacts: as GitHub answers them."""

from __future__ import annotations

import io
import zipfile

import pytest

from hotops.core.errors import Forbidden, NotFound, WaitTimeout
from hotops.github.errors import EnvironmentMissing, Unprocessable
from tests.github_worlds import DEPLOY, REPO, Forge

FILE = "deploy.yml"


@pytest.fixture
def forge() -> Forge:
    return Forge()


def start(forge: Forge, reason: str = "a test") -> int:
    return forge.github.workflows.dispatch(
        REPO, FILE, "main", {"reason": reason}, title=f"Deploy staging because {reason}"
    )


def test_a_dispatched_run_is_known_by_its_number(forge: Forge) -> None:
    run = forge.github.runs.get(REPO, start(forge))
    assert (run.file, run.event, run.head_branch) == (f".github/workflows/{FILE}", "workflow_dispatch", "main")
    assert run.display_title == "Deploy staging because a test"
    assert run.triggering_actor is not None
    assert run.triggering_actor.login == "operator"


def test_where_the_server_tells_no_number_the_run_is_found(forge: Forge) -> None:
    other = start(forge, "an older one")
    forge.happen("older_server")
    number = start(forge)
    assert number != other
    assert forge.github.runs.get(REPO, number).display_title == "Deploy staging because a test"


@pytest.mark.parametrize("kind", ["reset_after", "truncate"])
def test_a_dispatch_whose_answer_is_lost_is_found_and_not_sent_again(forge: Forge, kind: str) -> None:
    forge.fault(kind, "*/dispatches")
    number = start(forge)
    assert [run.id for run in forge.github.workflows.runs(REPO, FILE)] == [number]


def test_a_dispatch_that_never_arrived_is_not_sent_again_but_told(forge: Forge) -> None:
    forge.fault("reset_before", "*/dispatches")
    with pytest.raises(WaitTimeout, match="Look at the repository's Actions page"):
        start(forge)
    assert sum(call.method == "POST" for call in forge.calls) == 1


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "Required input 'reason' not provided"),
        ({"reason": "x", "resaon": "y"}, "Unexpected inputs provided: .*resaon"),
        ({"reason": "x", "target": "c"}, "not in the list of allowed values"),
    ],
)
def test_wrong_inputs_are_refused_in_words(forge: Forge, inputs: dict[str, str], said: str) -> None:
    with pytest.raises(Unprocessable, match=said):
        forge.github.workflows.dispatch(REPO, FILE, "main", inputs)


def test_only_a_file_of_the_default_branch_can_be_dispatched(forge: Forge) -> None:
    forge.happen("file", branch="topic", path=".github/workflows/new.yml", text=DEPLOY)
    with pytest.raises(NotFound):
        forge.github.workflows.dispatch(REPO, "new.yml", "topic", {"reason": "x"})
    with pytest.raises(Unprocessable, match="No ref found"):
        forge.github.workflows.dispatch(REPO, FILE, "nowhere", {"reason": "x"})


def test_a_run_waits_for_its_reviewers_and_goes_on_when_one_approves(forge: Forge) -> None:
    number = start(forge)
    run = forge.github.runs.wait(REPO, number, until=lambda run: run.status == "waiting", timeout_s=60)
    assert not run.is_over
    (pending,) = forge.github.runs.pending(REPO, number)
    assert ([each.name for each in pending.reviewers], pending.current_user_can_approve) == (["ada"], False)
    with pytest.raises(Unprocessable, match="may not review"):
        forge.github.runs.review(REPO, number, [pending.environment.id], "approved", "me")
    ada = forge.as_user("ada")
    ada.runs.review(REPO, number, [pending.environment.id], "approved", "looks well")
    assert forge.github.runs.wait(REPO, number, timeout_s=120).conclusion == "success"
    (review,) = forge.github.runs.reviews(REPO, number)
    assert (review.state, review.user.login, review.comment) == ("approved", "ada", "looks well")
    assert [(job.name, job.conclusion) for job in forge.github.runs.jobs(REPO, number)] == [
        ("build", "success"), ("deploy", "success"),
    ]  # fmt: skip


def test_a_rejected_run_fails_and_nobody_s_wait_ends_in_words(forge: Forge) -> None:
    rejected, forgotten = start(forge, "one"), start(forge, "two")
    forge.clock.sleep(60)
    forge.happen("review", run=rejected, login="ada", state="rejected")
    assert forge.github.runs.wait(REPO, rejected, timeout_s=60).conclusion == "failure"
    with pytest.raises(WaitTimeout, match=r"waiting, https://github\.com"):
        forge.github.runs.wait(REPO, forgotten, timeout_s=600)


def test_a_failed_job_fails_the_run_and_skips_what_needs_it(forge: Forge) -> None:
    forge.happen("outcome", workflow=FILE)
    number = start(forge)
    assert forge.github.runs.wait(REPO, number, timeout_s=60).conclusion == "failure"
    assert [job.conclusion for job in forge.github.runs.jobs(REPO, number)] == ["failure", "skipped"]


def test_a_run_can_be_cancelled(forge: Forge) -> None:
    number = start(forge)
    forge.github.runs.cancel(REPO, number)
    assert forge.github.runs.wait(REPO, number, timeout_s=60).conclusion == "cancelled"


def test_checks_of_a_commit_that_is_not_there_are_no_empty_list(forge: Forge) -> None:
    assert {run.name: run.conclusion for run in forge.github.checks.runs(REPO, forge.github.git.head(REPO))} == {
        "build": "success", "test": "success",
    }  # fmt: skip
    with pytest.raises(Unprocessable, match="No commit found"):
        forge.github.checks.runs(REPO, "f" * 40)


@pytest.mark.parametrize("kind", ["reset_after", "truncate"])
def test_a_deployment_is_recorded_once_whatever_becomes_of_the_answer(forge: Forge, kind: str) -> None:
    forge.fault(kind, "*/deployments", match={"method": "POST"})
    head = forge.github.git.head(REPO)
    made = forge.github.deployments.create(REPO, head, "production", task="t1", description="x" * 200, payload={})
    assert [each.id for each in forge.github.deployments.list(REPO, "production")] == [made.id]
    forge.github.deployments.tell(REPO, made.id, "success", description="y" * 200)
    assert [each.state for each in forge.github.deployments.statuses(REPO, made.id)] == ["success"]


def test_issues_are_found_by_label_and_a_long_body_is_cut(forge: Forge) -> None:
    assert [issue.title for issue in forge.github.issues.list(REPO, labels=["P0"])] == ["Checkout is slow"]
    made = forge.github.issues.create(REPO, "Long", "x" * 70_000, labels=["incident"])
    assert len(made.body or "") <= 65_536
    forge.github.issues.comment(REPO, made.number, "more")
    assert forge.github.issues.close(REPO, made.number).state == "closed"
    assert forge.github.issues.list(REPO, labels=["incident"]) == []


def test_an_artifact_comes_from_a_store_that_never_sees_the_token(forge: Forge) -> None:
    (found,) = forge.github.runs.artifacts_named(REPO, "vitest")
    content = forge.github.runs.download(REPO, found.id)
    assert zipfile.ZipFile(io.BytesIO(content)).read("results.json") == b'{"numFailedTests": 0}'


def test_an_environment_that_is_not_there_names_those_that_are(forge: Forge) -> None:
    assert forge.github.environments.get(REPO, "production").reviewers == ("ada",)
    with pytest.raises(EnvironmentMissing, match="production, staging"):
        forge.github.environments.get(REPO, "prod")


def test_a_token_without_actions_may_not_dispatch(forge: Forge) -> None:
    with pytest.raises(Forbidden, match="actions=write"):
        forge.as_user("operator", permissions={"actions": "read"}).workflows.dispatch(
            REPO, FILE, "main", {"reason": "x"}
        )
