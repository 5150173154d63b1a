"""Phase compensate: whatever this run changed and nobody accepted goes back; then the run says how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hotops.core.errors import ApiError, ExitCode, NotRestored, VerifyFailed, WireError
from hotops.core.operation import Done, Fact, Plan, Step, shown
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.blueback import waiting_blues
from hotops.deploy.roll import MachineRoller
from hotops.deploy.rollback import Scope, undoing
from hotops.deploy.way_back import NoWayBack
from hotops.fly.models import Machine
from hotops.promote.accepting import accept, accept_step, was_found_good
from hotops.promote.apart import some_arrived
from hotops.promote.holding import LockUnknown, held_by, let_go, local_lock
from hotops.promote.phases import Phase, serving

#: Without a token or a sandbox no phase can have changed anything, and nothing could be read now either.
NEVER_STARTED = ("token_missing", "sandbox_down")


@dataclass(frozen=True)
class Left:
    """What of this run is left: machines to bring back, out of rotation, or found good and not all told so."""

    undo: Scope | None
    cordoned: tuple[tuple[str, Machine], ...] = ()
    accepting: Mapping[str, tuple[Machine, ...]] = field(default_factory=dict)


class Compensate(Phase[Left]):
    """Bring back this run's unaccepted changes, and nothing else: what another run does is not ours to undo.

    But what a dead run left, which this one had said it would finish, is brought back too when the answer is no-go.
    Raises NotRestored. Safe to repeat: where a phase compensated already there is nothing left.
    """

    def observe(self) -> Left:
        try:
            return self._left()
        except (ApiError, WireError, NoWayBack) as error:
            if not self._had_begun():
                raise
            raise NotRestored(
                f"What this run changed is not proven back: {error.message}",
                remedy="Wake someone. Run the rollback as soon as Fly's API answers: rollback.yml.",
                request_id=error.request_id,
                details={"cause": error.as_failure()},
            ) from error

    def _had_begun(self) -> bool:
        """Whether the run came as far as the lock, which it takes right before its first change."""
        held = local_lock(self.environment).read()  # the run's own note: GitHub need not answer for it
        return held is not None and held.run == self.context.run

    def _left(self) -> Left:
        apps = [self.environment.apps[host].app for host in self.context.selection or self.environment.apps]
        everything = self.all_machines_of(apps)
        machines = {app: serving(found) for app, found in everything.items()}
        run, inherits = self.context.run, self._inherits()
        ours = [
            app
            for app, found in everything.items()
            if any(marks.is_pending(machine) and (marks.run_of(machine) == run or inherits) for machine in found)
            or any(inherits or blue.metadata[marks.REPLACED_BY] == run for blue in waiting_blues(found))
        ]
        # The watch had said good and began to write it: half of that is no reason to go back, it is finished.
        accepting = {app: machines[app] for app in ours if was_found_good(machines[app], run)}
        ours = [app for app in ours if app not in accepting]
        cordoned = tuple(
            (app, machine)
            for app, found in machines.items()
            for machine in found
            if machine.cordoned
            and (by := machine.metadata.get(marks.CORDONED_BY))
            and (by in (run, marks.signature(run, "back")) or inherits)
            if app not in ours
        )
        return Left(undoing(self.context, ours).observe() if ours else None, cordoned, accepting)

    def _inherits(self) -> bool:
        """Whether what dead runs left is this run's to undo: the gates said no, and nobody is at work."""
        failure = dict((self.want.failure or {}).get("failure") or {})
        try:
            held, _ = held_by(self.context, self.environment)
        except LockUnknown:
            return False
        alone = held is None or held.run == self.context.run or held.is_dead(self.context.clock.now())
        return alone and failure.get("exit_code") == ExitCode.NO_GO

    def plan(self, state: Left) -> Plan:
        self._state = state
        steps: tuple[Step, ...] = ()
        title = ""
        if state.undo is not None:
            self._undoing = undoing(self.context, state.undo.ways)
            back = self._undoing.plan(state.undo)
            steps, title = back.steps, back.title
        uncordon = tuple(
            Step(f"{app}/cordon/{machine.id}", machine.id, before={"cordoned": True}, after={"cordoned": False})
            for app, machine in state.cordoned
        )
        accepting = tuple(accept_step(app) for app in state.accepting)
        return Plan(steps + uncordon + accepting, title, why_empty="this run left nothing behind.")

    def apply(self, step: Step, done: Done) -> Fact:
        if "verdict" in step.after:
            machines, context = self._state.accepting[step.target], self.context
            return accept(self.fly, step.target, machines, context.run, context.clock)
        if "cordoned" not in step.after:
            return self._undoing.apply(step, done)
        app, machine = next(item for item in self._state.cordoned if item[1].id == step.target)
        MachineRoller(self.fly, app, self.context.run, self.context.clock).uncordon_own(machine)
        return {"machine": machine.id}

    def verify(self, plan: Plan, done: Done) -> None:
        if self._state.undo is None:
            return
        try:
            self._undoing.verify(Plan(tuple(step for step in plan.steps if "digest" in step.after)), done)
        except VerifyFailed as error:
            raise NotRestored(error.message, remedy=error.remedy) from error

    def report(self, state: Left, plan: Plan, done: Done) -> dict[str, Any]:
        if not self.context.check:
            let_go(self.context, self.environment)
        failure = dict((self.want.failure or {}).get("failure") or {})
        told = str(failure.get("message") or (self.want.failure or {}).get("msg") or "The run failed.")
        remedy = str(failure.get("remedy") or "")
        code = str(failure.get("code") or "error")
        exit_code = int(str(failure.get("exit_code") or 1))
        back = self._undoing.report(state.undo, plan, done) if state.undo is not None else {"apps": {}, "warnings": []}
        if state.undo is not None:
            code, exit_code = ("partly_promoted" if some_arrived(failure, back["apps"]) else "rolled_back"), 6
            ending = f"{', '.join(back['apps'])} rolled back, proven."
        elif state.accepting:
            ending = f"The watch had found {', '.join(state.accepting)} good; every machine says so now."
        elif code == "not_restored":
            ending = "The old state is NOT proven back: wake someone."
        elif code in ("rolled_back", "overtaken", "partly_promoted"):
            ending = ""
        else:
            ending = "" if "othing was changed" in told + remedy else "Nothing was changed."
        map_parallel(lambda warning: self.context.journal.event("note", text=warning), back["warnings"], limit=1)
        return {
            "code": code,
            "exit_code": exit_code,
            "restored": sorted(back["apps"]),
            "warnings": back["warnings"],
            "message": " ".join(part for part in (told, ending, remedy) if part),
            "hotops_screen": [
                f"{app}: back on v{way['version']} ({shown(way['image'])})" for app, way in back["apps"].items()
            ]
            + [f"warning: {warning}" for warning in back["warnings"]],
        }
