"""Phase check_ready: may this run start, and did the last one end?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hotops.core.driver import is_readonly
from hotops.core.errors import LockHeld, NoGo, UsageError
from hotops.core.operation import Done, Fact, Plan, Step
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.commanding import destroy_left, left_commands
from hotops.deploy.rollback import Scope, undoing
from hotops.fly.models import Machine
from hotops.fly.states import is_managed
from hotops.promote.holding import held_by, hold, let_go
from hotops.promote.pairs import Pair
from hotops.promote.phases import Phase, pending_machines, serving
from hotops.promote.source import find_source
from hotops.repository.approval import inherit


@dataclass(frozen=True)
class Readiness:
    """What an earlier run left: its name, whether this run finishes or undoes it, and the way to undo it."""

    apps: tuple[str, ...]
    unfinished: tuple[str, ...] = ()
    undo: Scope | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)
    #: The dead run whose lock is taken over.
    dead_run: str = ""
    #: Machines of dead runs' release commands, by app.
    commands: tuple[tuple[str, Machine], ...] = ()


class CheckReady(Phase[Readiness]):
    """The credentials reach the apps, a reason is given, and no earlier run is unfinished.

    A run that died leaves machines whose change nobody accepted. If the source still runs that image, this run goes on
    with it (it deploys the rest, watches, and accepts or rolls back); else what the dead run changed is undone first.
    """

    def observe(self) -> Readiness:
        self.want.refuse_without_image()
        self.context.world.credential("fly")  # the first thing that is missing on a new machine is told first
        if self.environment.env_kind == "live" and not self.context.reason:
            raise UsageError(
                "A live run needs a reason: it stands in the evidence and in the lock.",
                remedy="-e \"reason='why this is deployed now'\"",
                code="no_reason",
            )
        if self.environment.approval == "github":
            self.context.world.credential("github")
            if self.environment.github_repo is None:
                raise UsageError(
                    "approval: github needs the repository, and the inventory names none.",
                    remedy="Set github_repo: OWNER/NAME, or approval: self.",
                )
        pairs = self.pairs()
        held, scope = held_by(self.context, self.environment)
        now = self.context.clock.now()
        if held is not None and held.run != self.context.run and not held.is_dead(now):
            raise LockHeld(
                f"{self.environment.name} is held by {held} ({scope}).",
                remedy="Wait for it to end, or talk to its holder.",
            )
        apps = [pair.target for pair in pairs]
        listed = dict(zip(apps, map_parallel(self.listed, apps), strict=True))
        machines = {app: serving(machine for machine in found if is_managed(machine)) for app, found in listed.items()}
        commands = tuple((a, m) for a, found in listed.items() for m in left_commands(found, self.context.run, now))
        notes = [f"{app}: machine {m.id}, left by a dead run's release command, is removed." for app, m in commands]
        left = held.run if held is not None and held.run != self.context.run else ""
        if left:
            notes.append(f"The lock of dead {held} is taken over.")
        pending = pending_machines(machines)
        if not pending:
            return Readiness(tuple(machines), notes=tuple(notes), dead_run=left, commands=commands)
        runs = tuple(sorted({marks.run_of(machine) or "?" for found in pending.values() for machine in found}))
        sources = {pair.target: self._source_digest(pair) for pair in pairs if pair.target in pending}
        if all(_runs_only(found, sources[app]) for app, found in pending.items()):
            notes.append(f"Run {', '.join(runs)} never ended; its image is still the source's: this run finishes it.")
            return Readiness(tuple(machines), runs, notes=tuple(notes), dead_run=left, commands=commands)
        if self.goes_apart:
            # What can be finished is; only the rest is undone.
            pending = {app: found for app, found in pending.items() if not _runs_only(found, sources[app])}
            runs = tuple(sorted({marks.run_of(machine) or "?" for found in pending.values() for machine in found}))
        notes.append(f"Run {', '.join(runs)} never ended and its image is no longer the source's: it is undone first.")
        undo = undoing(self.context, pending).observe()
        return Readiness(tuple(machines), runs, undo, tuple(notes), left, commands)

    def _source_digest(self, pair: Pair) -> str | None:
        try:
            return find_source(self.fly, pair).image.digest
        except NoGo:
            return None  # what can't be promoted now can't finish the dead run either: it is undone

    def plan(self, state: Readiness) -> Plan:
        self._state = state
        removing = tuple(
            Step(f"{app}/left-command/{machine.id}", machine.id, "destroy", after={"removed": True}, phase="0")
            for app, machine in state.commands
        )
        if state.undo is None:
            return Plan(removing, why_empty="no earlier run has to be undone.")
        self._undoing = undoing(self.context, state.undo.ways)
        back = self._undoing.plan(state.undo)
        return replace(back, steps=(*removing, *back.steps))

    def prepare(self, plan: Plan) -> Fact:
        hold(self.context, self.environment)
        return {}

    def apply(self, step: Step, done: Done) -> Fact:
        if "removed" not in step.after:
            return self._undoing.apply(step, done)
        app, machine = next(item for item in self._state.commands if item[1].id == step.target)
        destroy_left(self.context, app, machine)
        return {"machine": machine.id}

    def verify(self, plan: Plan, done: Done) -> None:
        if self._state.undo is not None:
            back = tuple(step for step in plan.steps if "removed" not in step.after)
            self._undoing.verify(replace(plan, steps=back), done)
        let_go(self.context, self.environment)

    def report(self, state: Readiness, plan: Plan, done: Done) -> dict[str, Any]:
        environment = self.environment
        looks_only = self.context.check or is_readonly()
        if state.dead_run and environment.approval == "github" and not looks_only:
            inherit(self.context, environment, state.dead_run)
        if state.dead_run and plan.is_empty and not looks_only:
            # Taken over and given back at once: where nothing is to be deployed, no later phase would.
            hold(self.context, environment)
            let_go(self.context, environment)
        screen = [
            f"{environment.name} ({environment.env_kind}) of {environment.fly_org}: {', '.join(state.apps)}",
            *state.notes,
        ]
        for note in state.notes:
            self.context.journal.event("note", text=note)
        return {
            "apps": list(state.apps),
            "unfinished": list(state.unfinished),
            "undone": state.undo is not None,
            "notes": list(state.notes),
            "hotops_screen": screen,
        }


def _runs_only(machines: list[Machine], digest: str | None) -> bool:
    return digest is not None and all(marks.digest_of(machine) == digest for machine in machines)
