"""The repository itself, whom the token speaks for, what is left of its limits, and files."""

from __future__ import annotations

import base64
from typing import Any

from hotops.sandbox.github import people
from hotops.sandbox.github.replies import api_url, json_reply, not_found, time_of, web_url
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.world import Repository, node_id, sha_of
from hotops.sandbox.wire import Response

_BASE = "/repos/{owner}/{repo}"
routes = Routes()


@routes.on("GET", "/user")
def _user(call: Call) -> Response:
    return json_reply({**people.shown(call.user), "name": call.user.login, "email": None})


@routes.on("GET", _BASE, "metadata")
def _repository(call: Call) -> Response:
    return json_reply(shown(call.repo, call.token.login))


@routes.on("GET", f"{_BASE}/contents/{{path*}}", "contents")
def _contents(call: Call) -> Response:
    ref = call.request.value("ref", call.repo.default_branch)
    path, files = call.params["path"].strip("/"), call.repo.files.get(ref, {})
    if path in files:
        return json_reply(_file_shown(call.repo, path, files[path], with_content=True))
    below = [name for name in sorted(files) if name.startswith(f"{path}/")]
    if not below:
        raise not_found()
    return json_reply([_file_shown(call.repo, name, files[name], with_content=False) for name in below])


def _file_shown(repo: Repository, path: str, text: str, *, with_content: bool) -> dict[str, Any]:
    sha = sha_of("blob", text)
    url, page = api_url(f"{repo.path}/contents/{path}"), web_url(f"/{repo.full_name}/blob/{repo.default_branch}/{path}")
    found = {
        "type": "file",
        "size": len(text.encode()),
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "url": url,
        "git_url": api_url(f"{repo.path}/git/blobs/{sha}"),
        "html_url": page,
        "download_url": None,
        "_links": {"git": None, "html": page, "self": url},
    }
    if with_content:
        found |= {"encoding": "base64", "content": base64.encodebytes(text.encode()).decode()}
    return found


def shown(repo: Repository, login: str) -> dict[str, Any]:
    """What clients read of a repository; GitHub tells a hundred addresses more."""
    role = repo.role_of(login)
    return {
        "id": repo.id,
        "node_id": node_id("R", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "owner": people.shown(repo.owner),
        "private": repo.private,
        "visibility": "private" if repo.private else "public",
        "html_url": web_url(f"/{repo.full_name}"),
        "url": api_url(repo.path),
        "description": None,
        "fork": False,
        "default_branch": repo.default_branch,
        "has_issues": True,
        "archived": False,
        "disabled": False,
        "created_at": time_of(repo.created_at),
        "updated_at": time_of(repo.created_at),
        "pushed_at": time_of(repo.created_at),
        "permissions": {
            "admin": role == "admin",
            "maintain": role == "admin",
            "push": role in {"admin", "write"},
            "triage": role in {"admin", "write"},
            "pull": True,
        },
    }
