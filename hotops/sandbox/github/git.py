"""Git as the API shows it: commits, annotated tags, references. Making a reference is atomic."""

from __future__ import annotations

import re
from typing import Any

from hotops.sandbox.github.replies import (
    RefusalError,
    api_url,
    empty_reply,
    invalid,
    json_reply,
    not_found,
    time_of,
    web_url,
)
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.world import Commit, Repository, Tag, node_id, sha_of
from hotops.sandbox.wire import Response

_BASE = "/repos/{owner}/{repo}"
_SHA_ONLY = "application/vnd.github.sha"
_REF = re.compile(r"^refs/[^/ ~^:?*\[\\]+(/[^/ ~^:?*\[\\]+)+$")
routes = Routes()


def resolve(repo: Repository, name: str) -> str | None:
    """The commit behind a branch, a tag, HEAD, a reference or a sha (also a short one)."""
    if name == "HEAD":
        name = repo.default_branch
    for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", name):
        sha = repo.refs.get(candidate)
        if sha is not None:
            return repo.tags[sha].object_sha if sha in repo.tags else sha
    if re.fullmatch(r"[0-9a-f]{7,40}", name):
        return next((sha for sha in repo.commits if sha.startswith(name)), None)
    return None


def commit_named(call: Call, name: str) -> Commit:
    """The commit. Raises 422, as GitHub does for a sha that is not there."""
    sha = resolve(call.repo, name)
    if sha is None or sha not in call.repo.commits:
        raise invalid(f"No commit found for SHA: {name}")
    return call.repo.commits[sha]


@routes.on("GET", f"{_BASE}/commits/{{ref*}}", "contents")
def _commit(call: Call) -> Response:
    found = commit_named(call, call.params["ref"])
    if _SHA_ONLY in call.request.headers.get("accept", ""):
        return Response(200, {"content-type": f"{_SHA_ONLY}; charset=utf-8"}, found.sha.encode())
    return json_reply(_commit_shown(call.repo, found))


@routes.on("GET", f"{_BASE}/git/ref/{{ref*}}", "contents")
def _get_ref(call: Call) -> Response:
    name = f"refs/{call.params['ref']}"
    if name not in call.repo.refs:
        raise not_found()
    return json_reply(_ref_shown(call.repo, name))


@routes.on("GET", f"{_BASE}/git/matching-refs/{{ref*}}", "contents")
def _matching(call: Call) -> Response:
    prefix = f"refs/{call.params['ref']}"
    return json_reply([_ref_shown(call.repo, name) for name in sorted(call.repo.refs) if name.startswith(prefix)])


@routes.on("POST", f"{_BASE}/git/refs", "contents")
def _make_ref(call: Call) -> Response:
    name, sha = str(call.payload.get("ref") or ""), str(call.payload.get("sha") or "")
    if not _REF.match(name):
        raise invalid("Reference name is not well-formed")
    if not _exists(call.repo, sha):
        raise invalid("Object does not exist")
    if name in call.repo.refs:
        raise invalid("Reference already exists")
    call.repo.refs[name] = sha
    return json_reply(_ref_shown(call.repo, name), 201)


@routes.on("PATCH", f"{_BASE}/git/refs/{{ref*}}", "contents")
def _move_ref(call: Call) -> Response:
    name, sha = f"refs/{call.params['ref']}", str(call.payload.get("sha") or "")
    if name not in call.repo.refs:
        raise invalid("Reference does not exist")
    if not _exists(call.repo, sha):
        raise invalid("Object does not exist")
    if not call.payload.get("force", False) and call.repo.refs[name] != sha:
        raise invalid("Update is not a fast forward")
    call.repo.refs[name] = sha
    return json_reply(_ref_shown(call.repo, name))


@routes.on("DELETE", f"{_BASE}/git/refs/{{ref*}}", "contents")
def _delete_ref(call: Call) -> Response:
    if call.repo.refs.pop(f"refs/{call.params['ref']}", None) is None:
        raise invalid("Reference does not exist")
    return empty_reply()


@routes.on("POST", f"{_BASE}/git/tags", "contents")
def _make_tag(call: Call) -> Response:
    wanted = call.payload
    if wanted.get("type") != "commit" or not _exists(call.repo, str(wanted.get("object"))):
        raise invalid("Object does not exist")
    name, message, target = str(wanted.get("tag") or ""), str(wanted.get("message") or ""), str(wanted["object"])
    if not name or not message:
        raise invalid("tag and message are wanted")
    tagger = {"name": call.user.login, "email": f"{call.user.login}@example.com", "date": time_of(call.now)}
    made = Tag(sha_of("tag", name, message, target, call.user.login, int(call.now)), name, message, target, tagger)
    call.repo.tags[made.sha] = made
    return json_reply(_tag_shown(call.repo, made), 201)


@routes.on("GET", f"{_BASE}/git/tags/{{sha}}", "contents")
def _get_tag(call: Call) -> Response:
    found = call.repo.tags.get(call.params["sha"])
    if found is None:
        raise not_found()
    return json_reply(_tag_shown(call.repo, found))


def _exists(repo: Repository, sha: str) -> bool:
    return sha in repo.commits or sha in repo.tags


def _ref_shown(repo: Repository, name: str) -> dict[str, Any]:
    sha = repo.refs[name]
    kind = "tag" if sha in repo.tags else "commit"
    return {
        "ref": name,
        "node_id": node_id("REF", int(sha_of(name)[:8], 16)),
        "url": api_url(f"{repo.path}/git/{name}"),
        "object": {"type": kind, "sha": sha, "url": api_url(f"{repo.path}/git/{kind}s/{sha}")},
    }


def _tag_shown(repo: Repository, tag: Tag) -> dict[str, Any]:
    return {
        "node_id": node_id("TA", int(tag.sha[:8], 16)),
        "tag": tag.name,
        "sha": tag.sha,
        "url": api_url(f"{repo.path}/git/tags/{tag.sha}"),
        "message": tag.message,
        "tagger": tag.tagger,
        "object": {
            "type": "commit",
            "sha": tag.object_sha,
            "url": api_url(f"{repo.path}/git/commits/{tag.object_sha}"),
        },
    }


def _commit_shown(repo: Repository, commit: Commit) -> dict[str, Any]:
    who = {"name": "Somebody", "email": "somebody@example.com", "date": time_of(commit.at)}
    tree = sha_of("tree", commit.sha)
    return {
        "url": api_url(f"{repo.path}/commits/{commit.sha}"),
        "sha": commit.sha,
        "node_id": node_id("C", int(commit.sha[:8], 16)),
        "html_url": web_url(f"/{repo.full_name}/commit/{commit.sha}"),
        "comments_url": api_url(f"{repo.path}/commits/{commit.sha}/comments"),
        "commit": {
            "url": api_url(f"{repo.path}/git/commits/{commit.sha}"),
            "author": who,
            "committer": who,
            "message": commit.message,
            "comment_count": 0,
            "tree": {"sha": tree, "url": api_url(f"{repo.path}/git/trees/{tree}")},
        },
        "author": None,
        "committer": None,
        "parents": [],
    }


def refuse_unknown_branch(repo: Repository, name: str) -> str:
    """The full reference of a branch or tag. Raises 422 where there is none."""
    short = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
    for full in (f"refs/heads/{short}", f"refs/tags/{short}"):
        if full in repo.refs:
            return full
    raise RefusalError(422, f"No ref found for: {name}")
