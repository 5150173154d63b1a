"""Artifacts of runs: listed, and fetched as a zip from a host of its own, as GitHub sends clients there."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

from hotops.sandbox.github.replies import RefusalError, api_url, not_found, page_of, time_of
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.world import Artifact, Hub, Repository, node_id
from hotops.sandbox.wire import Request, Response

STORE_HOST = "productionresultssa0.blob.core.windows.net"
_BASE = "/repos/{owner}/{repo}/actions"
KEPT_S = 90 * 86400.0
routes = Routes()


@routes.on("GET", f"{_BASE}/artifacts", "actions")
def _list(call: Call) -> Response:
    wanted = call.request.value("name")
    found = [each for each in reversed(call.repo.artifacts.values()) if wanted in ("", each.name)]
    return page_of(call.request, found, lambda each: _shown(call, each), key="artifacts")


@routes.on("GET", f"{_BASE}/runs/{{run}}/artifacts", "actions")
def _list_of_run(call: Call) -> Response:
    found = [each for each in call.repo.artifacts.values() if str(each.run_id) == call.params["run"]]
    return page_of(call.request, found, lambda each: _shown(call, each), key="artifacts")


@routes.on("GET", f"{_BASE}/artifacts/{{artifact}}/zip", "actions")
def _zip(call: Call) -> Response:
    found = call.repo.artifacts.get(int(call.params["artifact"]) if call.params["artifact"].isdigit() else 0)
    if found is None:
        raise not_found()
    if call.now > found.created_at + KEPT_S:
        raise RefusalError(410, "Artifact has expired")
    return Response(302, {"location": f"https://{STORE_HOST}/artifacts/{call.repo.id}/{found.id}.zip"})


def from_store(hub: Hub, request: Request) -> Response:
    """The store itself: it is asked without a token, which it would not know, by an address that GitHub gives away."""
    if "authorization" in request.headers:
        return Response(
            401, {"content-type": "application/xml"}, b"<Error><Code>InvalidAuthenticationInfo</Code></Error>"
        )
    _, _, repo_id, name = request.path.split("/")[:4] if request.path.count("/") == 3 else ("", "", "", "")
    for repo in hub.all_repositories():
        found = repo.artifacts.get(int(name.removesuffix(".zip") or 0)) if str(repo.id) == repo_id else None
        if found is not None:
            return Response(200, {"content-type": "application/zip"}, _content(found))
    return Response(404, {"content-type": "application/xml"}, b"<Error><Code>BlobNotFound</Code></Error>")


def _content(found: Artifact) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in found.files.items():
            text = content if isinstance(content, str) else json.dumps(content)
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def _shown(call: Call, found: Artifact) -> dict[str, Any]:
    repo: Repository = call.repo
    base, content = f"{repo.path}/actions/artifacts/{found.id}", _content(found)
    return {
        "id": found.id,
        "node_id": node_id("MDg6QXJ0aWZhY3Q", found.id),
        "name": found.name,
        "size_in_bytes": len(content),
        "url": api_url(base),
        "archive_download_url": api_url(f"{base}/zip"),
        "expired": call.now > found.created_at + KEPT_S,
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "created_at": time_of(found.created_at),
        "expires_at": time_of(found.created_at + KEPT_S),
        "updated_at": time_of(found.created_at),
        "workflow_run": {
            "id": found.run_id,
            "repository_id": repo.id,
            "head_repository_id": repo.id,
            "head_branch": repo.default_branch,
            "head_sha": found.head_sha,
        },
    }
