"""What CI said of a commit: check runs, and the older commit statuses."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.github import repos
from hotops.sandbox.github.git import commit_named
from hotops.sandbox.github.replies import api_url, json_reply, page_of, time_of, web_url
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.world import Commit, node_id, sha_of
from hotops.sandbox.wire import Response

_BASE = "/repos/{owner}/{repo}/commits/{ref}"
routes = Routes()


@routes.on("GET", f"{_BASE}/check-runs", "checks")
def _checks(call: Call) -> Response:
    commit, wanted = commit_named(call, call.params["ref"]), call.request.value("check_name")
    found = [(name, said) for name, said in sorted(commit.checks.items()) if wanted in ("", name)]
    return page_of(call.request, found, lambda each: _check_shown(call, commit, *each), key="check_runs")


@routes.on("GET", f"{_BASE}/status", "statuses")
def _status(call: Call) -> Response:
    commit = commit_named(call, call.params["ref"])
    said = list(commit.statuses.values())
    bad = any(each in ("failure", "error") for each in said)
    state = "failure" if bad else "pending" if not said or "pending" in said else "success"
    base = api_url(f"{call.repo.path}/commits/{commit.sha}")
    return json_reply(
        {
            "state": state,
            "statuses": [_status_shown(call, commit, *each) for each in sorted(commit.statuses.items())],
            "sha": commit.sha,
            "total_count": len(said),
            "repository": repos.shown(call.repo, call.token.login),
            "commit_url": base,
            "url": f"{base}/status",
        }
    )


@routes.on("GET", "/repos/{owner}/{repo}/check-runs/{check}/annotations", "checks")
def _annotations(call: Call) -> Response:
    return page_of(call.request, [], dict)  # no job of the sandbox says anything about a line


def _check_shown(call: Call, commit: Commit, name: str, said: str) -> dict[str, Any]:
    number, runs = int(sha_of(commit.sha, name)[:7], 16), said == "pending"
    page = web_url(f"/{call.repo.full_name}/runs/{number}")
    return {
        "id": number,
        "head_sha": commit.sha,
        "node_id": node_id("CR", number),
        "external_id": "",
        "url": api_url(f"{call.repo.path}/check-runs/{number}"),
        "html_url": page,
        "details_url": page,
        "status": "in_progress" if runs else "completed",
        "conclusion": None if runs else said,
        "started_at": time_of(commit.at),
        "completed_at": None if runs else time_of(commit.at + 120),
        "output": {
            "title": None, "summary": None, "text": None, "annotations_count": 0,
            "annotations_url": api_url(f"{call.repo.path}/check-runs/{number}/annotations"),
        },
        "name": name,
        "check_suite": {"id": number + 1},
        "app": None,
        "pull_requests": [],
    }  # fmt: skip


def _status_shown(call: Call, commit: Commit, context: str, state: str) -> dict[str, Any]:
    number = int(sha_of(commit.sha, "status", context)[:7], 16)
    return {
        "url": api_url(f"{call.repo.path}/statuses/{commit.sha}"),
        "avatar_url": None,
        "id": number,
        "node_id": node_id("SC", number),
        "state": state,
        "description": None,
        "target_url": None,
        "context": context,
        "created_at": time_of(commit.at),
        "updated_at": time_of(commit.at),
    }
