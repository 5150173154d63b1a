"""What can be done from here: tokens, scopes, reachability, versions, clocks, inventory, lock; each with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import WireError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.table import one_line
from hotops.health.finding import Finding, worst_first
from hotops.health.health_report import NotWell
from hotops.inventory.schema import Environment
from hotops.look import desk_checked, tokens_checked
from hotops.look.checkup import Checked, bad
from hotops.look.live import LiveCheck, check_live
from hotops.look.screen import MARKS, wrapped
from hotops.promote.pairs import environment_of


class DoctorWanted(Spec):
    """What to look at."""

    live: bool = Field(
        default=False,
        description="Whether to check hotops' models against real replies too, by reads only; writes their shapes.",
    )
    fail_on_findings: bool = Field(
        default=False, description="Whether findings (all but warnings) fail the task, with exit code 8."
    )


@dataclass(frozen=True)
class Doctored:
    """All lines of the check-up, and the live check where it was asked for."""

    checked: tuple[Checked, ...]
    live: LiveCheck | None = None


class Doctor(Operation[DoctorWanted, Doctored]):
    """Check what can be done from here. Raises TokenMissing (Fly's: without it nothing can), NotWell where asked.

    Six reads of Fly for each app and source, two of Supabase and GitHub each where they are declared.
    """

    name = "doctor"
    Want = DoctorWanted
    effect = "read"
    needs_environment = True
    keeps_evidence = False
    docs = Documented(
        short="Check what can be done from here",
        description=(
            "Tells what each token may do and the least one to make, what answers, versions, clocks and more.",
            "Each finding has its remedy as lines that can be copied.",
            "Works with Fly's token alone: a missing right makes a gate unknown, and is said so.",
            "With C(live) every reading is made once and hotops' models are checked against the replies.",
        ),
        returns={
            "checked": {
                "description": "Each thing that was looked at: area, state, says, remedy.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "findings": {
                "description": "What is not well, the worst first.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "failed_findings": {
                "description": "The findings that are no mere warnings; C(hotops doctor) ends with 8 if there are any.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "live": {
                "description": "What the live check read and could not read, and the file of shapes; else null.",
                "returned": "success",
                "type": "dict",
            },
        },
        examples="""
- name: Show what can be done from here
  hotops.core.doctor:
  run_once: true

- name: Check the models against the clouds' real replies
  hotops.core.doctor:
    live: true
    fail_on_findings: true
  run_once: true
""",
        see_also=("status", "explain"),
    )

    def observe(self) -> Doctored:
        context, environment = self.context, environment_of(self.context)
        looks: list[Callable[[], list[Checked]]] = [
            lambda: tokens_checked.fly_tokens(context, environment),
            lambda: tokens_checked.fly_surfaces(context, environment),
            lambda: tokens_checked.supabase_token(context, environment),
            lambda: tokens_checked.github_token(context, environment),
            lambda: desk_checked.versions(environment),
            lambda: desk_checked.inventory(context, environment),
            lambda: desk_checked.lock(context, environment),
            lambda: desk_checked.clocks(context, environment),
        ]
        found = [line for look in looks for line in _looked(look)]
        live = check_live(context, environment) if self.want.live else None
        return Doctored((*found, *(live.checked if live else ())), live)

    def report(self, state: Doctored, plan: Plan, done: Done) -> dict[str, Any]:
        environment = environment_of(self.context)
        found = worst_first(finding for line in state.checked if (finding := line.finding) is not None)
        failed = [finding for finding in found if finding.is_failure]
        result = {
            "checked": [line.as_row() for line in state.checked],
            "findings": [finding.as_row() for finding in found],
            "failed_findings": [finding.as_row() for finding in failed],
            "live": state.live.as_row() if state.live else None,
            "hotops_screen": page(state, environment, failed),
        }
        if failed and self.want.fail_on_findings:
            areas = ", ".join(dict.fromkeys(finding.kind for finding in failed))
            raise NotWell(f"{len(failed)} findings: {areas}.", remedy="See each finding's remedy.", details=result)
        return result


def _looked(look: Callable[[], list[Checked]]) -> list[Checked]:
    """The lines of one look; a cloud that can't be reached at all is a line too."""
    try:
        return look()
    except WireError as error:
        return [bad("reach", error.message, error.remedy)]


def page(state: Doctored, environment: Environment, failed: Sequence[Finding]) -> list[str]:
    """What is well in one line each, what is not with its remedy below it, in the order in which one would mend it."""
    world = "SANDBOX" if environment.env_kind == "sandbox" else "live"
    told = f"{len(failed)} to mend" if failed else "nothing to mend"
    lines = [f"{environment.name} ({world}), from here: {told}", ""]
    for line in state.checked:
        lines += wrapped(f"{line.area.replace('_', ' '):<15} {line.says}", first=f"{MARKS[line.state]} ", then=" " * 18)
        # Lines to copy stay whole, however long they are.
        lines += [f"                    {one_line(text)}" for text in line.remedy if text]
    again = f"hotops doctor {environment.name}    # again, after mending"
    return [*lines, "", f"Next: {again if failed else f'hotops status {environment.name}'}"]
