"""The drill: a scenario carried out on an environment, measured, compared with what is allowed, and tidied up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from hotops.core.clock import rfc3339
from hotops.core.errors import ExitCode, HotopsError, NoGo, UsageError, VerifyFailed
from hotops.core.evidence import EvidenceFolder
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.drill import unfinished
from hotops.drill.approved import approved_by_another
from hotops.drill.backups import price_of
from hotops.drill.credentials import owner_of
from hotops.drill.deadman import DeadMan
from hotops.drill.drill_told import DOCS
from hotops.drill.exercise import Exercise, data_loss_s
from hotops.drill.experiment import MODULE, Activity, Experiment, load
from hotops.drill.provided import ACTIVITIES, ON_LIVE
from hotops.drill.rebuild import check_rebuildable
from hotops.drill.record import Record
from hotops.drill.report import write_report
from hotops.drill.result import Result
from hotops.drill.unfinished import Begun
from hotops.inventory.frozen import refuse_if_frozen
from hotops.inventory.policy import Drills
from hotops.inventory.schema import Environment
from hotops.promote.holding import hold, let_go
from hotops.proofs.register import Entry, Register
from hotops.repository.approval import use_approval

RECORD_FILE = "drill.json"
#: How the names of activities begin that destroy something.
FAULTS = ("lose_", "damage_", "break_", "delete_", "leak_")
#: A drill that took more than this share longer than allowed has failed.
TOLERANCE = 0.2
#: A drill that takes so many times longer than allowed is given up, and all is brought back.
ABORTED_AFTER = 3.0


class TargetMissed(HotopsError):
    """The way back works, and took longer or lost more than is allowed; `details` holds the figures."""

    code = "target_missed"
    exit_code = ExitCode.FINDINGS


class DrillAborted(HotopsError):
    """A drill was given up in the middle, because users would have waited for far too long."""

    code = "drill_aborted"


class ConfirmationMissing(HotopsError):
    """A drill destroys something on purpose, and the environment's name was not typed a second time."""

    code = "confirmation_missing"
    exit_code = ExitCode.APPROVAL


class DrillWanted(Spec):
    """Which disaster, and where it may strike."""

    scenario: str = Field(description="Name of the scenario, or path of an experiment's .json file.")
    confirm: str | None = Field(
        None, description="The environment's name, typed once more: a drill destroys something on purpose."
    )


@dataclass(frozen=True)
class Before:
    """What was seen before the drill: what is wrong already, and what the register says."""

    unwell: tuple[str, ...]
    earlier: tuple[Entry, ...]
    archived_until: float | None
    price: str = ""
    #: Drills that died and that nobody brought back: this one does it first.
    dead: tuple[Begun, ...] = ()


