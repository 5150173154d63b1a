"""A timer of systemd that makes drills when they are due: two files to look at and install by hand."""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import UsageError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.report.look import template
from hotops.core.state import write_atomically
from hotops.drill.experiment import load
from hotops.drill.standing import wanted_of
from hotops.inventory.schema import Environment

#: What a unit can hold without quotes.
_PLAIN = re.compile(r"^[\w./@:+-]+$")


class TimerWanted(Spec):
    """When, which, and where the files go."""

    scenario: str | None = Field(
        None, description="Scenario that is drilled; the first that the inventory wants proven if omitted."
    )
    on_calendar: str = Field(
        "Mon *-*-* 04:41:00", min_length=1, description="When it is asked whether a drill is due (systemd.time)."
    )
    user: str | None = Field(None, pattern=r"^[a-z_][a-z0-9_-]*$", description="User of the service; yours if omitted.")
    out: str = Field(
        "artifacts/systemd", min_length=1, description="Folder; relative paths begin at the project's folder."
    )


@dataclass(frozen=True)
class Units:
    """The files as they should be, and as they are."""

    wanted: Mapping[str, str]
    there: Mapping[str, str | None]


class DrTimer(Operation[TimerWanted, Units]):
    """Write a service and a timer of systemd. No call is made, nothing is installed. Raises UsageError."""

    name = "dr_timer"
    Want = TimerWanted
    needs_environment = True
    docs = Documented(
        short="Write a systemd timer that makes drills when they are due",
        description=(
            "Writes a service and a timer. The service asks M(hotops.core.dr_due) first, and drills only what is due.",
            "Nothing is installed: the files say how. Tokens are read from C(/etc/hotops/ENV.env).",
        ),
        returns={
            "files": {
                "description": "The files, by path, and whether they were written now.",
                "returned": "success",
                "type": "dict",
                "sample": {"artifacts/systemd/hotops-drill-production.timer": True},
            },
        },
        examples="""
- name: Production's drills have a timer
  hotops.core.dr_timer:
    on_calendar: "Mon *-*-* 05:00:00"
    user: hotops
  run_once: true

- name: Staging drills the loss of a machine, by the user who runs this
  hotops.core.dr_timer:
    scenario: machine_lost
    out: artifacts/systemd/staging
  run_once: true
""",
        see_also=("dr_due", "dr_drill"),
    )

    @property
    def environment(self) -> Environment:
        environment: Environment = self.context.environment
        return environment

    def observe(self) -> Units:
        environment = self.environment
        scenario = self.want.scenario or wanted_of(environment)[0]
        if environment.env_kind == "live" and not load(scenario).facts.isolated:
            raise UsageError(
                f"{scenario} makes a fault, which is not made on live clouds.", remedy="scenario: backup_restored"
            )
        if "\n" in self.want.on_calendar:
            raise UsageError("A time for systemd is one line.", remedy="on_calendar: Mon *-*-* 04:41:00")
        unit = f"hotops-drill-{environment.name}"
        seen = {
            "name": environment.name, "unit": unit, "scenario": scenario, "on_calendar": self.want.on_calendar,
            "user": self.want.user or getpass.getuser(), "folder": _plain(environment.project_dir.absolute()),
            "program": _plain(Path(sys.executable).parent / "hotops"), "repo": environment.github_repo,
            "inventory": _plain((environment.inventory or Path(f"inventories/{environment.name}")).absolute()),
        }  # fmt: skip
        wanted = {
            f"{unit}.{kind}": template("hotops.drill", f"drill.{kind}.j2", autoescape=False).render(seen)
            for kind in ("service", "timer")
        }
        folder = environment.path(self.want.out)
        return Units(wanted, {file: _text(folder / file) for file in wanted})

    def plan(self, state: Units) -> Plan:
        self._wanted = state.wanted
        steps = tuple(
            Step(
                f"write/{file}",
                str(Path(self.want.out) / file),
                "create" if state.there[file] is None else "update",
                {},
                {"lines": text.count("\n")},
            )
            for file, text in state.wanted.items()
            if state.there[file] != text
        )
        return Plan(steps, f"A timer for the drills of {self.environment.name}", {}, "both files say that already")

    def apply(self, step: Step, done: Done) -> Fact:
        file = self.environment.path(step.target)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, self._wanted[file.name], mode=0o644)
        return {"written": step.target}

    def verify(self, plan: Plan, done: Done) -> None:
        for step in plan.steps:
            file = self.environment.path(step.target)
            if _text(file) != self._wanted[file.name]:
                raise VerifyFailed(f"{step.target} does not hold what was written.", remedy="Run it again.")

    def report(self, state: Units, plan: Plan, done: Done) -> dict[str, Any]:
        written = {step.target for step in plan.steps if step.name in done}
        paths = [str(Path(self.want.out) / file) for file in state.wanted]
        screen = [f"{'written' if path in written else 'the same'}: {path}" for path in paths]
        return {"files": {path: path in written for path in paths}, "hotops_screen": screen}


def _plain(path: Path) -> str:
    if not _PLAIN.match(str(path)):
        raise UsageError(
            f"{path} can't stand in a unit without quotes.", remedy="Move the project, or write it by hand."
        )
    return str(path)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
