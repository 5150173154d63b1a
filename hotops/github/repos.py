"""The repository itself, and whom the token speaks for."""

from __future__ import annotations

from hotops.github.api import Api, path
from hotops.github.models import Account, Identity, Repository


class Repos:
    """Repositories."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def get(self, repo: str) -> Repository:
        """Public or private, whose, and its default branch (GitHub REST, get a repository)."""
        return Repository.model_validate(self._api.get(path(repo)).data)

    def me(self) -> Account:
        """Whom the token speaks for. Raises Forbidden for a workflow's token, which is nobody's."""
        return Account.model_validate(self._api.get("/user").data)

    def identity(self) -> Identity:
        """Whom the token speaks for and how far, as the answer's headers tell (GitHub docs, scopes for OAuth apps;
        token expiration). Raises Forbidden for a workflow's token, which is nobody's.
        """
        answer = self._api.get("/user")
        scopes = [scope.strip() for scope in answer.headers.get("x-oauth-scopes", "").split(",")]
        return Identity(
            Account.model_validate(answer.data).login,
            tuple(scope for scope in scopes if scope),
            answer.headers.get("github-authentication-token-expiration", "").partition(" ")[0],
        )
