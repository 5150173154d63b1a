"""What a promotion would do now, with the gates' answers and the id to approve it by."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.clock import rfc3339
from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, UsageError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.state import write_atomically
from hotops.promote.ask import Asked, AskGates
from hotops.promote.gates import table, verdict_line
from hotops.promote.pairs import environment_of, pairs_of
from hotops.promote.phases import PhaseWant
from hotops.repository.approval import VALID_S
from hotops.repository.shown_plans import show_plan


class PlanWanted(Spec):
    """Options of the module promote_plan."""

    image: str | None = Field(None, description="Plan for this image instead of the source's.")
    version: str | None = Field(None, description="What the source is expected to run; a gate compares.")
    as_commands: bool = Field(
        default=False, description="Whether to add the commands of flyctl that would do the same."
    )
    out: str | None = Field(None, description="File to write the plan to, as JSON.")


class PromotePlan(Operation[PlanWanted, Asked]):
    """Ask the gates and plan the deploy. Changes nothing."""

    name: ClassVar[str] = "promote_plan"
    Want: ClassVar[type[Spec]] = PlanWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Show what a promotion would do, and the id to approve it by",
        description=(
            "Asks every gate and plans the deploy as a promotion does, and changes nothing.",
            "The id is a SHA-256 of what an approver decides: images from and to, machines and their sizes, strategy.",
            "It counts for four hours and for one run, and another plan, because something moved, has another id.",
        ),
        returns={
            "plan_id": {
                "description": "What is approved: C(-e approve=ID).",
                "returned": "success",
                "type": "str",
                "sample": "a5e7d9f3042728bb086678183b2f6824e0cd1559331389259096bbd19893a82a",
            },
            "valid_until": {"description": "Until when it counts.", "returned": "success", "type": "str"},
            "go": {"description": "Whether every gate says go.", "returned": "success", "type": "bool"},
            "gates": {
                "description": "Each gate with its answer.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "nothing_to_do": {
                "description": "Whether every machine runs the image and was accepted.",
                "returned": "success",
                "type": "bool",
            },
            "decides": {"description": "What the id is the hash of.", "returned": "success", "type": "dict"},
            "steps": {
                "description": "The steps, before and after.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "commands": {
                "description": "Commands of flyctl that would do the same, without watch and way back.",
                "returned": "with O(as_commands=true)",
                "type": "list",
                "elements": "str",
            },
        },
        examples="""
- name: See what would be promoted
  hotops.core.promote_plan:
  register: planned
  run_once: true

- name: Keep it for the one who decides
  hotops.core.promote_plan:
    out: artifacts/plan.json
    as_commands: true
  run_once: true
""",
        see_also=("promote_phase", "approve_plan"),
    )

    def observe(self) -> Asked:
        want = PhaseWant(phase="ask_gates", image=self.want.image, version=self.want.version)
        return AskGates(want, self.context).observe()

    def report(self, state: Asked, plan: Plan, done: Done) -> dict[str, Any]:
        environment, now = environment_of(self.context), self.context.clock.now()
        decided = state.plan
        blocked = any(gate.blocks for gate in state.gates)
        valid_until = rfc3339(now + VALID_S)
        result: dict[str, Any] = {
            "plan_id": decided.id,
            "valid_until": valid_until,
            "go": not blocked,
            "nothing_to_do": decided.is_empty,
            "gates": [gate.as_row() for gate in state.gates],
            "decides": dict(decided.decides),
            "steps": [
                {
                    "name": step.name,
                    "target": step.target,
                    "action": step.action,
                    "before": dict(step.before),
                    "after": dict(step.after),
                }
                for step in decided.steps
            ],
        }
        lines = [
            f"{environment.name} ({environment.env_kind}) of {environment.fly_org}",
            *(table(state.gates, now) if state.gates else []),
            *([verdict_line(state.gates)] if state.gates else []),
            "",
            *decided.render().splitlines(),
        ]
        if not decided.is_empty:
            if environment.approval == "self":
                show_plan(self.context, environment, decided.id)
            # Only a yes ends by time and counts once; every plan ends when what it changes moves.
            until = "the apps change" if environment.approval == "none" else f"{valid_until}, once"
            lines.append(f"Plan {decided.id}, until {until}; approval: {environment.approval}.")
        if self.want.as_commands:
            result["commands"] = self._commands(state)
            lines += ["", "The same by flyctl, without gates, watch and way back:", *result["commands"]]
        if self.want.out:
            self._write(result)
        return {**result, **self._ending(decided, blocked=blocked), "hotops_screen": lines}

    def _commands(self, state: Asked) -> list[str]:
        pairs = {pair.target: pair for pair in pairs_of(self.context, image=self.want.image)}
        return [
            f"fly deploy --app {app} --image {image} --strategy {pairs[app].app.deploy_strategy}"
            for app, image in state.images.items()
            if any(step.name.startswith(f"{app}/") for step in state.plan.steps)
        ]

    def _write(self, result: dict[str, Any]) -> None:
        environment = environment_of(self.context)
        path = Path(os.path.abspath(str(self.want.out)))  # noqa: PTH100 (where it is typed, not where a link leads)
        document = {"schema": 1, "environment": environment.name, "env_kind": environment.env_kind, **result}
        try:
            write_atomically(path, json.dumps(document, ensure_ascii=False, indent=2) + "\n", mode=0o644)
        except OSError as error:
            raise UsageError(
                f"The plan can't be written to {path}: {error.strerror}.", remedy="Name another file."
            ) from error

    def _ending(self, decided: Plan, *, blocked: bool) -> dict[str, Any]:
        environment = environment_of(self.context)
        if blocked:
            return {
                "hotops_outcome": {
                    "outcome": "no_go",
                    "exit_code": int(ExitCode.NO_GO),
                    "next": "mend what says NO-GO, and plan again",
                }
            }
        if decided.is_empty:
            return {"next": f"nothing: hotops health {environment.name}"}
        if environment.approval == "none":
            return {"next": f"hotops promote {environment.name} --reason '…'"}
        approve = f"hotops promote {environment.name} --reason '…' --approve {decided.id}"
        return {
            "next": approve if environment.approval == "self" else f"hotops approve {environment.name} {decided.id}"
        }
