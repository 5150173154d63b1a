"""Phase deploy: lock, look again, and put the decided images on the machines, or bring everything back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hotops.core.driver import drive
from hotops.core.errors import HotopsError, PlanChanged
from hotops.core.operation import Done, Fact, Plan, Step, shown
from hotops.deploy import marks
from hotops.deploy.deploy import Deploy, Seen
from hotops.deploy.verdict import NoVerdict
from hotops.promote.apart import by_itself, ending, failed_in
from hotops.promote.holding import hold, let_go
from hotops.promote.meanwhile import Meanwhile
from hotops.promote.phases import Phase
from hotops.promote.shipping import deploy_of
from hotops.repository.approval import Approval, ApprovalMissing, use_approval


class Ship(Phase[Seen]):
    """The deploy of the go verdict, under the lock. Raises NoVerdict, PlanChanged, LockHeld, RolledBack.

    Where apps go by themselves each is a deploy of its own, with its own way back.
    """

    undoes = True
    #: What the run's preparing learnt, where this is about one of its apps.
    learnt: Fact | None = None

    def _deploy(self) -> Deploy:
        if self.context.check and not self.want.verdict:
            raise NoVerdict("There is no go verdict, so nothing would be deployed.", remedy="Run the whole playbook.")
        deploy = deploy_of(self.context, self.pairs(), self.go().images, self.want.verdict)
        deploy.prepared = self.learnt
        return deploy

    def observe(self) -> Seen:
        self.deploy = self._deploy()
        return self.deploy.observe()

    def plan(self, state: Seen) -> Plan:
        self.meanwhile = Meanwhile(self.context, self.pairs(), state)
        self._seen = state
        whole = self.deploy.plan(state)
        if not self.goes_apart:
            return whole
        self.undoes = False  # type: ignore[misc]  # each app's own deploy does
        changing = {step.name.partition("/")[0] for step in whole.steps}
        targets = sorted((t for t in self.deploy.want.targets if t.app in changing), key=lambda target: target.level)
        steps = tuple(
            Step(
                f"{target.app}/deploy",
                target.app,
                before={"image": ", ".join(sorted({str(marks.image_of(m)) for m in state.machines[target.app]}))},
                after={"image": target.image},
                phase=f"{target.level:03}",
            )
            for target in targets
        )
        return replace(whole, steps=steps)

    def prepare(self, plan: Plan) -> Fact:
        """Take the lock, then look once more: what happened since the gates said go must not be overwritten."""
        if self.only:
            return self.deploy.prepare(plan)
        hold(self.context, self.environment)
        self.held = True
        known, now = self._seen, self.deploy.observe()
        again = self.deploy.plan(now)
        moved = now.digests_before.keys() != known.digests_before.keys()
        if moved or again.id != plan.id or self.go().plan_id != plan.id:
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
        self.learnt = self.deploy.prepare(plan)
        return self.learnt

    def _spend_approval(self) -> None:
        """One approval, one deploy. A go that nobody approved is none, where the inventory asks for an approval."""
        row = self.go().approval
        if row is not None:
            use_approval(self.context, self.environment, Approval.of_row(row))
        elif self.environment.approval != "none":
            raise ApprovalMissing("Nobody approved this plan.", remedy="Run the whole playbook.")

    def apply(self, step: Step, done: Done) -> Fact:
        if self.goes_apart:
            return self._ship_alone(step.target)
        fact = self.deploy.apply(step, done)
        self.meanwhile.ask(step)
        return fact

    def _ship_alone(self, app: str) -> Fact:
        one = Ship(self.want, self.context)
        one.only, one.learnt = app, self.learnt
        told: dict[str, Any] = {}
        fact = by_itself(self.context, app, lambda: told.update(drive(one).result))
        return {**fact, "told": told}

    def verify(self, plan: Plan, done: Done) -> None:
        if self.goes_apart:
            apart = failed_in(done)
            if set(apart) == {target.app for target in self.deploy.want.targets}:
                let_go(self.context, self.environment)
                raise ending(apart, apart)
            return
        self.meanwhile.tell()
        self.deploy.verify(plan, done)

    def undo(self, step: Step, done: Done) -> None:
        self.deploy.undo(step, done)

    def verify_undone(self, plan: Plan, done: Done) -> None:
        self.meanwhile.tell()
        self.deploy.verify_undone(plan, done)
        if not self.only:
            let_go(self.context, self.environment)

    def after_undoing(self, error: Exception, plan: Plan, done: Done) -> Exception | None:
        return self.deploy.after_undoing(error, plan, done)

    def report(self, state: Seen, plan: Plan, done: Done) -> dict[str, Any]:
        result = self.deploy.report(state, plan, done)
        apart = failed_in(done)
        for fact in done.values():
            told: Any = fact.get("told") or {}
            result["apps"] |= told.get("apps", {})
            result["warnings"] += told.get("warnings", [])
        for app, failure in apart.items():
            result["apps"][app]["failure"] = failure
        screen = [
            f"{app}: {shown(', '.join(told['image_before']))} → {shown(told['image'])}"
            + (f" as release v{told['release']}" if told["release"] else "")
            for app, told in result["apps"].items()
            if app not in apart
        ] + [f"{app}: {failure['message']}" for app, failure in apart.items()]
        for failure in apart.values():
            screen += list(dict(failure.get("details") or {}).get("hotops_screen") or ())
        if plan.is_empty:
            screen = [f"Nothing to do: {plan.why_empty}"]
        if self.goes_apart:
            result["apart"] = apart
        return {**result, "hotops_screen": screen + [f"warning: {warning}" for warning in result["warnings"]]}
