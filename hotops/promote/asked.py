"""A reviewer at GitHub is asked to approve a plan, before the run that needs it."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import UsageError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.promote.pairs import environment_of
from hotops.repository.approval import Approval, ApprovalMissing, find_approval, request_approval
from hotops.repository.asked_proven import prove_asked

_SHOWN = 12


class ApproveWanted(Spec):
    """Options of the module approve_plan."""

    plan_id: str = Field(pattern=r"^[0-9a-f]{64}$", description="Id of the plan, all 64 characters of it.")


class ApprovePlan(Operation[ApproveWanted, Approval | ApprovalMissing | None]):
    """Have a plan approved. Raises UsageError where nobody is to be asked, ApprovalRefused where the answer was no."""

    name: ClassVar[str] = "approve_plan"
    Want: ClassVar[type[Spec]] = ApproveWanted
    needs_environment = True
    docs = Documented(
        short="Ask a reviewer at GitHub to approve a plan",
        description=(
            "Starts the workflow that hotops ships, whose job waits for a reviewer of the protected environment.",
            "Where somebody was asked already, tells the page, and who approved it.",
            "Under C(approval=self) there is nobody to ask: give the id to the run itself, C(-e approve=ID).",
        ),
        returns={
            "plan_id": {"description": "The plan.", "returned": "success", "type": "str"},
            "url": {
                "description": "The page on which a reviewer answers.",
                "returned": "success",
                "type": "str",
                "sample": "https://github.com/acme/shop/actions/runs/1",
            },
            "approved_by": {"description": "Who approved it.", "returned": "once somebody did", "type": "str"},
        },
        examples="""
- name: A reviewer is asked
  hotops.core.approve_plan:
    plan_id: "{{ planned.plan_id }}"
  register: asked
  run_once: true

- name: Who approved it is known
  hotops.core.approve_plan:
    plan_id: a5e7d9f3042728bb086678183b2f6824e0cd1559331389259096bbd19893a82a
  check_mode: true
  run_once: true
""",
        see_also=("promote_plan", "promote_phase"),
    )

    def observe(self) -> Approval | ApprovalMissing | None:
        environment = environment_of(self.context)
        if environment.approval != "github":
            promote = f"hotops promote {environment.name} --reason '…'"
            more = f" --approve {self.want.plan_id}" if environment.approval == "self" else ""
            raise UsageError(
                f"{environment.name} declares approval: {environment.approval}, so there is nobody to ask.",
                remedy=promote + more,
            )
        try:
            return find_approval(self.context, environment, self.want.plan_id)
        except ApprovalMissing as missing:
            return missing

    def plan(self, state: Approval | ApprovalMissing | None) -> Plan:
        environment = environment_of(self.context)
        if state is not None:
            return Plan(why_empty="somebody was asked already." if isinstance(state, ApprovalMissing) else f"{state}.")
        after = {"asked": f"the reviewers of {environment.github_environment or environment.name}"}
        step = Step("approval/asked", self.want.plan_id[:_SHOWN], "create", {"asked": None}, after)
        return Plan((step,), f"Ask for the approval of plan {self.want.plan_id} at {environment.github_repo}")

    def apply(self, step: Step, done: Done) -> Fact:
        environment = environment_of(self.context)
        run = request_approval(self.context, environment, self.want.plan_id)
        return {"url": f"https://github.com/{environment.github_repo}/actions/runs/{run}", "run": run}

    def verify(self, plan: Plan, done: Done) -> None:
        run = int(str(done["approval/asked"]["run"]))
        prove_asked(self.context, environment_of(self.context), self.want.plan_id, run)

    def report(self, state: Approval | ApprovalMissing | None, plan: Plan, done: Done) -> dict[str, Any]:
        environment = environment_of(self.context)
        promote = f"hotops promote {environment.name} --reason '…'"
        result: dict[str, Any] = {"plan_id": self.want.plan_id, "next": promote}
        if isinstance(state, Approval):
            return {**result, "url": state.url, "approved_by": state.login}
        url = str(state.details["url"] if state is not None else done.get("approval/asked", {}).get("url", ""))
        return {**result, "url": url, "next": f"a reviewer answers at {url}; then {promote}" if url else promote}
