"""Which drills are due: what was proven too long ago, or never."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.table import aligned
from hotops.drill.result import seconds
from hotops.drill.standing import wanted_of
from hotops.inventory.schema import Environment
from hotops.proofs.register import Register, as_row, newest_proof


class DrillsDue(HotopsError):
    """A drill is due; `details` says which."""

    code = "drills_due"
    exit_code = ExitCode.FINDINGS


class DueWanted(Spec):
    """Whether a drill that is due fails the task."""

    fail_when_due: bool = Field(
        default=True, description="Whether a drill that is due fails the task, with exit code 8."
    )


@dataclass(frozen=True)
class Standing:
    """Each scenario that the inventory wants proven, and how it stands."""

    rows: tuple[dict[str, Any], ...]
    register: str


class DrDue(Operation[DueWanted, Standing]):
    """Read the register. Raises DrillsDue, and RegisterDamaged where a line is no entry. No call is made."""

    name = "dr_due"
    Want = DueWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Say which disaster drills are due",
        description=(
            "Reads the register of drills: when each scenario that the inventory wants was proven last.",
            "Only a drill that passed, in the same environment and the same world, is a proof.",
        ),
        returns={
            "due": {
                "description": "Whether any drill is due.",
                "returned": "success",
                "type": "bool",
            },
            "scenarios": {
                "description": "One item for each scenario.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "scenario": {"description": "Its name.", "type": "str"},
                    "proven_at": {"description": "When it was proven last.", "type": "str"},
                    "age_days": {"description": "How long ago, in days; none if never.", "type": "float"},
                    "due": {"description": "Whether it is due.", "type": "bool"},
                    "due_in_days": {"description": "Days until it is due.", "type": "float"},
                    "recovery_s": {"description": "How long the way back took then, in seconds.", "type": "float"},
                    "loss_s": {"description": "What was lost then, in seconds.", "type": "float"},
                },
            },
        },
        examples="""
- name: Red when a drill is due
  hotops.core.dr_due:
  run_once: true

- name: Show how drills stand
  hotops.core.dr_due:
    fail_when_due: false
  run_once: true
""",
        see_also=("dr_drill",),
    )

    def observe(self) -> Standing:
        environment: Environment = self.context.environment
        dr, now = environment.dr, self.context.clock.now()
        path = environment.path(dr.register_file)
        entries = Register(path).entries()
        rows = tuple(
            as_row(
                scenario,
                newest_proof(entries, scenario, environment.name, environment.env_kind),
                now=now,
                every_days=dr.every_days,
            )
            for scenario in wanted_of(environment)
        )
        return Standing(rows, str(path))

    def report(self, state: Standing, plan: Plan, done: Done) -> dict[str, Any]:
        environment: Environment = self.context.environment
        due = [row["scenario"] for row in state.rows if row["due"]]
        table = aligned(
            [
                [
                    row["scenario"],
                    row["proven_at"] or "never",
                    "due" if row["due"] else f"in {row['due_in_days']:.0f} days",
                    "unknown" if row["recovery_s"] is None else seconds(row["recovery_s"]),
                    "-" if row["loss_s"] is None else seconds(row["loss_s"]),
                ]
                for row in state.rows
            ],
            ("scenario", "proven", "due", "served after", "lost"),
        )
        result = {"due": bool(due), "scenarios": list(state.rows), "hotops_screen": table}
        if due and self.want.fail_when_due:
            raise DrillsDue(
                f"{len(due)} of {len(state.rows)} drills are due: {', '.join(due)}.",
                remedy=f"hotops dr drill {environment.name} --scenario {due[0]} --confirm {environment.name}",
                details=result,
            )
        return result
