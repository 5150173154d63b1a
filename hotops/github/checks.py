"""What CI said of a commit."""

from __future__ import annotations

from hotops.github.api import Api, path
from hotops.github.models import CheckRun, CommitStatus


class Checks:
    """Checks of a commit: check runs, and the commit statuses that older tools write."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def runs(self, repo: str, commit: str) -> list[CheckRun]:
        """The newest check run of each name (GitHub REST, list check runs for a reference: `filter` is latest)."""
        found = self._api.pages(path(repo, "commits", commit, "check-runs"), "check_runs")
        return [CheckRun.model_validate(item) for item in found]

    def statuses(self, repo: str, commit: str) -> list[CommitStatus]:
        """The newest status of each context (GitHub REST, get the combined status)."""
        found = self._api.pages(path(repo, "commits", commit, "status"), "statuses")
        return [CommitStatus.model_validate(item) for item in found]
