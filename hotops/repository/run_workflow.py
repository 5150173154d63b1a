"""The module github_workflow: start a workflow, and wait for its end."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import HotopsError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.repository.asked import github_of, repo_of


class WorkflowFailed(HotopsError):
    """The workflow ran and did not end well."""

    code = "workflow_failed"


class WorkflowWanted(Spec):
    """Which workflow, with what."""

    workflow: str = Field(min_length=1, description="Name of its file in .github/workflows/.")
    ref: str | None = Field(None, description="Branch or tag; the default branch if omitted.")
    inputs: dict[str, str] = Field(default_factory=dict, description="Its inputs by name.")
    wait_s: float = Field(0.0, ge=0, description="How long to wait for its end, in seconds; 0: not at all.")
    repo: str | None = Field(None, description="Repository, OWNER/NAME; the inventory's if omitted.")


class RunWorkflow(Operation[WorkflowWanted, str]):
    """Dispatch a workflow once. Raises Unprocessable for wrong inputs, NotFound, WaitTimeout, WorkflowFailed."""

    name = "github_workflow"
    Want = WorkflowWanted
    needs_environment = True
    docs = Documented(
        short="Start a workflow of GitHub Actions and wait for its end",
        description=(
            "Dispatches a workflow file that stands on the default branch; each call starts one run.",
            "A dispatch whose answer is lost is looked for, never sent twice.",
        ),
        returns={
            "run": {"description": "Number of the run.", "returned": "changed", "type": "int", "sample": 16304},
            "url": {
                "description": "Its page.",
                "returned": "changed",
                "type": "str",
                "sample": "https://github.com/acme/shop/actions/runs/16304",
            },
            "status": {"description": "How it stands.", "returned": "changed", "type": "str", "sample": "completed"},
            "conclusion": {
                "description": "How it ended, where it did.",
                "returned": "changed",
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
""",
        see_also=("github_check_info", "github_approval"),
    )

    def observe(self) -> str:
        github, repo = github_of(self.context), repo_of(self.context, self.want.repo)
        github.workflows.get(repo, self.want.workflow)  # a wrong name is told before anything is started
        return self.want.ref or github.repos.get(repo).default_branch

    def plan(self, state: str) -> Plan:
        self._ref = state
        after = {"ref": state, **{f"inputs.{key}": value for key, value in self.want.inputs.items()}}
        return Plan((Step(f"run/{self.want.workflow}", self.want.workflow, "create", after=after),), "Start a workflow")

    def apply(self, step: Step, done: Done) -> Fact:
        want, github, repo = self.want, github_of(self.context), repo_of(self.context, self.want.repo)
        number = github.workflows.dispatch(repo, want.workflow, self._ref, want.inputs)
        run = github.runs.wait(repo, number, timeout_s=want.wait_s) if want.wait_s else github.runs.get(repo, number)
        if run.is_over and run.conclusion != "success":
            raise WorkflowFailed(
                f"{want.workflow} ended as {run.conclusion}: {run.html_url}", remedy="Read its log on that page."
            )
        return {"run": number, "url": run.html_url, "status": run.status, "conclusion": run.conclusion}

    def report(self, state: str, plan: Plan, done: Done) -> dict[str, Any]:
        return dict(done.get(f"run/{self.want.workflow}", {}))
