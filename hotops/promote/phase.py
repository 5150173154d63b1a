"""The operation behind the module promote_phase: one of the phases, chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from hotops.core.context import Context
from hotops.core.documented import Documented
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.promote.ask import AskGates
from hotops.promote.compensate import Compensate
from hotops.promote.finding import FindSource
from hotops.promote.phases import Phase, PhaseName, PhaseWant
from hotops.promote.prove import Prove
from hotops.promote.ready import CheckReady
from hotops.promote.ship import Ship
from hotops.promote.tell import Tell
from hotops.promote.watch import Watch

#: In the order in which a promotion runs them; `compensate` is for what went wrong.
PHASES: Mapping[PhaseName, type[Phase[Any]]] = MappingProxyType(
    {
        "check_ready": CheckReady,
        "find_source": FindSource,
        "ask_gates": AskGates,
        "deploy": Ship,
        "verify": Prove,
        "watch": Watch,
        "notify": Tell,
        "compensate": Compensate,
    }
)


class PromotePhase(Operation[PhaseWant, Any]):
    """Run one phase of a promotion over the selected apps of the environment."""

    name: ClassVar[str] = "promote_phase"
    Want: ClassVar[type[Spec]] = PhaseWant
    effect = "write"
    needs_environment = True
    docs = Documented(
        short="Run one phase of a promotion",
        description=(
            "A promotion is one operation over all selected apps of an environment; this module runs one phase of it.",
            "Phases in order are check_ready, find_source, ask_gates, deploy, verify, watch and notify.",
            "A play's rescue calls compensate, which brings back what this run changed and nobody accepted.",
            "Deploy, verify and watch refuse without the signed verdict that ask_gates of the same run returned.",
        ),
        returns={
            "apps": {
                "description": "What the phase found or did, by app.",
                "returned": "by most phases",
                "type": "raw",
                "sample": {"shop-production": {"release": 43, "machines": ["3d8d9021b64d48"]}},
            },
            "verdict": {
                "description": "The signed go verdict, to be handed to later phases.",
                "returned": "by ask_gates, when every gate says go",
                "type": "dict",
                "sample": {"payloadType": "application/vnd.hotops.verdict+json"},
            },
            "gates": {
                "description": "Each gate with what was found, its source, age and expiry.",
                "returned": "by ask_gates",
                "type": "list",
                "elements": "dict",
                "sample": [{"gate": "source_healthy", "app": "shop-production", "status": "pass"}],
            },
            "phase": {"description": "The phase.", "returned": "success", "type": "str"},
            "unfinished": {
                "description": "Earlier runs that never ended; this one finishes or undoes them.",
                "returned": "by check_ready",
                "type": "list",
                "elements": "str",
            },
            "undone": {
                "description": "Whether what an earlier run left was undone.",
                "returned": "by check_ready",
                "type": "bool",
            },
            "notes": {
                "description": "What was found of earlier runs.",
                "returned": "by check_ready",
                "type": "list",
                "elements": "str",
            },
            "images": {
                "description": "The image of each app.",
                "returned": "by find_source and ask_gates",
                "type": "dict",
            },
            "images_before": {
                "description": "What each app ran before.",
                "returned": "by ask_gates",
                "type": "dict",
            },
            "nothing_to_do": {
                "description": "Whether every machine runs the image and was accepted.",
                "returned": "by ask_gates",
                "type": "bool",
            },
            "approval": {
                "description": "Who approved the plan, where somebody has to.",
                "returned": "by ask_gates",
                "type": "dict",
            },
            "watched_s": {
                "description": "How long it was watched, in seconds.",
                "returned": "by watch",
                "type": "float",
            },
            "watch_verdict": {"description": "What the watch said.", "returned": "by watch", "type": "str"},
            "told": {
                "description": "Who was told.",
                "returned": "by notify",
                "type": "list",
                "elements": "str",
            },
            "restored": {
                "description": "Apps that were brought back.",
                "returned": "by compensate",
                "type": "raw",
            },
            "code": {
                "description": "The failure code of the run.",
                "returned": "by compensate",
                "type": "str",
            },
            "exit_code": {
                "description": "The exit code of the run.",
                "returned": "by compensate",
                "type": "int",
            },
            "warnings": {
                "description": "What went wrong beside it.",
                "returned": "by some phases",
                "type": "list",
                "elements": "str",
            },
            "apart": {
                "description": "By app, the failures of those that went back by themselves, for the next phase.",
                "returned": "by deploy and verify, under C(train: independent)",
                "type": "dict",
                "sample": {"shop-web": {"code": "rolled_back", "exit_code": 6}},
            },
            "message": {
                "description": "How the run ended, in one sentence.",
                "returned": "by compensate",
                "type": "str",
                "sample": "The watch broke off after 12 s. shop-production rolled back, proven.",
            },
        },
        examples="""
- name: Every gate says go
  hotops.core.promote_phase:
    phase: ask_gates
  register: gates
  run_once: true

- name: The decided image is on all machines, or everything is back
  hotops.core.promote_phase:
    phase: deploy
    verdict: "{{ gates.verdict }}"
  run_once: true
""",
        see_also=("fly_deploy", "fly_rollback", "gate"),
    )

    @classmethod
    def goes_on_unrecorded(cls, want: PhaseWant) -> bool:
        """Only what brings back, and tells, goes on with a full disk: nothing is deployed without evidence."""
        return want.phase in ("compensate", "notify")

    def __init__(self, want: PhaseWant, context: Context) -> None:
        super().__init__(want, context)
        self.phase = PHASES[want.phase](want, context)
        self.undoes = self.phase.undoes  # type: ignore[misc]

    def observe(self) -> Any:
        self.context.journal.event("phase_started", phase=self.want.phase)
        return self.phase.observe()

    def plan(self, state: Any) -> Plan:
        plan = self.phase.plan(state)
        self.undoes = self.phase.undoes  # type: ignore[misc]  # apps that go by themselves come back by themselves
        return plan

    def prepare(self, plan: Plan) -> Fact:
        return self.phase.prepare(plan)

    def apply(self, step: Step, done: Done) -> Fact:
        return self.phase.apply(step, done)

    def verify(self, plan: Plan, done: Done) -> None:
        self.phase.verify(plan, done)

    def undo(self, step: Step, done: Done) -> None:
        self.phase.undo(step, done)

    def verify_undone(self, plan: Plan, done: Done) -> None:
        self.phase.verify_undone(plan, done)

    def after_undoing(self, error: Exception, plan: Plan, done: Done) -> Exception | None:
        return self.phase.after_undoing(error, plan, done)

    def report(self, state: Any, plan: Plan, done: Done) -> dict[str, Any]:
        result = self.phase.report(state, plan, done)
        self.context.journal.event("phase_finished", phase=self.want.phase, status="done")
        return {"phase": self.want.phase, **result}
