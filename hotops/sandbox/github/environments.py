"""Environments and the rules that guard jobs which name them."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.github import people
from hotops.sandbox.github.replies import api_url, invalid, json_reply, page_of, time_of, web_url
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.world import Environment, Repository, node_id
from hotops.sandbox.wire import Response

_BASE = "/repos/{owner}/{repo}/environments"
MOST_REVIEWERS = 6
routes = Routes()


@routes.on("GET", _BASE, "actions")
def _list(call: Call) -> Response:
    found = sorted(call.repo.environments.values(), key=lambda each: each.name)
    return page_of(call.request, found, lambda each: shown(call, each), key="environments")


@routes.on("GET", f"{_BASE}/{{environment}}", "actions")
def _get(call: Call) -> Response:
    return json_reply(shown(call, call.environment))


@routes.on("PUT", f"{_BASE}/{{environment}}", "administration", role="admin")
def _put(call: Call) -> Response:
    """Make it, or replace its whole rule set (GitHub REST, create or update an environment)."""
    name, wanted = call.params["environment"], call.payload
    made = call.repo.environments.get(name.lower())
    if made is None:
        made = Environment(call.hub.number(), name, call.now)
    reviewers = [_reviewer(call, item) for item in wanted.get("reviewers") or ()]
    if len(reviewers) > MOST_REVIEWERS:
        raise invalid(f"An environment has {MOST_REVIEWERS} reviewers at most")
    policy = wanted.get("deployment_branch_policy")
    made.reviewers = tuple(reviewers)
    made.prevent_self_review = bool(wanted.get("prevent_self_review") or False)
    made.wait_timer_min = int(wanted.get("wait_timer") or 0)
    made.branches = (call.repo.default_branch,) if policy else None
    call.repo.environments[name.lower()] = made
    return json_reply(shown(call, made))


def _reviewer(call: Call, item: dict[str, Any]) -> str:
    if item.get("type") == "Team" and call.repo.owner.kind != "Organization":
        raise invalid("A repository of a user has no teams")
    for login, account in call.hub.accounts.items():
        if account.id == item.get("id"):
            return call.hub.accounts[login].login
    raise invalid(f"There is no reviewer {item.get('id')}")


def shown(call: Call, found: Environment) -> dict[str, Any]:
    """An environment with its protection rules."""
    repo = call.repo
    rules: list[dict[str, Any]] = []
    if found.wait_timer_min:
        rules.append({**_rule(found, 1), "type": "wait_timer", "wait_timer": found.wait_timer_min})
    if found.reviewers:
        rules.append(
            {
                **_rule(found, 2),
                "type": "required_reviewers",
                "prevent_self_review": found.prevent_self_review,
                "reviewers": [reviewer_shown(call, reviewer) for reviewer in found.reviewers],
            }
        )
    if found.branches is not None:
        rules.append({**_rule(found, 3), "type": "branch_policy"})
    return {
        **brief(repo, found),
        "updated_at": time_of(found.created_at),
        "protection_rules": rules,
        "deployment_branch_policy": None
        if found.branches is None
        else {"protected_branches": False, "custom_branch_policies": True},
    }


def brief(repo: Repository, found: Environment) -> dict[str, Any]:
    """An environment as reviews and waiting deployments name it."""
    return {
        "id": found.id,
        "node_id": node_id("EN", found.id),
        "name": found.name,
        "url": api_url(f"{repo.path}/environments/{found.name}"),
        "html_url": web_url(f"/{repo.full_name}/deployments/activity_log?environments_filter={found.name}"),
        "created_at": time_of(found.created_at),
        "updated_at": time_of(found.created_at),
    }


def reviewer_shown(call: Call, reviewer: str) -> dict[str, Any]:
    """A reviewer: a user, or a team of an organisation."""
    if reviewer.startswith("@"):
        return {"type": "Team", "reviewer": people.team_shown(call.repo, reviewer.removeprefix("@"))}
    return {"type": "User", "reviewer": people.shown(call.hub.account(reviewer))}


def _rule(found: Environment, number: int) -> dict[str, Any]:
    return {"id": found.id * 10 + number, "node_id": node_id("GA", found.id * 10 + number)}
