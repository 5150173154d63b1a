"""GraphQL, as far as `gh` asks for it: repositories and their issues."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema, build_schema, graphql_sync

from hotops.sandbox.github.replies import json_reply, time_of, web_url
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.world import Issue, Repository, node_id, sha_of
from hotops.sandbox.wire import Response

routes = Routes()


@routes.on("POST", "/graphql")
def _graphql(call: Call) -> Response:
    asked = call.payload
    result = graphql_sync(
        _schema(),
        str(asked.get("query") or ""),
        root_value={"repository": _repository, "search": _search, "viewer": {"login": call.user.login}},
        context_value=call,
        variable_values=asked.get("variables") or {},
        operation_name=asked.get("operationName"),
    )
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [{"type": "NOT_FOUND", **error.formatted} for error in result.errors]
    return json_reply(body)


@cache
def _schema() -> GraphQLSchema:
    return build_schema(Path(__file__).with_name("schema.graphql").read_text(encoding="utf-8"))


def _repository(info: GraphQLResolveInfo[Call], owner: str, name: str) -> dict[str, Any]:
    call = info.context
    found = call.hub.repository(f"{owner}/{name}")
    if found is None or (found.private and not call.sees(found)):
        raise GraphQLError(f"Could not resolve to a Repository with the name '{owner}/{name}'.")
    role = found.role_of(call.user.login)
    return {
        "id": node_id("R", found.id),
        "name": found.name,
        "nameWithOwner": found.full_name,
        "owner": {"login": found.owner.login},
        "description": None,
        "isPrivate": found.private,
        "hasIssuesEnabled": True,
        "hasWikiEnabled": False,
        "viewerPermission": (role or "read").upper(),
        "defaultBranchRef": {"name": found.default_branch},
        "parent": None,
        "mergeCommitAllowed": True,
        "rebaseMergeAllowed": True,
        "squashMergeAllowed": True,
        "issues": lambda _info, **wanted: _issues(found, wanted),
    }


def _search(info: GraphQLResolveInfo[Call], query: str, **wanted: Any) -> dict[str, Any]:
    """Issues by `repo:`, `label:` and `is:` or `state:`; every other word has to be in the title."""
    terms = [(key, value) for key, _, value in (word.partition(":") for word in shlex.split(query))]
    names = [value for key, value in terms if key == "repo"]
    repo = info.context.hub.repository(names[0]) if names else None
    if repo is None or (repo.private and not info.context.sees(repo)):
        return {"issueCount": 0, "nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    states = [value for key, value in terms if key in ("is", "state") and value in ("open", "closed")]
    labels = [value for key, value in terms if key == "label"]
    text = [key for key, value in terms if not value]
    found = _issues(
        repo, {**wanted, "first": wanted.get("first") or wanted.get("last"), "labels": labels, "states": states}
    )
    nodes = [node for node in found["nodes"] if all(word.lower() in node["title"].lower() for word in text)]
    return {"issueCount": found["totalCount"], "nodes": nodes, "pageInfo": found["pageInfo"]}


def _issues(repo: Repository, wanted: dict[str, Any]) -> dict[str, Any]:
    states = [state.lower() for state in wanted.get("states") or ("OPEN", "CLOSED")]
    labels = set(wanted.get("labels") or (wanted.get("filterBy") or {}).get("labels") or ())
    found = [issue for issue in reversed(repo.issues.values()) if issue.state in states and labels <= set(issue.labels)]
    begin = int(wanted.get("after") or 0)
    end = begin + min(int(wanted.get("first") or 30), 100)
    return {
        "totalCount": len(found),
        "nodes": [_issue(repo, issue) for issue in found[begin:end]],
        "pageInfo": {"hasNextPage": end < len(found), "endCursor": str(end)},
    }


def _issue(repo: Repository, issue: Issue) -> dict[str, Any]:
    labels = [
        {"id": node_id("LA", int(sha_of("label", name)[:7], 16)), "name": name, "description": None, "color": "d73a4a"}
        for name in issue.labels
    ]
    return {
        "__typename": "Issue",
        "id": node_id("I", issue.id),
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "url": web_url(f"/{repo.full_name}/issues/{issue.number}"),
        "state": issue.state.upper(),
        "stateReason": "COMPLETED" if issue.state == "closed" else None,
        "createdAt": time_of(issue.created_at),
        "updatedAt": time_of(issue.created_at),
        "author": {"login": issue.user.login},
        "labels": {"nodes": labels, "totalCount": len(labels)},
    }
