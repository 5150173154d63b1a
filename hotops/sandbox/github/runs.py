"""Runs, their jobs, and who approved what of them."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.github import deployments, environments, people, repos, workflows
from hotops.sandbox.github.replies import (
    RefusalError,
    api_url,
    empty_reply,
    invalid,
    json_reply,
    maybe_time,
    not_found,
    page_of,
    time_of,
    web_url,
)
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.running import JobState, Review, Run, states, status_of, waiting
from hotops.sandbox.github.world import Environment, Repository, node_id, sha_of
from hotops.sandbox.wire import Response

_BASE = "/repos/{owner}/{repo}/actions/runs"
routes = Routes()


@routes.on("GET", _BASE, "actions")
def _list(call: Call) -> Response:
    return page_of(call.request, _wanted(call, None), lambda run: shown(call, run), key="workflow_runs")


@routes.on("GET", "/repos/{owner}/{repo}/actions/workflows/{workflow}/runs", "actions")
def _list_of_workflow(call: Call) -> Response:
    found = _wanted(call, workflows.path_named(call))
    return page_of(call.request, found, lambda run: shown(call, run), key="workflow_runs")


@routes.on("GET", f"{_BASE}/{{run}}", "actions")
def _get(call: Call) -> Response:
    return json_reply(shown(call, _run(call)))


@routes.on("GET", f"{_BASE}/{{run}}/jobs", "actions")
def _jobs(call: Call) -> Response:
    run = _run(call)
    return page_of(call.request, states(call.repo, run, call.now), lambda job: _job_shown(call, run, job), key="jobs")


@routes.on("POST", f"{_BASE}/{{run}}/cancel", "actions")
def _cancel(call: Call) -> Response:
    run = _run(call)
    if status_of(call.repo, run, call.now)[0] == "completed":
        raise RefusalError(409, "Cannot cancel a workflow run that is completed.")
    run.cancelled_at = call.now
    return json_reply({}, 202)


@routes.on("GET", f"{_BASE}/{{run}}/approvals", "actions")
def _approvals(call: Call) -> Response:
    run = _run(call)
    return json_reply([_review_shown(call.repo, review) for review in run.reviews])


@routes.on("GET", f"{_BASE}/{{run}}/pending_deployments", "actions")
def _pending(call: Call) -> Response:
    run = _run(call)
    return json_reply([_waiting_shown(call, run, *each) for each in waiting(call.repo, run, call.now)])


@routes.on("POST", f"{_BASE}/{{run}}/pending_deployments", "deployments")
def _review(call: Call) -> Response:
    run, wanted = _run(call), call.payload
    state = wanted.get("state")
    if state not in ("approved", "rejected"):
        raise invalid("state is neither approved nor rejected")
    chosen = [
        environment
        for environment, _ in waiting(call.repo, run, call.now)
        if environment.id in (wanted.get("environment_ids") or ())
    ]
    if not chosen:
        raise invalid("There are no pending deployment requests for these environments")
    for environment in chosen:
        if not may_review(call, run, environment):
            raise invalid(f"{call.user.login} may not review {environment.name}")
    made = []
    for environment in chosen:
        comment = str(wanted.get("comment") or "")
        run.reviews.append(Review(environment.name, state, call.user, comment, call.now))
        made.append(deployments.of_run(call, run, environment))
    return json_reply([deployments.shown(call.repo, each) for each in made])


def may_review(call: Call, run: Run, environment: Environment) -> bool:
    """Whether who asks is a reviewer there, and not barred from what he started himself."""
    if environment.prevent_self_review and call.user.login == run.actor.login:
        return False
    return call.user.login in environment.reviewers


def _run(call: Call) -> Run:
    number = call.params["run"]
    found = call.repo.runs.get(int(number)) if number.isdigit() else None
    if found is None:
        raise not_found()
    return found


def _wanted(call: Call, path: str | None) -> list[Run]:
    asked = {name: call.request.value(name) for name in ("branch", "event", "head_sha", "actor", "status", "created")}
    found = [run for run in reversed(call.repo.runs.values()) if path in (None, run.path)]
    found = [run for run in found if not asked["branch"] or run.head_branch == asked["branch"]]
    found = [run for run in found if not asked["event"] or run.event == asked["event"]]
    found = [run for run in found if not asked["head_sha"] or run.head_sha == asked["head_sha"]]
    found = [run for run in found if not asked["actor"] or run.actor.login == asked["actor"]]
    if asked["created"].startswith(">="):
        found = [run for run in found if time_of(run.created_at) >= asked["created"][2:]]
    if asked["status"]:
        found = [run for run in found if asked["status"] in status_of(call.repo, run, call.now)[:2]]
    return found


def shown(call: Call, run: Run) -> dict[str, Any]:
    """A run."""
    repo = call.repo
    status, conclusion, changed = status_of(repo, run, call.now)
    base = f"{repo.path}/actions/runs/{run.id}"
    suite = run.id + 7
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("WFR", run.id),
        "check_suite_id": suite,
        "check_suite_node_id": node_id("CS", suite),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.path,
        "run_number": run.number,
        "run_attempt": 1,
        "event": run.event,
        "display_title": run.title,
        "status": status,
        "conclusion": conclusion,
        "workflow_id": workflows.id_of(run.path),
        "url": api_url(base),
        "html_url": web_url(f"/{repo.full_name}/actions/runs/{run.id}"),
        "pull_requests": [],
        "created_at": time_of(run.created_at),
        "updated_at": time_of(changed),
        "run_started_at": time_of(run.created_at),
        "actor": people.shown(run.actor),
        "triggering_actor": people.shown(run.actor),
        "jobs_url": api_url(f"{base}/jobs"),
        "logs_url": api_url(f"{base}/logs"),
        "check_suite_url": api_url(f"{repo.path}/check-suites/{suite}"),
        "artifacts_url": api_url(f"{base}/artifacts"),
        "cancel_url": api_url(f"{base}/cancel"),
        "rerun_url": api_url(f"{base}/rerun"),
        "workflow_url": api_url(f"{repo.path}/actions/workflows/{workflows.id_of(run.path)}"),
        "previous_attempt_url": None,
        "head_commit": {
            "id": run.head_sha,
            "tree_id": sha_of("tree", run.head_sha),
            "message": "A change",
            "timestamp": time_of(run.created_at),
            "author": {"name": "Somebody", "email": "somebody@example.com"},
            "committer": {"name": "Somebody", "email": "somebody@example.com"},
        },
        "repository": repos.shown(repo, call.token.login),
        "head_repository": repos.shown(repo, call.token.login),
    }


def _job_shown(call: Call, run: Run, state: JobState) -> dict[str, Any]:
    base = f"{call.repo.path}/actions/jobs/{state.job.id}"
    return {
        "id": state.job.id,
        "run_id": run.id,
        "run_url": api_url(f"{call.repo.path}/actions/runs/{run.id}"),
        "run_attempt": 1,
        "node_id": node_id("CR", state.job.id),
        "head_sha": run.head_sha,
        "head_branch": run.head_branch,
        "workflow_name": run.name,
        "url": api_url(base),
        "html_url": web_url(f"/{call.repo.full_name}/actions/runs/{run.id}/job/{state.job.id}"),
        "status": state.status,
        "conclusion": state.conclusion,
        "created_at": time_of(state.ready_at),
        "started_at": time_of(state.started_at or state.ready_at),
        "completed_at": maybe_time(state.ended_at),
        "name": state.job.key,
        "steps": [],
        "check_run_url": api_url(f"{call.repo.path}/check-runs/{state.job.id}"),
        "labels": ["ubuntu-latest"],
        "runner_id": None,
        "runner_name": None,
        "runner_group_id": None,
        "runner_group_name": None,
    }


def _review_shown(repo: Repository, review: Review) -> dict[str, Any]:
    environment = repo.environments[review.environment.lower()]
    return {
        "environments": [environments.brief(repo, environment)],
        "state": review.state,
        "user": people.shown(review.user),
        "comment": review.comment,
    }


def _waiting_shown(call: Call, run: Run, environment: Environment, state: JobState) -> dict[str, Any]:
    brief = environments.brief(call.repo, environment)
    return {
        "environment": {key: brief[key] for key in ("id", "node_id", "name", "url", "html_url")},
        "wait_timer": environment.wait_timer_min,
        "wait_timer_started_at": maybe_time(state.ready_at if environment.wait_timer_min else None),
        "current_user_can_approve": may_review(call, run, environment),
        "reviewers": [environments.reviewer_shown(call, each) for each in environment.reviewers],
    }


@routes.on("GET", f"{_BASE}/{{run}}/logs", "actions")
def _logs(call: Call) -> Response:
    _run(call)
    return empty_reply(302)
