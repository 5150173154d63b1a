"""Workflows: listed, and dispatched so that the run is known afterwards."""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from hotops.core.clock import rfc3339
from hotops.core.errors import ServerError, WireError
from hotops.core.waiting import Pace, wait_for
from hotops.github.api import Api, may_have_arrived, path
from hotops.github.models import Run, Workflow

#: How long a dispatched run may take to be listed, and by how much the two clocks may differ.
_SEEN_WITHIN_S = 60.0
_SKEW_S = 5.0
_PACE = Pace(1.0, 1.5, 5.0)


class Workflows:
    """Workflow files of the default branch."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self, repo: str) -> builtins.list[Workflow]:
        """All workflows."""
        found = self._api.pages(path(repo, "actions", "workflows"), "workflows")
        return [Workflow.model_validate(item) for item in found]

    def get(self, repo: str, workflow: str) -> Workflow:
        """One by its file's name. Raises NotFound where it is not on the default branch."""
        return Workflow.model_validate(self._api.get(path(repo, "actions", "workflows", workflow)).data)

    def runs(self, repo: str, workflow: str, *, since: float | None = None) -> builtins.list[Run]:
        """Dispatched runs of a workflow, newest first, from a time on."""
        params = {"event": "workflow_dispatch", **({"created": f">={rfc3339(since)}"} if since is not None else {})}
        found = self._api.pages(path(repo, "actions", "workflows", workflow, "runs"), "workflow_runs", params=params)
        return [Run.model_validate(item) for item in found]

    def dispatch(self, repo: str, workflow: str, ref: str, inputs: Mapping[str, str], *, title: str = "") -> int:
        """Start it; the run's number. Raises Unprocessable for wrong inputs, NotFound, WaitTimeout.

        Servers that know `return_run_details` tell the number. Else, and where the answer was lost, the run is looked
        for: one that began since, whose title is `title` where that is given. A dispatch is never sent twice.
        """
        since = self._api.clock.now() - _SKEW_S
        before = {run.id for run in self.runs(repo, workflow, since=since)}

        def new() -> builtins.list[int]:
            found = self.runs(repo, workflow, since=since)
            return [run.id for run in found if run.id not in before and title in ("", run.display_title)]

        body = {"ref": ref, "inputs": dict(inputs), "return_run_details": True}
        cause = ""
        try:
            answer = self._api.write("POST", path(repo, "actions", "workflows", workflow, "dispatches"), body)
            number = (answer.data or {}).get("workflow_run_id")
            if number is not None:
                return int(number)
        except (ServerError, WireError) as error:
            if not may_have_arrived(error):
                raise
            cause = f" ({error.message})"
        found = wait_for(
            bool,
            new,
            clock=self._api.clock,
            timeout_s=_SEEN_WITHIN_S,
            what=f"The run of {workflow} that was dispatched{cause}",
            pace=_PACE,
            remedy="Look at the repository's Actions page before you run again.",
        )
        return min(found)
