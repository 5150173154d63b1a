"""Phase ask_gates: everything that could say no, asked now; the answer is a signed verdict or a stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hotops.core.errors import ApiError, NoGo, WireError
from hotops.core.operation import Done, Plan
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.verdict import issue
from hotops.fly.models import Machine
from hotops.health.answers import Count
from hotops.health.release_verdict import Before
from hotops.promote.approving import approved
from hotops.promote.asking import ask_all
from hotops.promote.baseline import count_requests
from hotops.promote.facts import Facts, gather
from hotops.promote.gates import VALID_S, Gate, no_go_words, table, verdict_line
from hotops.promote.phases import Phase
from hotops.promote.shipping import deploy_of
from hotops.promote.source import find_source
from hotops.repository.approval import ApprovalMissing


@dataclass(frozen=True)
class Asked:
    """The gates' answers, the images by Fly app, what each app was before (and its p95 in ms), the plan shown."""

    gates: tuple[Gate, ...]
    images: dict[str, str]
    images_before: dict[str, str]
    baseline_ms: dict[str, float]
    plan: Plan
    before: dict[str, Before] = field(default_factory=dict)
    #: Runs whose change nobody accepted and nobody took back.
    unfinished: frozenset[str] = frozenset()

    @property
    def is_done_already(self) -> bool:
        return self.plan.is_empty


class AskGates(Phase[Asked]):
    """Ask every gate of every app and sign the verdict. Raises NoGo with the whole table when one says no.

    Where every machine runs the image already and the watch after it said good, there is nothing to decide and no gate
    is asked.
    """

    effect = "read"

    def observe(self) -> Asked:
        context, environment = self.context, self.environment
        pairs = self.pairs()
        sources = map_parallel(lambda pair: find_source(self.fly, pair), pairs)
        facts = [
            gather(context, environment, pair, source, wanted_version=self.want.version or "")
            for pair, source in zip(pairs, sources, strict=True)
        ]
        images = {pair.target: str(source.image) for pair, source in zip(pairs, sources, strict=True)}
        machines = dict(zip(images, map_parallel(_or_none, facts), strict=True))
        managed = {fact.pair.target: fact.managed() for fact in facts if machines[fact.pair.target]}
        before = {app: ", ".join(sorted({str(marks.image_of(m)) for m in found})) for app, found in machines.items()}
        deploy = deploy_of(context, pairs, images)
        deploy.definitions = {fact.pair.target: fact.definition for fact in facts}
        if all(machines.values()):
            plan = deploy.plan(deploy.seen(managed))
            accepted = all(marks.is_accepted(m) for found in machines.values() for m in found)
            if plan.is_empty and accepted:
                return Asked((), images, before, {}, plan)
        gates = [gate for found in map_parallel(ask_all, facts) for gate in found]
        plan = deploy.plan(deploy.seen(managed)) if all(machines.values()) else Plan()
        known = {fact.pair.target: _before(fact) for fact in facts}
        unfinished = frozenset(run for found in managed.values() for m in found for run in marks.unfinished_runs(m))
        return Asked(tuple(gates), images, before, _baselines(facts), plan, known, unfinished)

    def report(self, state: Asked, plan: Plan, done: Done) -> dict[str, Any]:
        context, now = self.context, self.context.clock.now()
        for gate in state.gates:
            gate.note(context.journal, now)
        screen = table(state.gates, now) if state.gates else []
        if state.is_done_already and not state.gates:
            line = "GO: nothing to do, every machine runs this image and was accepted"
        else:
            line = verdict_line(state.gates)
        rows = [gate.as_row() for gate in state.gates]
        if any(gate.blocks for gate in state.gates):
            context.journal.event("verdict", verdict="no_go", scope="gates", text=line)
            raise NoGo(
                f"{line.partition(':')[0]}: {no_go_words(state.gates)}.",
                remedy="Mend it and run again; nothing was changed.",
                details={"gates": [row for row in rows if row["blocks"]], "hotops_screen": [*screen, line]},
            )
        try:
            approval = approved(context, self.environment, state.plan, self.want.approve or "", state.unfinished)
        except ApprovalMissing as missing:
            # What has to be decided is shown with who has to decide it.
            missing.details["hotops_screen"] = [*screen, line, "", *state.plan.render().splitlines()]
            raise
        verdict = issue(
            run=context.run,
            environment=self.environment.name,
            env_kind=self.environment.env_kind,
            plan_id=state.plan.id,
            images=state.images,
            baseline_ms=state.baseline_ms,
            now=now,
            valid_s=VALID_S,
            before={app: known.as_row() for app, known in state.before.items()},
            approval=approval.as_row() if approval is not None else None,
        )
        envelope = verdict.signed()
        context.journal.event("verdict", verdict="go", scope="gates", text=line, envelope=envelope)
        return {
            "gates": rows,
            "images": state.images,
            "images_before": state.images_before,
            "nothing_to_do": state.is_done_already,
            "plan_id": state.plan.id,
            "verdict": envelope,
            "approval": approval.as_row() if approval is not None else None,
            "hotops_screen": [
                *screen, line, *([str(approval)] if approval else []), "", *state.plan.render().splitlines(),
            ],
        }  # fmt: skip


def _or_none(facts: Facts) -> tuple[Machine, ...]:
    """The target's machines; none where they can't be read, which the gate `target` then says in words."""
    try:
        return facts.machines()
    except (ApiError, WireError):
        return ()


def _baselines(facts: list[Facts]) -> dict[str, float]:
    found: dict[str, float] = {}
    for fact in facts:
        try:
            seen = fact.baseline()
        except (ApiError, WireError):
            continue
        if seen is not None and seen.p95_ms is not None:
            found[fact.pair.target] = round(seen.p95_ms, 1)
    return found


def _before(facts: Facts) -> Before:
    """What the target's log and the gates' own requests told; what can't be read is not known, and no error."""
    try:
        answers = facts.answers_before()
    except (ApiError, WireError):
        answers = Count()
    try:
        seen = facts.baseline()
    except (ApiError, WireError):
        seen = None
    return Before(answers, count_requests(seen), seen.times_ms if seen else ())
