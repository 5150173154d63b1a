"""Workflows: the files on the default branch, and dispatching them."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.github import git
from hotops.sandbox.github.replies import api_url, empty_reply, json_reply, not_found, page_of, time_of, web_url
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.running import Job, Run
from hotops.sandbox.github.workflow_file import WorkflowFile, filled
from hotops.sandbox.github.world import Repository, node_id, sha_of
from hotops.sandbox.wire import Response

_BASE = "/repos/{owner}/{repo}/actions/workflows"
FOLDER = ".github/workflows/"
routes = Routes()


def paths_of(repo: Repository) -> list[str]:
    """The workflow files of the default branch: only these can be dispatched (GitHub docs, workflow_dispatch)."""
    return sorted(path for path in repo.files.get(repo.default_branch, {}) if path.startswith(FOLDER))


def id_of(path: str) -> int:
    """The number of a workflow."""
    return int(sha_of("workflow", path)[:7], 16)


@routes.on("GET", _BASE, "actions")
def _list(call: Call) -> Response:
    return page_of(call.request, paths_of(call.repo), lambda path: shown(call.repo, path), key="workflows")


@routes.on("GET", f"{_BASE}/{{workflow}}", "actions")
def _get(call: Call) -> Response:
    return json_reply(shown(call.repo, path_named(call)))


@routes.on("POST", f"{_BASE}/{{workflow}}/dispatches", "actions")
def _dispatch(call: Call) -> Response:
    repo, path, wanted = call.repo, path_named(call), call.payload
    full = git.refuse_unknown_branch(repo, str(wanted.get("ref") or ""))
    branch = full.removeprefix("refs/heads/").removeprefix("refs/tags/")
    text = repo.files.get(branch, repo.files[repo.default_branch]).get(path)
    if text is None:
        raise not_found()
    file = WorkflowFile.parse(path, text)
    inputs = file.checked(wanted.get("inputs") or {})
    run = start(call, path, file, branch, inputs)
    if not (wanted.get("return_run_details") and call.hub.returns_run_details):
        return empty_reply()
    base = f"{repo.path}/actions/runs/{run.id}"
    page = web_url(f"/{repo.full_name}/actions/runs/{run.id}")
    return json_reply({"workflow_run_id": run.id, "run_url": api_url(base), "html_url": page})


def start(call: Call, path: str, file: WorkflowFile, branch: str, inputs: dict[str, str]) -> Run:
    """A new run of a workflow; its jobs end as `outcomes` of the repository says, else well."""
    hub, repo, name = call.hub, call.repo, path.removeprefix(FOLDER)
    conclusion = repo.outcomes.get(name, "success")
    run = Run(
        id=hub.number(),
        number=sum(1 for each in repo.runs.values() if each.path == path) + 1,
        path=path,
        name=file.name,
        event="workflow_dispatch",
        head_branch=branch,
        head_sha=git.resolve(repo, branch) or "",
        title=filled(file.run_name, inputs) if file.run_name else file.name,
        actor=call.user,
        created_at=call.now,
        jobs=tuple(
            Job(
                hub.number(),
                job.key,
                job.needs,
                filled(job.environment, inputs) if job.environment else None,
                conclusion,
            )
            for job in file.jobs
        ),
        pace=hub.speed,
        inputs=inputs,
    )
    repo.runs[run.id] = run
    return run


def path_named(call: Call) -> str:
    """The file that a path parameter means: by its name or its number. Raises 404."""
    wanted = call.params["workflow"]
    for path in paths_of(call.repo):
        if wanted in (str(id_of(path)), path.removeprefix(FOLDER), path):
            return path
    raise not_found()


def shown(repo: Repository, path: str) -> dict[str, Any]:
    """A workflow."""
    number, name = id_of(path), path.removeprefix(FOLDER)
    try:
        title = WorkflowFile.parse(path, repo.files[repo.default_branch][path]).name
    except ValueError:
        title = path
    return {
        "id": number,
        "node_id": node_id("W", number),
        "name": title,
        "path": path,
        "state": "active",
        "created_at": time_of(repo.created_at),
        "updated_at": time_of(repo.created_at),
        "url": api_url(f"{repo.path}/actions/workflows/{number}"),
        "html_url": web_url(f"/{repo.full_name}/blob/{repo.default_branch}/{path}"),
        "badge_url": web_url(f"/{repo.full_name}/workflows/{name}/badge.svg"),
    }
