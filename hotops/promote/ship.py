"""Phase deploy: lock, look again, and put the decided images on the machines, or bring everything back."""

from __future__ import annotations

from typing import Any

from hotops.core.errors import HotopsError, PlanChanged
from hotops.core.operation import Done, Fact, Plan, Step, shown
from hotops.deploy.deploy import Deploy, Seen
from hotops.deploy.verdict import NoVerdict
from hotops.promote.holding import hold, let_go
from hotops.promote.meanwhile import Meanwhile
from hotops.promote.phases import Phase
from hotops.promote.shipping import deploy_of
from hotops.repository.approval import Approval, ApprovalMissing, use_approval


class Ship(Phase[Seen]):
    """The deploy of the go verdict, under the lock. Raises NoVerdict, PlanChanged, LockHeld, RolledBack."""

    undoes = True

    def _deploy(self) -> Deploy:
        if self.context.check and not self.want.verdict:
            raise NoVerdict("There is no go verdict, so nothing would be deployed.", remedy="Run the whole playbook.")
        return deploy_of(self.context, self.pairs(), self.go().images, self.want.verdict)

    def observe(self) -> Seen:
        self.deploy = self._deploy()
        return self.deploy.observe()

    def plan(self, state: Seen) -> Plan:
        self.meanwhile = Meanwhile(self.context, self.pairs(), state)
        return self.deploy.plan(state)

    def prepare(self, plan: Plan) -> Fact:
        """Take the lock, then look once more: what happened since the gates said go must not be overwritten."""
        hold(self.context, self.environment)
        self.held = True
        again = self.deploy.plan(self.deploy.observe())
        if again.id != plan.id or self.go().plan_id != plan.id:
            let_go(self.context, self.environment)
            raise PlanChanged(
                "The apps changed since the gates said go, so that go no longer counts. Nothing was changed.",
                remedy="Run the playbook again: the gates look anew.",
                details={"decided": self.go().plan_id, "now": again.id},
            )
        try:
            self._spend_approval()
        except HotopsError:
            let_go(self.context, self.environment)
            raise
        return self.deploy.prepare(plan)

    def _spend_approval(self) -> None:
        """One approval, one deploy. A go that nobody approved is none, where the inventory asks for an approval."""
        row = self.go().approval
        if row is not None:
            use_approval(self.context, self.environment, Approval.of_row(row))
        elif self.environment.approval != "none":
            raise ApprovalMissing("Nobody approved this plan.", remedy="Run the whole playbook.")

    def apply(self, step: Step, done: Done) -> Fact:
        fact = self.deploy.apply(step, done)
        self.meanwhile.ask(step)
        return fact

    def verify(self, plan: Plan, done: Done) -> None:
        self.meanwhile.tell()
        self.deploy.verify(plan, done)

    def undo(self, step: Step, done: Done) -> None:
        self.deploy.undo(step, done)

    def verify_undone(self, plan: Plan, done: Done) -> None:
        self.meanwhile.tell()
        self.deploy.verify_undone(plan, done)
        let_go(self.context, self.environment)

    def after_undoing(self, error: Exception, plan: Plan, done: Done) -> Exception | None:
        return self.deploy.after_undoing(error, plan, done)

    def report(self, state: Seen, plan: Plan, done: Done) -> dict[str, Any]:
        result = self.deploy.report(state, plan, done)
        screen = [
            f"{app}: {shown(', '.join(told['image_before']))} → {shown(told['image'])}"
            + (f" as release v{told['release']}" if told["release"] else "")
            for app, told in result["apps"].items()
        ]
        if plan.is_empty:
            screen = [f"Nothing to do: {plan.why_empty}"]
        return {**result, "hotops_screen": screen + [f"warning: {warning}" for warning in result["warnings"]]}
