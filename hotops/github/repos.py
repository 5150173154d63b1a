"""The repository itself, and whom the token speaks for."""

from __future__ import annotations

from hotops.github.api import Api, path
from hotops.github.models import Account, Repository


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
