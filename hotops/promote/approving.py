"""The approval of a promotion's plan: asked for after the gates said go, spent under the lock."""

from __future__ import annotations

from collections.abc import Collection

from hotops.core.context import Context
from hotops.core.operation import Plan
from hotops.core.waiting import Pace, wait_for
from hotops.inventory.schema import Environment
from hotops.repository.approval import (
    Approval,
    ApprovalMissing,
    approval_of,
    find_approval,
    find_resumed,
    request_approval,
    self_approval,
)

_PACE = Pace(3.0, 1.3, 10.0)


def approved(
    context: Context, environment: Environment, plan: Plan, given: str, unfinished: Collection[str] = ()
) -> Approval | None:
    """The approval that the inventory asks for, None where it asks for none or there is nothing to decide.

    A run that finishes one of these `unfinished` runs, by the same plan, goes on with that one's approval. Under
    `approval: github` somebody is asked where nobody was yet, and waited for as long as `approval_wait_s` says.
    Raises ApprovalMissing (which names the plan, and the page where it is approved) and ApprovalRefused.
    """
    if environment.approval == "none" or plan.is_empty or context.check:
        return None
    if environment.approval == "self":
        return self_approval(context, environment, plan.id, given, unfinished)
    resumed = find_resumed(context, environment, plan.id, unfinished)
    if resumed is not None:
        return resumed
    found = find_approval_or_none(context, environment, plan)
    if isinstance(found, Approval):
        return found
    run = found if found is not None else request_approval(context, environment, plan.id, plan.render())

    def look() -> Approval | ApprovalMissing:
        try:
            return approval_of(context, environment, plan.id, run)
        except ApprovalMissing as missing:
            return missing

    if environment.approval_wait_s:
        seen = wait_for(
            lambda seen: isinstance(seen, Approval),
            look,
            clock=context.clock,
            timeout_s=environment.approval_wait_s,
            what=f"The approval of plan {plan.id}",
            pace=_PACE,
            remedy="Run the same again once it is approved; nothing was changed.",
        )
    else:
        seen = look()
    if isinstance(seen, ApprovalMissing):
        raise seen
    return seen


def find_approval_or_none(context: Context, environment: Environment, plan: Plan) -> Approval | int | None:
    """The approval, or the number of the run that still waits for one, or None where nobody was asked."""
    try:
        return find_approval(context, environment, plan.id)
    except ApprovalMissing as missing:
        return int(str(missing.details["run"]))
