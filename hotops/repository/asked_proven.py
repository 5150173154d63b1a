"""That a plan was asked for: the run of the approval workflow, read back."""

from __future__ import annotations

from hotops.core.context import Context
from hotops.core.errors import ExitCode, HotopsError, NotFound, VerifyFailed
from hotops.core.waiting import Pace, wait_for
from hotops.github import approval_workflow as workflow
from hotops.github.models import Run
from hotops.inventory.schema import Environment
from hotops.repository.approval import github_environment
from hotops.repository.asked import github_of, repo_of

#: A run may be told by its number before it can be read.
_SEEN_WITHIN_S = 30.0
_PACE = Pace(1.0, 1.5, 5.0)


def prove_asked(context: Context, environment: Environment, plan_id: str, run: int) -> Run:
    """The run that asks for this very plan. Raises VerifyFailed where it asks for another, or WaitTimeout."""
    repo = repo_of(context, environment.github_repo)
    found = seen_soon(context, repo, run)
    if (found.file, found.display_title) != (workflow.PLACE, workflow.title(plan_id, github_environment(environment))):
        raise VerifyFailed(
            f"Run {run} of {repo} is of {found.file} and about {found.display_title!r}, not about plan {plan_id}.",
            remedy=f"Put the file there that hotops ships, and look at {found.html_url}.",
            exit_code=ExitCode.ERROR,
        )
    return found


def seen_soon(context: Context, repo: str, run: int) -> Run:
    """A run that was started a moment ago. Raises WaitTimeout."""

    def look() -> Run | HotopsError:
        try:
            return github_of(context).runs.get(repo, run)
        except NotFound as missing:
            return missing

    found = wait_for(
        lambda seen: isinstance(seen, Run), look, clock=context.clock, timeout_s=_SEEN_WITHIN_S,
        what=f"Run {run} of {repo}, which was started,", pace=_PACE, remedy="Look at the repository's Actions page.",
    )  # fmt: skip
    assert isinstance(found, Run)  # noqa: S101 (the wait ends with one)
    return found
