"""Issues with their labels and comments."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.github import people
from hotops.sandbox.github.replies import (
    api_url,
    json_reply,
    maybe_time,
    not_found,
    page_of,
    time_of,
    unprocessable,
    web_url,
)
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.world import Comment, Issue, Repository, node_id, sha_of
from hotops.sandbox.wire import Response

_BASE = "/repos/{owner}/{repo}/issues"
LONGEST_BODY = 65_536
routes = Routes()


@routes.on("GET", _BASE, "issues")
def _list(call: Call) -> Response:
    state = call.request.value("state", "open")
    labels = [name for name in call.request.value("labels").split(",") if name]
    found = [
        each
        for each in reversed(call.repo.issues.values())
        if state in ("all", each.state) and set(labels) <= set(each.labels)
    ]
    return page_of(call.request, found, lambda each: shown(call.repo, each))


@routes.on("POST", _BASE, "issues", role="read")
def _post(call: Call) -> Response:
    wanted = call.payload
    title = str(wanted.get("title") or "")
    if not title:
        raise unprocessable("Issue", "title", "missing_field")
    made = Issue(
        call.hub.number(), len(call.repo.issues) + 1, title, _body(wanted), call.user, call.now, _labels(wanted)
    )
    # Who has no access to the repository is left out, in silence (GitHub docs, REST, create an issue).
    may = {*call.repo.roles, call.repo.owner.login, call.user.login}
    made.assignees = tuple(call.hub.account(str(each)) for each in wanted.get("assignees") or () if each in may)
    call.repo.issues[made.number] = made
    return json_reply(shown(call.repo, made), 201)


@routes.on("GET", f"{_BASE}/{{number}}", "issues")
def _get(call: Call) -> Response:
    return json_reply(shown(call.repo, _named(call)))


@routes.on("PATCH", f"{_BASE}/{{number}}", "issues")
def _patch(call: Call) -> Response:
    found, wanted = _named(call), call.payload
    found.title = str(wanted.get("title") or found.title)
    found.body = _body(wanted) if "body" in wanted else found.body
    found.labels = _labels(wanted) if "labels" in wanted else found.labels
    if wanted.get("state") in ("open", "closed"):
        found.closed_at = call.now if wanted["state"] == "closed" else None
        found.state = wanted["state"]
    return json_reply(shown(call.repo, found))


@routes.on("GET", f"{_BASE}/{{number}}/comments", "issues")
def _comments(call: Call) -> Response:
    found = _named(call)
    return page_of(call.request, found.comments, lambda each: _comment_shown(call.repo, found, each))


@routes.on("POST", f"{_BASE}/{{number}}/comments", "issues", role="read")
def _comment(call: Call) -> Response:
    found = _named(call)
    made = Comment(call.hub.number(), _body(call.payload), call.user, call.now)
    found.comments.append(made)
    return json_reply(_comment_shown(call.repo, found, made), 201)


def _named(call: Call) -> Issue:
    number = call.params["number"]
    found = call.repo.issues.get(int(number)) if number.isdigit() else None
    if found is None:
        raise not_found()
    return found


def _body(wanted: dict[str, Any]) -> str:
    body = str(wanted.get("body") or "")
    if len(body) > LONGEST_BODY:
        raise unprocessable("Issue", "body", "custom", f"body is too long (maximum is {LONGEST_BODY} characters)")
    return body


def _labels(wanted: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(each.get("name") if isinstance(each, dict) else each) for each in wanted.get("labels") or ())


def shown(repo: Repository, issue: Issue) -> dict[str, Any]:
    """An issue."""
    base = f"{repo.path}/issues/{issue.number}"
    changed = max([issue.created_at, *(each.at for each in issue.comments)])
    return {
        "id": issue.id,
        "node_id": node_id("I", issue.id),
        "url": api_url(base),
        "repository_url": api_url(repo.path),
        "labels_url": api_url(f"{base}/labels{{/name}}"),
        "comments_url": api_url(f"{base}/comments"),
        "events_url": api_url(f"{base}/events"),
        "html_url": web_url(f"/{repo.full_name}/issues/{issue.number}"),
        "number": issue.number,
        "title": issue.title,
        "user": people.shown(issue.user),
        "labels": [_label_shown(repo, name) for name in issue.labels],
        "state": issue.state,
        "locked": False,
        "assignee": people.shown(issue.assignees[0]) if issue.assignees else None,
        "assignees": [people.shown(each) for each in issue.assignees],
        "milestone": None,
        "comments": len(issue.comments),
        "created_at": time_of(issue.created_at),
        "updated_at": time_of(changed),
        "closed_at": maybe_time(issue.closed_at),
        "author_association": "MEMBER",
        "body": issue.body or None,
    }


def _label_shown(repo: Repository, name: str) -> dict[str, Any]:
    number = int(sha_of("label", name)[:7], 16)
    return {
        "id": number, "node_id": node_id("LA", number), "url": api_url(f"{repo.path}/labels/{name}"), "name": name,
        "description": None, "color": "d73a4a", "default": False,
    }  # fmt: skip


def _comment_shown(repo: Repository, issue: Issue, comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "url": api_url(f"{repo.path}/issues/comments/{comment.id}"),
        "html_url": web_url(f"/{repo.full_name}/issues/{issue.number}#issuecomment-{comment.id}"),
        "issue_url": api_url(f"{repo.path}/issues/{issue.number}"),
        "user": people.shown(comment.user),
        "body": comment.body,
        "author_association": "MEMBER",
        "created_at": time_of(comment.at),
        "updated_at": time_of(comment.at),
    }
