"""Deployments and their statuses: the history that a team sees on its page."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.github import people
from hotops.sandbox.github.git import resolve
from hotops.sandbox.github.replies import RefusalError, api_url, invalid, json_reply, not_found, page_of, time_of
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.running import Run
from hotops.sandbox.github.world import Deployment, DeploymentStatus, Environment, Repository, node_id
from hotops.sandbox.wire import Response

_BASE = "/repos/{owner}/{repo}/deployments"
STATES = frozenset({"error", "failure", "inactive", "in_progress", "queued", "pending", "success"})
LONGEST_DESCRIPTION = 140
routes = Routes()


@routes.on("GET", _BASE, "deployments")
def _list(call: Call) -> Response:
    asked = {name: call.request.value(name) for name in ("sha", "ref", "task", "environment")}
    found = [
        each
        for each in reversed(call.repo.deployments.values())
        if all(value in ("", getattr(each, name)) for name, value in asked.items())
    ]
    return page_of(call.request, found, lambda each: shown(call.repo, each))


@routes.on("POST", _BASE, "deployments")
def _post(call: Call) -> Response:
    wanted, repo = call.payload, call.repo
    ref = str(wanted.get("ref") or "")
    sha = resolve(repo, ref)
    if sha is None:
        raise invalid(f"No ref found for: {ref}")
    contexts = wanted.get("required_contexts")
    checks = repo.commits[sha].checks
    required = checks if contexts is None else contexts
    bad = [name for name in required if checks.get(name) not in ("success", "neutral", "skipped")]
    if bad:
        raise RefusalError(409, f"Conflict: Commit status checks failed for {ref}.")
    made = _made(call, sha, ref, str(wanted.get("environment") or "production"), wanted)
    return json_reply(shown(repo, made), 201)


@routes.on("GET", f"{_BASE}/{{deployment}}", "deployments")
def _get(call: Call) -> Response:
    return json_reply(shown(call.repo, _named(call)))


@routes.on("GET", f"{_BASE}/{{deployment}}/statuses", "deployments")
def _statuses(call: Call) -> Response:
    found = _named(call)
    return page_of(call.request, list(reversed(found.statuses)), lambda each: _status_shown(call.repo, found, each))


@routes.on("POST", f"{_BASE}/{{deployment}}/statuses", "deployments")
def _post_status(call: Call) -> Response:
    found, wanted = _named(call), call.payload
    state, description = wanted.get("state"), str(wanted.get("description") or "")
    if state not in STATES:
        raise invalid(f"state is not one of {', '.join(sorted(STATES))}")
    if len(description) > LONGEST_DESCRIPTION:
        raise invalid(f"description is too long (maximum is {LONGEST_DESCRIPTION} characters)")
    made = DeploymentStatus(
        call.hub.number(), state, call.user, description, call.now,
        str(wanted.get("log_url") or ""), str(wanted.get("environment_url") or ""),
    )  # fmt: skip
    found.statuses.append(made)
    if state == "success" and wanted.get("auto_inactive", True):
        for other in call.repo.deployments.values():
            if other is not found and other.environment == found.environment and other.statuses:
                newest = other.statuses[-1]
                if newest.state == "success":
                    other.statuses.append(DeploymentStatus(call.hub.number(), "inactive", call.user, "", call.now))
    return json_reply(_status_shown(call.repo, found, made), 201)


def of_run(call: Call, run: Run, environment: Environment) -> Deployment:
    """The deployment that GitHub makes for a job which names an environment."""
    return _made(call, run.head_sha, run.head_branch, environment.name, {"task": "deploy"})


def _made(call: Call, sha: str, ref: str, environment: str, wanted: dict[str, Any]) -> Deployment:
    made = Deployment(
        id=call.hub.number(),
        sha=sha,
        ref=ref,
        task=str(wanted.get("task") or "deploy"),
        environment=environment,
        creator=call.user,
        created_at=call.now,
        description=str(wanted.get("description") or ""),
        payload=wanted.get("payload") or {},
        production=bool(wanted.get("production_environment", environment == "production")),
    )
    call.repo.deployments[made.id] = made
    return made


def _named(call: Call) -> Deployment:
    number = call.params["deployment"]
    found = call.repo.deployments.get(int(number)) if number.isdigit() else None
    if found is None:
        raise not_found()
    return found


def shown(repo: Repository, found: Deployment) -> dict[str, Any]:
    """A deployment."""
    base = f"{repo.path}/deployments/{found.id}"
    changed = found.statuses[-1].at if found.statuses else found.created_at
    return {
        "url": api_url(base),
        "id": found.id,
        "node_id": node_id("DE", found.id),
        "sha": found.sha,
        "ref": found.ref,
        "task": found.task,
        "payload": found.payload,
        "original_environment": found.environment,
        "environment": found.environment,
        "description": found.description or None,
        "creator": people.shown(found.creator),
        "created_at": time_of(found.created_at),
        "updated_at": time_of(changed),
        "statuses_url": api_url(f"{base}/statuses"),
        "repository_url": api_url(repo.path),
        "transient_environment": False,
        "production_environment": found.production,
    }


def _status_shown(repo: Repository, found: Deployment, status: DeploymentStatus) -> dict[str, Any]:
    base = f"{repo.path}/deployments/{found.id}"
    return {
        "url": api_url(f"{base}/statuses/{status.id}"),
        "id": status.id,
        "node_id": node_id("DES", status.id),
        "state": status.state,
        "creator": people.shown(status.creator),
        "description": status.description,
        "environment": found.environment,
        "target_url": status.log_url,
        "log_url": status.log_url,
        "environment_url": status.environment_url,
        "created_at": time_of(status.at),
        "updated_at": time_of(status.at),
        "deployment_url": api_url(base),
        "repository_url": api_url(repo.path),
    }
