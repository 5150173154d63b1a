"""Environments and the rules that guard jobs which name them."""

from __future__ import annotations

import builtins

from hotops.core.errors import NotFound
from hotops.github.api import Api, path
from hotops.github.errors import environment_missing
from hotops.github.models import Environment


class Environments:
    """Environments of a repository."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self, repo: str) -> builtins.list[Environment]:
        """All of them, with their rules."""
        found = self._api.pages(path(repo, "environments"), "environments")
        return [Environment.model_validate(item) for item in found]

    def get(self, repo: str, environment: str) -> Environment:
        """One. Raises EnvironmentMissing, which names those that are there."""
        try:
            return Environment.model_validate(self._api.get(path(repo, "environments", environment)).data)
        except NotFound as error:
            there = [found.name for found in self.list(repo)]
            raise environment_missing(error, repo, environment, there) from error
