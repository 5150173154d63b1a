"""Variables of a repository or of one of its environments."""

from __future__ import annotations

import builtins
from typing import Literal

from hotops.core.errors import Conflict, NotFound
from hotops.github.api import Api, path
from hotops.github.models import Variable
from hotops.github.secrets import check_name


class Variables:
    """Variables by scope: `environment=None` is the repository itself."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self, repo: str, environment: str | None = None) -> builtins.list[Variable]:
        """All of them, with their values (GitHub REST, list variables; a page holds 30 at most)."""
        found = self._api.pages(_base(repo, environment), "variables", params={"per_page": 30})
        return [Variable.model_validate(item) for item in found]

    def put(self, repo: str, name: str, value: str, environment: str | None = None) -> Literal["created", "updated"]:
        """Write one, whether it is there or not. Safe to repeat."""
        stored, base = check_name(name), _base(repo, environment)
        try:
            self._api.write("PATCH", f"{base}/{stored}", {"name": stored, "value": value}, idempotent=True)
        except NotFound:
            try:
                self._api.write("POST", base, {"name": stored, "value": value})
            except Conflict:  # made by somebody else, or by a first try whose answer was lost
                self._api.write("PATCH", f"{base}/{stored}", {"name": stored, "value": value}, idempotent=True)
            return "created"
        return "updated"

    def delete(self, repo: str, name: str, environment: str | None = None) -> None:
        """Delete one; an absent one is fine."""
        try:
            self._api.write("DELETE", f"{_base(repo, environment)}/{check_name(name)}")
        except NotFound:
            self.list(repo, environment)  # raises where it is the repository or the environment that is not there


def _base(repo: str, environment: str | None) -> str:
    if environment is None:
        return path(repo, "actions", "variables")
    return path(repo, "environments", environment, "variables")