class DrDrill(Operation[DrillWanted, Before]):
    """Break something on purpose, come back, and measure.

    Recovery time (RTO) runs from the fault to the first correct answer of every app; loss (RPO) from the newest beat
    that came back to the last one kept before the fault. Faults that destroy are made in the sandbox only. A second
    process tidies up if this one is killed, and the next drill if that one is, too. Raises NoGo (the system is not well
    before), ConfirmationMissing, LockHeld, RolledBack or NotRestored (the drill failed), TargetMissed.
    """

    name = "dr_drill"
    Want = DrillWanted
    effect = "destroy"
    undoes = True
    needs_environment = True
    docs = DOCS

    @property
    def environment(self) -> Environment:
        environment: Environment = self.context.environment
        return environment

    @property
    def allowed(self) -> Drills:
        return self.environment.dr

    def observe(self) -> Before:
        self._experiment = load(self.want.scenario)
        _only_ours(self._experiment)
        self._exercise = Exercise(
            self.context, self.environment, self._apps(), Record(self.context.clock, self._path())
        )
        self._began_at = self.context.clock.now()
        found = unfinished.dead(self.environment)
        dead = tuple(one for one in found if load(one.scenario).facts.isolated == self._isolated)
        # What it left may look like anything: it is brought back before anything is asked.
        return Before((), (), None, dead=dead) if dead else self._looked()

    def _looked(self) -> Before:
        """What is true before. Raises NoGo, and what tells that the way back is not there."""
        archived_until = None
        if self._experiment.facts.rotates:
            owner_of(self._exercise, self._experiment.facts.rotates)
        if self._experiment.facts.rebuilds:
            check_rebuildable(self._exercise)
        if self._experiment.facts.needs_archive:
            backups = self._exercise.supabase.backups(self._exercise.project.ref)
            archived_until = backups.latest_recoverable_at if backups.pitr_enabled else None
            if archived_until is None:
                raise NoGo(
                    "The project has no recovery to a point in time, and this scenario has no other way back.",
                    remedy="Nothing was changed. In a sandbox: sandbox_world: {pitr: true}; live: the add-on.",
                    code="no_recovery",
                )
        earlier = [entry for entry in self._register().entries() if entry.scenario == self._scenario]
        unwell = () if self._isolated else tuple(self._exercise.unwell())
        return Before(unwell, tuple(earlier), archived_until, price_of(self.context) if self._isolated else "")

    def plan(self, state: Before) -> Plan:
        _refuse_unless_steady(state, self.environment)
        facts = self._experiment.facts
        does = "breaks nothing, and restores" if facts.isolated else "breaks"
        steps = [
            Step(
                f"{phase}/{number}/{activity.provider.func}",
                activity.name,
                "destroy" if activity.provider.func.startswith(FAULTS) else "update",
                phase=f"{phase}/{number:02}",
            )
            for phase, activities in (("method", self._experiment.method), ("rollback", self._experiment.rollbacks))
            for number, activity in enumerate(activities, 1)
        ]
        self._dead = {begun.run: begun for begun in state.dead}
        tidied = [
            Step(
                f"dead/{run}/bring_back",
                f"What this drill of {begun.scenario} left when it died is brought back first",
                "update",
                phase="dead",
            )
            for run, begun in self._dead.items()
        ]
        # Phases are carried out in the order in which they first appear.
        return Plan(
            (*tidied, *steps),
            f"Drill {self._scenario} on {self.environment.name} ({self.environment.env_kind}): {does} {facts.breaks}"
            + (f"; {state.price}" if state.price else ""),
            {"drill": self._scenario, "environment": self.environment.name, "apps": self._exercise.names},
        )

    def prepare(self, plan: Plan) -> Fact:
        refuse_if_frozen(self.context, self.environment, "The drill")
        if not self._isolated:
            self._refuse_unless_meant()
        approval = approved_by_another(self.context, self.environment, plan)
        if not self._isolated:
            hold(self.context, self.environment)
            self._exercise.is_locked = True
        if approval is not None:
            use_approval(self.context, self.environment, approval)
            self._exercise.record.note(approved_by=approval.login)
        path = self._path()
        self._handle = None
        if path is not None and self.environment.inventory is not None:
            inventory = self.environment.inventory.absolute()
            self._handle = DeadMan.grip(
                inventory, path, self.want.scenario, self.context.run, handed=("RESTORE_URL",) if self._isolated else ()
            )
            scenario = self.want.scenario
            scenario = str(Path(scenario).absolute()) if scenario.endswith(".json") else scenario
            unfinished.begin(self.environment, self.context.run, scenario, path, self._handle.pid)
        return {"scenario": self._scenario}

    def apply(self, step: Step, done: Done) -> Fact:
        phase, number, _ = step.name.split("/")
        if phase == "dead":
            told = unfinished.bring_back(self._exercise, self._dead.pop(number))
            if not self._dead:
                _refuse_unless_steady(self._looked(), self.environment)
            return {"told": told}
        activities = self._experiment.method if phase == "method" else self._experiment.rollbacks
        if phase == "rollback" and number == "1":
            self._measure()
        activity = activities[int(number) - 1]
        if phase == "method":
            self._abort_if_it_has_to(step)
        answer = ACTIVITIES[activity.provider.func](self._exercise, **activity.provider.arguments)
        if activity.type == "probe" and answer != activity.tolerance:
            raise VerifyFailed(f"{activity.name}: {answer}, not {activity.tolerance}.")
        return answer if isinstance(answer, dict) else {"answer": answer}

    def verify(self, plan: Plan, done: Done) -> None:
        """Before the drill is called over, all is as it was."""
        wrong = [] if self._isolated else self._exercise.unwell()
        if wrong:
            raise VerifyFailed(f"After the drill not all is well: {'; '.join(wrong[:3])}.")
        self._end(self._judge())

    def undo(self, step: Step, done: Done) -> None:
        """Whatever failed: tidy up, once, for the whole drill."""
        if step.name.startswith("method/1/"):
            for activity in self._experiment.rollbacks:
                ACTIVITIES[activity.provider.func](self._exercise, **activity.provider.arguments)

    def verify_undone(self, plan: Plan, done: Done) -> None:
        wrong = [] if self._isolated else self._exercise.unwell()
        self._end(self._result(passed=False, why="the drill failed; see the evidence"))
        if wrong:
            raise VerifyFailed(f"Not all is well: {'; '.join(wrong[:3])}.")

    def report(self, state: Before, plan: Plan, done: Done) -> dict[str, Any]:
        if not done:
            return {"scenario": self._scenario, "archived_until": state.archived_until}
        result = self._ended
        plain = {**result.as_row(), "report": str(self._report) if self._report else None}
        screen = result.lines()
        if not result.passed:
            raise TargetMissed(
                f"{self._scenario}: {result.why}.",
                remedy="See the phases in the report: the longest one is where to begin.",
                details={**plain, "hotops_screen": screen},
            )
        return {**plain, "hotops_screen": screen}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _abort_if_it_has_to(self, step: Step) -> None:
        """Before a step: nobody froze the environment meanwhile, and users have not waited for far too long.

        Raises what a freeze raises, and DrillAborted; what was broken is brought back then.
        """
        if step.action == "destroy":
            refuse_if_frozen(self.context, self.environment, "The drill")
        fault, now = self._exercise.record.at("fault"), self.context.clock.now()
        longest_s = self.allowed.rto_s * ABORTED_AFTER
        if fault is not None and now - fault > longest_s:
            raise DrillAborted(
                f"{now - fault:.0f} s after the fault users are not served again; allowed are"
                f" {self.allowed.rto_s:.0f} s, and after {longest_s:.0f} s a drill is given up.",
                remedy="All is brought back. See the phases in the report: the longest one is where to begin.",
            )

    def _refuse_unless_meant(self) -> None:
        """Raises ConfirmationMissing, and UsageError on live clouds."""
        if self.want.confirm != self.environment.name:
            raise ConfirmationMissing(
                f"A drill breaks {self._experiment.facts.breaks} on purpose.",
                remedy=f"Type the environment's name once more: -e confirm={self.environment.name}",
            )
        if self.environment.env_kind == "live":
            raise UsageError(
                "Faults are not made on live clouds: nothing was changed.",
                remedy="Drill on a sandbox inventory (hotops sandbox up); what it measures is marked so.",
                code="fault_refused",
            )

    @property
    def _isolated(self) -> bool:
        """Whether it touches nothing that lives: what a scenario says of itself counts only where it does no more."""
        return self._experiment.facts.isolated and _names(self._experiment) <= ON_LIVE

    @property
    def _scenario(self) -> str:
        return Path(self.want.scenario).stem

    def _apps(self) -> tuple[Any, ...]:
        chosen = set(self.context.selection or self.environment.apps)
        return tuple(app for app in self.environment.in_order() if app.host in chosen)

    def _path(self) -> Path | None:
        journal = self.context.journal
        return journal.run_dir / RECORD_FILE if isinstance(journal, EvidenceFolder) else None

    def _register(self) -> Register:
        return Register(self.environment.path(self.allowed.register_file))

    def _measure(self) -> None:
        """What was lost is asked while the drill's rows are still there."""
        if self._experiment.facts.needs_database and not self._isolated:
            self._exercise.record.note(loss_s=data_loss_s(self._exercise))

    def _judge(self) -> Result:
        record = self._exercise.record
        recovery_s, loss_s = record.recovery_s(), record.facts.get("loss_s")
        why = []
        if recovery_s is None:
            why.append("users were never served again")
        elif recovery_s > self.allowed.rto_s * (1 + TOLERANCE):
            why.append(f"it took {recovery_s:.0f} s, allowed are {self.allowed.rto_s:.0f} s")
        if self._experiment.facts.needs_database and loss_s is None:
            why.append("what was lost could not be measured")
        elif loss_s is not None and loss_s > self.allowed.rpo_s * (1 + TOLERANCE):
            why.append(f"{loss_s:.0f} s of data were lost, allowed are {self.allowed.rpo_s:.0f} s")
        return self._result(passed=not why, why="; ".join(why))

    def _result(self, *, passed: bool, why: str) -> Result:
        record = self._exercise.record
        heartbeat = self._exercise.heartbeat
        return Result(
            entry=Entry(
                at=rfc3339(self._began_at),
                scenario=self._scenario,
                environment=self.environment.name,
                env_kind=self.environment.env_kind,
                run=self.context.run,
                passed=passed,
                recovery_s=_rounded(record.recovery_s()),
                loss_s=_rounded(record.facts.get("loss_s")),
                rto_s=self.allowed.rto_s,
                rpo_s=self.allowed.rpo_s,
                phases={phase.name: round(phase.seconds, 3) for phase in record.phases()},
                why=why,
                approved_by=record.facts.get("approved_by", ""),
            ),
            moments=record.moments,
            facts=record.facts,
            beats=tuple(heartbeat.beats) if heartbeat else (),
            title=self._experiment.title,
            description=self._experiment.description,
            data_at_stake=self._experiment.facts.needs_database,
        )

    def _end(self, result: Result) -> None:
        """Keep what was measured: journal, register, report; give the lock and the handle back."""
        self._ended = result
        self._report: Path | None = None
        entry = result.entry
        self.context.journal.event(
            "verdict", verdict="good" if entry.passed else "bad", scope="drill", text=result.says
        )
        earlier = [each for each in self._register().entries() if each.scenario == entry.scenario]
        self._register().add(entry)
        path = self._path()
        if path is not None:
            self._report = write_report(path.parent, result, earlier)
        if self._handle is not None:
            self._handle.let_go()
            unfinished.end(self.context.run)
        if not self._isolated:
            let_go(self.context, self.environment)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _names(experiment: Experiment) -> set[str]:
    """The activities of a scenario, its way back included."""
    return {activity.provider.func for activity in (*experiment.method, *experiment.rollbacks)}


def _refuse_unless_steady(state: Before, environment: Environment) -> None:
    """Raises NoGo where something is wrong before anything was broken."""
    if state.unwell:
        raise NoGo(
            f"The system is not well, so a drill would prove nothing: {'; '.join(state.unwell[:3])}.",
            remedy=f"Nothing was broken. hotops health {environment.name}",
            code="not_steady",
        )


def _only_ours(experiment: Experiment) -> None:
    """Raises UsageError for an experiment that names code of somebody else: a drill runs its own activities only."""
    activities: list[Activity] = [*experiment.hypothesis.probes, *experiment.method, *experiment.rollbacks]
    for activity in activities:
        provider = activity.provider
        if provider.module != MODULE or provider.func not in ACTIVITIES:
            raise UsageError(
                f"{activity.name!r} calls {provider.module}.{provider.func}, which is none of the drill's activities.",
                remedy=f"Known are {', '.join(ACTIVITIES)} of {MODULE}; run the experiment with `chaos run` instead.",
                code="unknown_activity",
            )
