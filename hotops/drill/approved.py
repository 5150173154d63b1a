"""A drill's plan is approved before, by another than who executes it, where the inventory says so."""

from __future__ import annotations

from hotops.core.context import Context
from hotops.core.operation import Plan
from hotops.inventory.schema import Environment
from hotops.promote.approving import approved
from hotops.repository.approval import Approval, ApprovalRefused


def approved_by_another(context: Context, environment: Environment, plan: Plan) -> Approval | None:
    """The approval; None where none is asked for. Raises ApprovalMissing, and ApprovalRefused for one's own."""
    asked = environment.dr.approval or ("github" if environment.approval == "github" else "none")
    if asked == "none":
        return None
    approval = approved(context, environment.model_copy(update={"approval": "github"}), plan, "")
    if approval is not None and approval.self_approved:
        raise ApprovalRefused(
            f"{approval.login} executes this drill and approved its plan: another has to.",
            remedy="Have another reviewer of the environment approve it, and run the same again.",
        )
    return approval
