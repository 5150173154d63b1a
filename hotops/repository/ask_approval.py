"""The module github_approval: have a plan approved, or see who approved it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import UsageError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.waiting import wait_for
from hotops.github.runs import PACE
from hotops.inventory.schema import Environment
from hotops.repository.approval import (
    Approval,
    ApprovalMissing,
    approval_of,
    find_approval,
    github_environment,
    request_approval,
)
from hotops.repository.asked_proven import prove_asked


class ApprovalWanted(Spec):
    """Which plan."""

    plan: str = Field(pattern=r"^[0-9a-f]{64}$", description="Id of the plan, as hotops printed it.")
    action: Literal["show", "request"] = Field(
        "show", description="show: who approved it; request: ask the reviewers, where nobody was asked yet."
    )
    run: int | None = Field(None, description="This very run of the approval workflow; the newest if omitted.")
    summary: str = Field("", description="What the plan changes; never sent to a public repository.")
    wait_s: float = Field(0.0, ge=0, description="How long to wait for the answer, in seconds.")


class AskApproval(Operation[ApprovalWanted, "Approval | int | None"]):
    """Ask for, wait for and judge an approval; it is not spent. Raises ApprovalMissing, ApprovalRefused."""

    name = "github_approval"
    Want = ApprovalWanted
    needs_environment = True
    docs = Documented(
        short="Have a plan approved at GitHub, or see who approved it",
        description=(
            "Starts the approval workflow that hotops ships, and reads who approved its job.",
            "What does not count is refused in words, such as another plan, an expired or used approval, a bypass.",
        ),
        returns={
            "approval": {
                "description": "Who approved.",
                "returned": "when somebody did",
                "type": "dict",
                "sample": {"login": "ada", "self_approved": False},
            },
            "run": {
                "description": "The run of the approval workflow.",
                "returned": "when somebody was asked",
                "type": "int",
                "sample": 16304,
            },
        },
        examples="""
- name: Ask the reviewers of production
  hotops.core.github_approval:
    plan: "{{ plan_id }}"
    action: request
    wait_s: 3600
  run_once: true

- name: See who approved a plan
  hotops.core.github_approval:
    plan: "{{ plan_id }}"
  register: seen
  run_once: true
""",
        see_also=("promote_phase", "github_workflow"),
    )

    @property
    def environment(self) -> Environment:
        found = self.context.environment
        if not isinstance(found, Environment):
            raise UsageError("This needs an inventory.", remedy="Name it with -i.")
        return found

    def observe(self) -> Approval | int | None:
        try:
            if self.want.run is not None:
                return approval_of(self.context, self.environment, self.want.plan, self.want.run)
            return find_approval(self.context, self.environment, self.want.plan)
        except ApprovalMissing as missing:
            return int(str(missing.details["run"]))

    def plan(self, state: Approval | int | None) -> Plan:
        self._state = state
        if self.want.action == "show" or state is not None:
            return Plan(why_empty="it was asked for already." if state is not None else "it is only shown.")
        name = github_environment(self.environment)
        step = Step("approval", self.want.plan[:12], "create", after={"asked": f"the reviewers of {name}"})
        return Plan((step,), "Ask for approval")

    def apply(self, step: Step, done: Done) -> Fact:
        return {"run": request_approval(self.context, self.environment, self.want.plan, self.want.summary)}

    def verify(self, plan: Plan, done: Done) -> None:
        prove_asked(self.context, self.environment, self.want.plan, int(str(done["approval"]["run"])))

    def report(self, state: Approval | int | None, plan: Plan, done: Done) -> dict[str, Any]:
        run = state if isinstance(state, int) else int(str(done.get("approval", {}).get("run") or 0))
        found = state if isinstance(state, Approval) else None
        if found is None and run and self.want.wait_s and not self.context.check:
            found = self._awaited(run)
        if found is None:
            screen = [
                f"Plan {self.want.plan} is not approved" + (f", run {run} waits." if run else "; nobody was asked.")
            ]
            return {**({"run": run} if run else {}), "hotops_screen": screen}
        return {"approval": found.as_row(), "run": found.run, "hotops_screen": [str(found)]}

    def _awaited(self, run: int) -> Approval:
        def look() -> Approval | None:
            try:
                return approval_of(self.context, self.environment, self.want.plan, run)
            except ApprovalMissing:
                return None

        found = wait_for(
            lambda seen: seen is not None, look, clock=self.context.clock, timeout_s=self.want.wait_s,
            what=f"The approval of plan {self.want.plan}", pace=PACE, remedy="Look again later.",
        )  # fmt: skip
        assert found is not None  # noqa: S101 (the wait ends with one)
        return found
