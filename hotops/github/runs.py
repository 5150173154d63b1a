"""Runs of workflows: waited for, their jobs, approvals and artifacts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from hotops.core.waiting import Pace, wait_for
from hotops.github.api import Api, path
from hotops.github.models import Artifact, Job, PendingDeployment, Review, Run

#: A run takes minutes: one look in five seconds is soon enough, and far from the limits.
PACE = Pace(2.0, 1.5, 5.0)


class Runs:
    """Runs by their number."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def get(self, repo: str, run: int) -> Run:
        """The run as it is now."""
        return Run.model_validate(self._api.get(path(repo, "actions", "runs", run)).data)

    def of_commit(self, repo: str, commit: str) -> list[Run]:
        """Every run on a commit, newest first."""
        found = self._api.pages(path(repo, "actions", "runs"), "workflow_runs", params={"head_sha": commit})
        return [Run.model_validate(item) for item in found]

    def in_state(self, repo: str, status: str) -> list[Run]:
        """The newest hundred in a state or with a conclusion, such as `waiting`; newest first."""
        params = {"status": status, "per_page": 100}
        found = self._api.get(path(repo, "actions", "runs"), params=params).items("workflow_runs")
        return [Run.model_validate(item) for item in found]

    def wait(
        self, repo: str, run: int, *, until: Callable[[Run], bool] = lambda run: run.is_over, timeout_s: float
    ) -> Run:
        """Look until it is over (or as `until` says). Raises WaitTimeout."""
        return wait_for(
            until,
            lambda: self.get(repo, run),
            clock=self._api.clock,
            timeout_s=timeout_s,
            what=f"The end of run {run} of {repo}",
            pace=PACE,
            describe=lambda seen: f"{seen.status}, {seen.html_url}",
            remedy="Look at its page; it goes on.",
        )

    def cancel(self, repo: str, run: int) -> None:
        """Ask it to stop. Raises Conflict where it is over."""
        self._api.write("POST", path(repo, "actions", "runs", run, "cancel"), idempotent=True)

    def jobs(self, repo: str, run: int) -> list[Job]:
        """Its jobs."""
        return [
            Job.model_validate(item) for item in self._api.pages(path(repo, "actions", "runs", run, "jobs"), "jobs")
        ]

    def reviews(self, repo: str, run: int) -> list[Review]:
        """Who approved or rejected what (GitHub REST, get the review history for a workflow run)."""
        found = self._api.get(path(repo, "actions", "runs", run, "approvals")).items()
        return [Review.model_validate(item) for item in found]

    def pending(self, repo: str, run: int) -> list[PendingDeployment]:
        """The environments it waits for, and who may let it go."""
        found = self._api.get(path(repo, "actions", "runs", run, "pending_deployments")).items()
        return [PendingDeployment.model_validate(item) for item in found]

    def review(
        self,
        repo: str,
        run: int,
        environments: Iterable[int],
        state: Literal["approved", "rejected"],
        comment: str,
    ) -> None:
        """Approve or reject, as whom the token speaks for. Raises Unprocessable where that is no reviewer."""
        body = {"environment_ids": list(environments), "state": state, "comment": comment}
        self._api.write("POST", path(repo, "actions", "runs", run, "pending_deployments"), body)

    def artifacts(self, repo: str, run: int) -> list[Artifact]:
        """What it left."""
        found = self._api.pages(path(repo, "actions", "runs", run, "artifacts"), "artifacts")
        return [Artifact.model_validate(item) for item in found]

    def artifacts_named(self, repo: str, name: str) -> list[Artifact]:
        """The repository's artifacts of one name, newest first: the first hundred."""
        answer = self._api.get(path(repo, "actions", "artifacts"), params={"name": name, "per_page": 100})
        return [Artifact.model_validate(item) for item in answer.items("artifacts")]

    def download(self, repo: str, artifact: int) -> bytes:
        """The zip of an artifact, from the store that GitHub sends to (which is never given the token)."""
        return self._api.get(path(repo, "actions", "artifacts", artifact, "zip"), follow=True, timeout_s=60.0).body
