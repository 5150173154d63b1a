"""Deployments and their statuses: the history that the team sees in GitHub."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, Literal

from hotops.core.errors import ServerError, WireError
from hotops.github.api import Api, may_have_arrived, path
from hotops.github.models import Deployment, DeploymentStatus

State = Literal["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]
LONGEST_DESCRIPTION = 140


class Deployments:
    """Deployments of a repository."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self, repo: str, environment: str, *, task: str = "") -> builtins.list[Deployment]:
        """The newest hundred of an environment, newest first."""
        params = {"environment": environment, "per_page": 100, **({"task": task} if task else {})}
        found = self._api.get(path(repo, "deployments"), params=params).items()
        return [Deployment.model_validate(item) for item in found]

    def create(
        self, repo: str, commit: str, environment: str, *, task: str, description: str, payload: Mapping[str, Any]
    ) -> Deployment:
        """Record one. It asks no check and merges nothing: gates have decided.

        An unclear answer is settled by looking for `task`, which is to name this one deployment.
        """
        body = {
            "ref": commit,
            "environment": environment,
            "task": task,
            "description": description[:LONGEST_DESCRIPTION],
            "payload": dict(payload),
            "required_contexts": [],
            "auto_merge": False,
            "production_environment": environment.startswith("prod"),
        }
        try:
            return Deployment.model_validate(self._api.write("POST", path(repo, "deployments"), body).data)
        except (ServerError, WireError) as error:
            made = self.list(repo, environment, task=task) if may_have_arrived(error) else []
            if not made:
                raise
            return made[0]

    def tell(
        self,
        repo: str,
        deployment: int,
        state: State,
        *,
        description: str,
        environment_url: str = "",
        log_url: str = "",
    ) -> DeploymentStatus:
        """Say what became of it. An unclear answer is settled by looking whether that is its newest state."""
        body: dict[str, Any] = {"state": state, "description": description[:LONGEST_DESCRIPTION]}
        body |= {key: value for key, value in (("environment_url", environment_url), ("log_url", log_url)) if value}
        try:
            answer = self._api.write("POST", path(repo, "deployments", deployment, "statuses"), body)
            return DeploymentStatus.model_validate(answer.data)
        except (ServerError, WireError) as error:
            newest = next(iter(self.statuses(repo, deployment)), None) if may_have_arrived(error) else None
            if newest is None or (newest.state, newest.description) != (state, body["description"]):
                raise
            return newest

    def statuses(self, repo: str, deployment: int) -> builtins.list[DeploymentStatus]:
        """What became of it, newest first."""
        found = self._api.pages(path(repo, "deployments", deployment, "statuses"))
        return [DeploymentStatus.model_validate(item) for item in found]
