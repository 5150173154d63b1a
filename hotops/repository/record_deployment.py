"""The module github_deployment: a deployment in the repository's history, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.github.deployments import State
from hotops.repository.asked import github_of, repo_of


class DeploymentWanted(Spec):
    """Which deployment, and how it stands."""

    commit: str = Field(min_length=1, description="The commit that is deployed.")
    target: str = Field(min_length=1, description="Environment of GitHub in whose history it stands.")
    task: str = Field(min_length=1, description="Names this one deployment, such as the run: it is recorded once.")
    state: State = Field(description="What became of it.")
    description: str = Field("", description="In a few words; GitHub keeps 140 characters.")
    url: str = Field("", description="Address of what was deployed.")
    repo: str | None = Field(None, description="Repository, OWNER/NAME; the inventory's if omitted.")


@dataclass(frozen=True)
class Recorded:
    """Its number, None where it is not there yet, and its newest state."""

    number: int | None
    state: str | None


class RecordDeployment(Operation[DeploymentWanted, Recorded]):
    """Record a deployment and its state, once. Raises what GitHub refuses."""

    name = "github_deployment"
    Want = DeploymentWanted
    needs_environment = True
    docs = Documented(
        short="Record a deployment in the history of a GitHub repository",
        description=(
            "Makes the deployment where there is none of this task, and tells its state where that is another.",
            "It asks no check and merges nothing: what may be deployed was decided before.",
        ),
        returns={
            "deployment": {"description": "Its number.", "returned": "changed", "type": "int", "sample": 921},
            "state": {
                "description": "Its state before.",
                "returned": "success",
                "type": "str",
                "sample": "in_progress",
            },
        },
        examples="""
- name: The team sees that production is being deployed
  hotops.core.github_deployment:
    commit: "{{ commit }}"
    target: production
    task: "release {{ version }}"
    state: in_progress
  run_once: true

- name: The team sees how it ended
  hotops.core.github_deployment:
    commit: "{{ commit }}"
    target: production
    task: "release {{ version }}"
    state: success
    description: promoted and watched
    url: https://shop.example.com
  run_once: true
""",
        see_also=("notify", "promote_phase"),
    )

    def observe(self) -> Recorded:
        github, repo = github_of(self.context), repo_of(self.context, self.want.repo)
        found = github.deployments.list(repo, self.want.target, task=self.want.task)
        if not found:
            return Recorded(None, None)
        statuses = github.deployments.statuses(repo, found[0].id)
        return Recorded(found[0].id, statuses[0].state if statuses else None)

    def plan(self, state: Recorded) -> Plan:
        self._state = state
        if state.number is not None and state.state == self.want.state:
            return Plan(why_empty=f"it is {state.state} already.")
        before, after = {"state": state.state}, {"state": self.want.state}
        step = Step("deployment", self.want.target, "create" if state.number is None else "update", before, after)
        return Plan((step,), f"Deployment to {self.want.target}")

    def apply(self, step: Step, done: Done) -> Fact:
        want, github, repo = self.want, github_of(self.context), repo_of(self.context, self.want.repo)
        number = self._state.number
        if number is None:
            made = github.deployments.create(
                repo, want.commit, want.target, task=want.task, description=want.description,
                payload={"hotops_run": self.context.run},
            )  # fmt: skip
            number = made.id
        github.deployments.tell(repo, number, want.state, description=want.description, environment_url=want.url)
        return {"deployment": number}

    def verify(self, plan: Plan, done: Done) -> None:
        found = self.observe()
        if (found.number, found.state) != (done["deployment"]["deployment"], self.want.state):
            raise VerifyFailed(
                f"The newest deployment of {self.want.task} is {found.number}, {found.state or 'without a state'}.",
                remedy="Somebody else tells it too, or GitHub is behind: run again.",
                exit_code=ExitCode.ERROR,
            )

    def report(self, state: Recorded, plan: Plan, done: Done) -> dict[str, Any]:
        return {**done.get("deployment", {}), "state": state.state}
