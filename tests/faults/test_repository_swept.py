"""What is written into a repository, any call broken or killed anywhere: once or not at all, and a re-run ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.github import approval_workflow
from tests.faults.repositories import a_world, carries_out, dispatched, references, repository
from tests.faults.sweep import EVERY, FIRST, Sweep
from tests.stage import Stage

PLAN = "a" * 64
ASKED_FOR = approval_workflow.title(PLAN, "stage")
ISSUE: Mapping[str, Any] = {"title": "shop-production rolled back", "body": "the watch broke off", "labels": ["told"]}
DEPLOYMENT: Mapping[str, Any] = {"commit": "main", "target": "production", "task": "release 1", "state": "in_progress"}
WORKFLOW: Mapping[str, Any] = {
    "workflow": approval_workflow.FILE,
    "inputs": {"plan": PLAN, "environment": "stage"},
    "title": ASKED_FOR,
}


def issues(stage: Stage) -> list[tuple[str, str, tuple[str, ...]]]:
    """State, body and comments of the incident's issues."""
    return [
        (issue.state, issue.body, tuple(comment.body for comment in issue.comments))
        for issue in repository(stage).issues.values()
        if issue.title == ISSUE["title"]
    ]


def deployments(stage: Stage) -> list[tuple[str, ...]]:
    """The states of each deployment of the release."""
    made = repository(stage).deployments.values()
    return [tuple(status.state for status in each.statuses) for each in made if each.task == DEPLOYMENT["task"]]


def after(*before: tuple[str, Mapping[str, Any]], **common: Any) -> Callable[[Path], Stage]:
    """A world in which these operations were carried out before."""

    def made(folder: Path) -> Stage:
        stage = a_world(folder, **common)
        for name, wanted in before:
            carries_out(name, wanted)(stage, FIRST)
            stage.clock.sleep(60)
        return stage

    return made


def none_of_ours(stage: Stage) -> Iterable[str]:
    yield from (f"{name} is left" for name in references(stage))


def sweep(name: str, options: Mapping[str, Any], **how: Any) -> Sweep[Stage]:
    operation = name.partition("/")[0]
    given = {"world": a_world, "left_behind": none_of_ours, "faults": EVERY, **how}
    return Sweep(name, run=carries_out(operation, options), **given)


IN_PROGRESS, DONE = DEPLOYMENT, {**DEPLOYMENT, "state": "success"}
SWEEPS = (
    sweep("github_workflow", WORKFLOW, state=dispatched, wanted=lambda seen: seen == [ASKED_FOR]),
    sweep(
        "github_approval", {"plan": PLAN, "action": "request"}, state=dispatched,
        wanted=lambda seen: seen == [ASKED_FOR],
    ),
    sweep(
        "approve_plan", {"plan_id": PLAN}, world=after(approval="github"), state=dispatched,
        wanted=lambda seen: seen == [ASKED_FOR],
    ),
    sweep("github_issue/open", ISSUE, state=issues, wanted=lambda seen: seen == [("open", ISSUE["body"], ())]),
    sweep(
        "github_issue/tell", {**ISSUE, "body": "and again"}, world=after(("github_issue", ISSUE)), state=issues,
        wanted=lambda seen: seen == [("open", ISSUE["body"], ("and again",))],
    ),
    sweep(
        "github_issue/close", {**ISSUE, "state": "closed"}, world=after(("github_issue", ISSUE)), state=issues,
        wanted=lambda seen: [state for state, *_ in seen] == ["closed"],
    ),
    sweep(
        "github_deployment/first", IN_PROGRESS, state=deployments, wanted=lambda seen: seen == [("in_progress",)],
        half_way=lambda seen: seen == [()],  # GitHub makes it in one call and takes its state in another
    ),
    sweep(
        "github_deployment/next", DONE, world=after(("github_deployment", IN_PROGRESS)), state=deployments,
        wanted=lambda seen: seen == [("in_progress", "success")],
    ),
)  # fmt: skip


@pytest.mark.parametrize("swept", SWEEPS, ids=lambda swept: swept.name)
def test_whatever_breaks_it_is_there_once_and_a_rerun_ends_it(tmp_path: Path, swept: Sweep[Stage]) -> None:
    swept.all_hold(tmp_path, short=6)
