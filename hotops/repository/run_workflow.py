"""The module github_workflow: start a workflow, and wait for its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.github.models import Run
from hotops.repository.asked import github_of, repo_of
from hotops.repository.asked_proven import seen_soon

#: A run of the wanted title that is older is another one's.
_KNOWN_FOR_S = 86400.0


class WorkflowFailed(HotopsError):
    """The workflow ran and did not end well."""

    code = "workflow_failed"


class WorkflowWanted(Spec):
    """Which workflow, with what."""

    workflow: str = Field(min_length=1, description="Name of its file in .github/workflows/.")
    ref: str | None = Field(None, description="Branch or tag; the default branch if omitted.")
    inputs: dict[str, str] = Field(default_factory=dict, description="Its inputs by name.")
    wait_s: float = Field(0.0, ge=0, description="How long to wait for its end, in seconds; 0: not at all.")
    title: str = Field(
        "",
        description=(
            "Title of its run (C(run-name)); one of it that began within a day and did not fail stands for this one."
        ),
    )
    repo: str | None = Field(None, description="Repository, OWNER/NAME; the inventory's if omitted.")


@dataclass(frozen=True)
class Startable:
    """The reference it starts on, and its run of the wanted title where somebody started that."""

    ref: str
    run: Run | None


class RunWorkflow(Operation[WorkflowWanted, Startable]):
    """Dispatch a workflow once. Raises Unprocessable for wrong inputs, NotFound, WaitTimeout, WorkflowFailed.

    What fails after the dispatch names the run in its details: it goes on.
    """

    name = "github_workflow"
    Want = WorkflowWanted
    needs_environment = True
    docs = Documented(
        short="Start a workflow of GitHub Actions and wait for its end",
        description=(
            "Dispatches a workflow file that stands on the default branch; each call starts one run, but for O(title).",
            "With O(title), a call that comes again (after a crash, say) finds the run, waits for it, and starts none.",
            "A dispatch whose answer is lost is looked for, never sent twice.",
        ),
        returns={
            "run": {
                "description": "Number of the run.",
                "returned": "once it began",
                "type": "int",
                "sample": 16304,
            },
            "url": {
                "description": "Its page.",
                "returned": "once it began",
                "type": "str",
                "sample": "https://github.com/acme/shop/actions/runs/16304",
            },
            "status": {
                "description": "How it stands.",
                "returned": "once it began",
                "type": "str",
                "sample": "completed",
            },
            "conclusion": {
                "description": "How it ended, where it did.",
                "returned": "once it began",
                "type": "str",
                "sample": "success",
            },
        },
        examples="""
- name: Start the nightly load test
  hotops.core.github_workflow:
    workflow: load-test.yml
  run_once: true

- name: Deploy staging through its workflow, and see it end well
  hotops.core.github_workflow:
    workflow: deploy-staging.yml
    inputs: {reason: "{{ reason }}"}
    wait_s: 1800
  run_once: true

- name: The load test of this release is started once, also when the playbook is run again
  hotops.core.github_workflow:
    workflow: load-test.yml
    inputs: {release: "{{ version }}"}
    title: "Load test of {{ version }}"
  run_once: true
""",
        see_also=("github_check_info", "github_approval"),
    )

    _run: Run | None = None

    def observe(self) -> Startable:
        github, repo = github_of(self.context), repo_of(self.context, self.want.repo)
        github.workflows.get(repo, self.want.workflow)  # a wrong name is told before anything is started
        ref = self.want.ref or github.repos.get(repo).default_branch
        if not self.want.title:
            return Startable(ref, None)
        runs = github.workflows.runs(repo, self.want.workflow, since=self.context.clock.now() - _KNOWN_FOR_S)
        ours = (run for run in runs if run.display_title == self.want.title and not _has_failed(run))
        return Startable(ref, next(ours, None))

    def plan(self, state: Startable) -> Plan:
        self._ref = state.ref
        if state.run is not None:
            return Plan(why_empty=f"run {state.run.id} was started already: {state.run.html_url}")
        after = {"ref": state.ref, **{f"inputs.{key}": value for key, value in self.want.inputs.items()}}
        return Plan((Step(f"run/{self.want.workflow}", self.want.workflow, "create", after=after),), "Start a workflow")

    def apply(self, step: Step, done: Done) -> Fact:
        want, github, repo = self.want, github_of(self.context), repo_of(self.context, self.want.repo)
        return {"run": github.workflows.dispatch(repo, want.workflow, self._ref, want.inputs, title=want.title)}

    def verify(self, plan: Plan, done: Done) -> None:
        found = self._ended(int(str(done[plan.steps[0].name]["run"])))
        if self.want.title not in ("", found.display_title):
            raise VerifyFailed(
                f"Run {found.id} of {self.want.workflow} is called {found.display_title!r}, not {self.want.title!r}: "
                "by that title it would never be found again.",
                remedy=f"Let run-name in {self.want.workflow} say so, or give its title. It goes on: {found.html_url}",
                exit_code=ExitCode.ERROR,
            )

    def after_failure(self, error: Exception, plan: Plan, done: Done) -> Exception:
        if isinstance(error, HotopsError) and plan.steps[0].name in done:
            error.details.update(done[plan.steps[0].name])
        return error

    def report(self, state: Startable, plan: Plan, done: Done) -> dict[str, Any]:
        if state.run is not None:
            self._ended(state.run.id)
        run = self._run
        if run is None:
            return {}
        return {"run": run.id, "url": run.html_url, "status": run.status, "conclusion": run.conclusion}

    def _ended(self, number: int) -> Run:
        """The run, after its end where that is waited for. Raises WorkflowFailed."""
        want, repo = self.want, repo_of(self.context, self.want.repo)
        run = self._run = seen_soon(self.context, repo, number)
        if want.wait_s and not self.context.check:
            run = self._run = github_of(self.context).runs.wait(repo, number, timeout_s=want.wait_s)
        if _has_failed(run):
            raise WorkflowFailed(
                f"{want.workflow} ended as {run.conclusion}: {run.html_url}", remedy="Read its log on that page."
            )
        return run


def _has_failed(run: Run) -> bool:
    return run.is_over and run.conclusion != "success"
