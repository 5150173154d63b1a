"""Accounts and teams as GitHub shows them."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.github.replies import api_url, web_url
from hotops.sandbox.github.world import Account, Repository, node_id, sha_of


def shown(account: Account) -> dict[str, Any]:
    """A simple-user of the published document."""
    base = f"/users/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("U", account.id),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{account.id}",
        "gravatar_id": "",
        "url": api_url(base),
        "html_url": web_url(f"/{account.login}"),
        "followers_url": api_url(f"{base}/followers"),
        "following_url": api_url(f"{base}/following{{/other_user}}"),
        "gists_url": api_url(f"{base}/gists{{/gist_id}}"),
        "starred_url": api_url(f"{base}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": api_url(f"{base}/subscriptions"),
        "organizations_url": api_url(f"{base}/orgs"),
        "repos_url": api_url(f"{base}/repos"),
        "events_url": api_url(f"{base}/events{{/privacy}}"),
        "received_events_url": api_url(f"{base}/received_events"),
        "type": account.kind,
        "site_admin": False,
    }


def team_shown(repo: Repository, slug: str) -> dict[str, Any]:
    """A team of the organisation that owns the repository."""
    number = int(sha_of(repo.owner.login, slug)[:6], 16)
    base = f"/organizations/{repo.owner.id}/team/{number}"
    return {
        "id": number,
        "node_id": node_id("T", number),
        "name": slug,
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "permission": "push",
        "url": api_url(base),
        "html_url": web_url(f"/orgs/{repo.owner.login}/teams/{slug}"),
        "members_url": api_url(f"{base}/members{{/member}}"),
        "repositories_url": api_url(f"{base}/repos"),
        "parent": None,
    }
