"""What the credential is and where Fly runs: tokens and regions."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

from hotops.core.secret import Secret
from hotops.fly.graphql import mutate, query
from hotops.fly.models import Regions, Token
from hotops.fly.surfaces import Surfaces

# As flyctl asks (fly-go, limited access tokens; flyctl, tokens create and tokens revoke).
_OF_APP = """
query ($name: String!) {
  app(name: $name) { id organization { id slug } limitedAccessTokens { nodes { id name expiresAt revokedAt } } }
}
"""
_OF_ORG = """
query ($slug: String!) {
  organization(slug: $slug) { id slug limitedAccessTokens { nodes { id name expiresAt revokedAt } } }
}
"""
_CREATE = """
mutation ($input: CreateLimitedAccessTokenInput!) {
  createLimitedAccessToken(input: $input) { limitedAccessToken { id tokenHeader } }
}
"""
_DELETE = """
mutation ($input: DeleteLimitedAccessTokenInput!) { deleteLimitedAccessToken(input: $input) { token } }
"""


@dataclass(frozen=True)
class MadeToken:
    """A token that somebody made: its id and name, never its value."""

    id: str
    name: str


class Tokens:
    """The credential itself."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def current(self) -> builtins.list[Token]:
        """What each token of the credential is for (Machines API, current token). Raises Unauthorized."""
        answer = self._surfaces.call("tokens.current", "self", "GET", "/tokens/current")
        return [Token.model_validate(item) for item in answer.items("tokens")]

    def made(self, *, org: str, app: str | None = None) -> builtins.list[MadeToken]:
        """Tokens that were made for an app, or for the organisation, and not revoked (GraphQL)."""
        found = self._home(org, app)[1].get("limitedAccessTokens") or {}
        return [MadeToken(item["id"], item["name"]) for item in found.get("nodes") or [] if not item.get("revokedAt")]

    def create(self, name: str, *, org: str, app: str | None = None, expires_days: int) -> Secret:
        """Make a deploy token of one app, or of the whole organisation. Never repeated blindly.

        A deploy token itself may not make others: Fly answers "Not authorized". Raises QueryFailed.
        """
        organization, home = self._home(org, app)
        asked = {
            "name": name,
            "organizationId": organization["id"],
            "profile": "deploy" if app else "deploy_organization",
            "profileParams": {"app_id": home["id"]} if app else {},
            "expiry": f"{expires_days * 24}h0m0s",
        }
        answer = mutate(self._surfaces, _CREATE, {"input": asked}, idempotent=False)
        return Secret(str(answer["createLimitedAccessToken"]["limitedAccessToken"]["tokenHeader"]))

    def delete(self, token_id: str) -> None:
        """Revoke a token by its id (GraphQL, as `fly tokens revoke`). Raises NotFound."""
        mutate(self._surfaces, _DELETE, {"input": {"id": token_id}}, idempotent=True)

    def _home(self, org: str, app: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        if app is None:
            found = query(self._surfaces, _OF_ORG, {"slug": org})["organization"]
            return found, found
        found = query(self._surfaces, _OF_APP, {"name": app})["app"]
        return found["organization"], found


class Places:
    """Regions."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def list(self) -> Regions:
        """All regions and the nearest one (Machines API, platform regions)."""
        answer = self._surfaces.call("regions.list", "platform", "GET", "/platform/regions")
        return Regions.model_validate(answer.object)
