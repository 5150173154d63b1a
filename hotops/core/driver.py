"""The driver: runs any operation, in check mode or for real, with journal, order, parallelism and undo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hotops.core.errors import HotopsError, NotRestored, PlanChanged, ReadOnly, RolledBack
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.parallel import map_settled

S = TypeVar("S")

#: Steps of one phase at once. A step waits nearly all of its time (for a drain, a boot, checks), and the clouds' limits
#: are per machine and per app: the steps of many apps do not stand in each other's way.
STEPS_AT_ONCE = 64
_DOING = {"create": "creating", "update": "updating", "destroy": "destroying", "replace": "replacing"}


@dataclass(frozen=True)
class Outcome:
    """What came of an operation: `changed` (or would change, in check mode), the plan, the operation's own result."""

    changed: bool
    plan: Plan
    result: dict[str, Any]
    done: Done = field(default_factory=dict)


def drive(operation: Operation[Any, S], *, check: bool = False, expected_plan: str | None = None) -> Outcome:
    """Observe, plan and, unless `check` or nothing is to do, apply and verify.

    Raises PlanChanged, before anything is written, where the plan is not the one with the id `expected_plan`; what the
    operation raises; where the operation `undoes`, RolledBack (the old state is proven) or NotRestored.
    A KeyboardInterrupt or a kill leaves what is done as it is; running the operation again converges.
    """
    state = operation.observe()
    plan = operation.plan(state)
    if check or plan.is_empty:
        return Outcome(not plan.is_empty, plan, operation.report(state, plan, {}))
    refuse_if_readonly(operation.name)
    if expected_plan is not None and plan.id != expected_plan:
        raise PlanChanged(
            "What is to be changed is no longer as it was when the plan was made. Nothing was changed.",
            remedy="Look at the new plan and confirm that one.",
            details={"confirmed": expected_plan, "now": plan.id},
        )
    # What preparing refuses (a lock, a stale plan, a token) came before the first step: there is nothing to undo.
    done: dict[str, Fact] = {"prepare": operation.prepare(plan)}
    try:
        for _, steps in plan.phases():
            for wave in waves(steps, done):
                _carry_out(operation, wave, done)
        operation.verify(plan, done)
    except Exception as error:
        if not operation.undoes:
            told = operation.after_failure(error, plan, done)
            if told is error:
                raise
            raise told from error
        _compensate(operation, plan, done, error)
    return Outcome(changed=True, plan=plan, result=operation.report(state, plan, done), done=done)


def refuse_if_readonly(name: str) -> None:
    """Raises ReadOnly where HOTOPS_READONLY says that nothing may be written from here."""
    if is_readonly():
        raise ReadOnly(f"{name} would write, and HOTOPS_READONLY is set.", remedy="unset HOTOPS_READONLY, on purpose.")


def is_readonly() -> bool:
    """Whether HOTOPS_READONLY says that nothing may be written from here."""
    return os.environ.get("HOTOPS_READONLY", "") not in ("", "0")


def waves(steps: tuple[Step, ...], done: Done) -> Iterator[tuple[Step, ...]]:
    """Steps in groups that can run at the same time: each group needs only what came before."""
    left = list(steps)
    finished = set(done)
    while left:
        ready = tuple(step for step in left if finished.issuperset(step.needs))
        if not ready:
            names = ", ".join(step.name for step in left)
            raise HotopsError(
                f"The plan can't be ordered: {names} wait for each other or for a step that is not there."
            )
        yield ready
        finished.update(step.name for step in ready)
        left = [step for step in left if step not in ready]


def _carry_out(operation: Operation[Any, Any], wave: tuple[Step, ...], done: dict[str, Fact]) -> None:
    so_far: Done = dict(done)

    def one(step: Step) -> tuple[str, Fact]:
        return step.name, journalled(operation, step, so_far)

    results = map_settled(one, wave, limit=STEPS_AT_ONCE)
    failed: Exception | None = None
    for result in results:
        if isinstance(result, Exception):
            failed = failed or result
        else:
            done[result[0]] = result[1]
    if failed is not None:
        raise failed


def journalled(operation: Operation[Any, Any], step: Step, done: Done, *, undo: bool = False) -> Fact:
    """One step, with its intent written before and its outcome after."""
    context = operation.context
    journal, clock = context.journal, context.clock
    doing = "bringing back" if undo else _DOING[step.action]
    before, after = (step.after, step.before) if undo else (step.before, step.after)
    number = journal.intent(
        operation.name, step.name, step.target, before=before, after=after, action=f"{doing} {step.target}"
    )
    started = clock.now()
    first_call = len(context.calls)
    fact: Fact = {}
    try:
        if undo:
            operation.undo(step, done)
        else:
            fact = operation.apply(step, done)
    except Exception as error:
        failure = error.as_failure() if isinstance(error, HotopsError) else {"code": "bug", "message": repr(error)}
        journal.outcome(
            number, "failed", duration_s=clock.now() - started, error=failure, request_ids=_ids(operation, first_call)
        )
        raise
    journal.outcome(
        number, "done", fact=fact, duration_s=clock.now() - started, request_ids=_ids(operation, first_call)
    )
    return fact


def _ids(operation: Operation[Any, Any], first_call: int) -> list[str]:
    """Request ids of the writes since then; with parallel steps some belong to a neighbour, none is lost."""
    calls = operation.context.calls[first_call:]
    return [call.request_id for call in calls if call.request_id and call.method not in ("GET", "HEAD")]


def _compensate(operation: Operation[Any, Any], plan: Plan, done: dict[str, Fact], cause: Exception) -> None:
    """Undo every step of the plan, last first (those that did nothing say so quickly), and prove it."""
    context = operation.context
    said = cause.message if isinstance(cause, HotopsError) else f"{type(cause).__name__}: {cause}"
    details: dict[str, object] = {"cause": cause.as_failure() if isinstance(cause, HotopsError) else {"message": said}}
    context.journal.event("rescue", subject=operation.name, error=details["cause"])
    failed: list[Exception] = []
    for _, steps in reversed(list(plan.phases())):
        undone = map_settled(
            lambda step: journalled(operation, step, done, undo=True), reversed(steps), limit=STEPS_AT_ONCE
        )
        failed += [result for result in undone if isinstance(result, Exception)]
    try:
        # What can't come back is told at the end: it does not keep the rest from coming back.
        for error in failed:
            raise error
        operation.verify_undone(plan, done)
    except Exception as error:
        why = error.message if isinstance(error, HotopsError) else f"{type(error).__name__}: {error}"
        raise NotRestored(
            f"{plan.title or operation.name} failed ({said}) and the old state is not back: {why}",
            remedy="Wake someone. Look at the machines, then run the rollback again.",
            details=details,
        ) from error
    told = operation.after_undoing(cause, plan, done)
    if told is not None:
        raise told
    raise RolledBack(
        f"{plan.title or operation.name} failed: {said} The old state is proven back.",
        remedy="See the evidence for what failed; mend it and run again.",
        details=details,
    ) from cause


def as_spec(kind: type[Spec], values: dict[str, Any]) -> Spec:
    """Validated options; raises UsageError that names each wrong option."""
    from pydantic import ValidationError

    from hotops.core.errors import UsageError

    try:
        return kind.model_validate(values)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
        raise UsageError(f"Wrong options: {told}.") from None
