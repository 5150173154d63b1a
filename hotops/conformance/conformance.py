"""The operation behind `hotops conformance`: assumed against seen, and a file of it without a value."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from hotops import __version__
from hotops.conformance.assumption import Tried
from hotops.conformance.readings import read_assumptions
from hotops.conformance.trials import PREFIX, REFERENCES, cost_usd, repository_of, try_all
from hotops.core.clock import basic_stamp, rfc3339
from hotops.core.documented import Documented
from hotops.core.driver import is_readonly
from hotops.core.errors import Forbidden, UsageError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.state import write_atomically
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.github.client import GitHub
from hotops.inventory.schema import Environment
from hotops.look.screen import wrapped
from hotops.promote.pairs import environment_of

FOLDER = "artifacts/conformance"
#: Small, public, and stays up without a secret or a database.
LIVE_IMAGE = "docker.io/library/nginx:alpine"
MARKS = {"holds": "·", "differs": "!", "unknown": "?"}


class ConformanceWanted(Spec):
    """Whether trials may cost anything, and with which image."""

    budget: float | None = Field(
        None, gt=0, description="Most that trials may cost, in US dollars; without it nothing is written anywhere."
    )
    image: str | None = Field(
        None, min_length=1, description="Image of the trials' machines; a small public one if omitted."
    )


@dataclass(frozen=True)
class ConformanceSeen:
    """What reads told, the shapes of the replies, and apps and references that a dead run left."""

    read: tuple[Tried, ...]
    shapes: dict[str, Any]
    left: tuple[str, ...]
    left_references: tuple[str, ...] = ()


class Conformance(Operation[ConformanceWanted, ConformanceSeen]):
    """Ask the clouds what hotops takes for true of them. Writes nothing to them without a budget.

    With one, an app and a git reference of its own are made, used and destroyed; those that a dead run left, too.
    Raises UsageError (the budget is too small), what making the app raises, VerifyFailed (something is left).
    """

    name = "conformance"
    Want = ConformanceWanted
    effect = "write"
    needs_environment = True
    keeps_evidence = False
    docs = Documented(
        short="Compare what hotops takes for true about the clouds with what they do",
        description=(
            "Asks by reads alone what can be asked so, of the environment's first app, and compares.",
            "With a O(budget) it makes an app of two small machines, tries what only writes tell, and destroys it.",
            "Each line names its row in the page of unverified assumptions; a line that differs is a finding.",
            (
                "Writes a file with assumed, seen and the shapes of the replies, in which no value is;"
                " not in check mode, and not where C(HOTOPS_READONLY) is set."
            ),
        ),
        returns={
            "tried": {
                "description": "Each assumption: number, assumed, seen, and whether it holds, differs or is unknown.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "failed_findings": {
                "description": "Those that differ; C(hotops conformance check) ends with 8 if there are any.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "file": {
                "description": "The file, below the project's folder; null in check mode and with HOTOPS_READONLY.",
                "returned": "success",
                "type": "str",
            },
        },
        examples="""
- name: What can be told by looking
  hotops.core.conformance:
  run_once: true

- name: Also what only writes tell, on an app that is made for it
  hotops.core.conformance:
    budget: 0.05
  run_once: true
""",
        see_also=("doctor",),
    )

    def observe(self) -> ConformanceSeen:
        context, environment = self.context, environment_of(self.context)
        if self.want.budget is not None and self.want.budget < cost_usd():
            raise UsageError(
                f"The trials may cost {cost_usd():.4f} USD, the budget is {self.want.budget:g}.",
                remedy="Give a larger one, or none: then only reads are made.",
                code="budget_too_small",
            )
        read, shapes = read_assumptions(context, environment)
        if self.want.budget is None:
            return ConformanceSeen(tuple(read), shapes, ())
        return ConformanceSeen(tuple(read), shapes, self._left(environment), self._left_references(environment))

    def plan(self, state: ConformanceSeen) -> Plan:
        if self.want.budget is None:
            return Plan(why_empty="without a budget no cloud is written to; a file keeps what was read.")
        steps = [Step(f"left/{app}", app, "destroy", before={"app": app}, phase="tidy") for app in state.left]
        repo = repository_of(self.context, environment_of(self.context))
        steps += [
            Step(f"left/{name}", name, "destroy", before={"repository": repo}, phase="tidy references")
            for name in state.left_references
        ]
        made = {"machines": 2, "for_at_most_min": 30, "usd_at_most": round(cost_usd(), 4), "then": "destroyed"}
        org = next(iter(environment_of(self.context).apps.values())).fly_org
        steps.append(Step("trials", f"an app {PREFIX}… in {org}", "create", after=made, phase="try"))
        left = [*state.left, *state.left_references]
        return Plan(tuple(steps), title="conformance", decides={"org": org, "left": left})

    def apply(self, step: Step, done: Done) -> Fact:
        context, environment = self.context, environment_of(self.context)
        if step.phase == "tidy":
            context.client(Fly).apps.destroy(step.target)
            return {}
        if step.phase == "tidy references":
            context.client(GitHub).git.delete_ref(str(step.before["repository"]), step.target)
            return {}
        app = f"{PREFIX}{secrets.token_hex(4)}"
        found = try_all(context, environment, app, self._image(environment))
        self._tried = found
        return {"app": app, "tried": len(found)}

    def verify(self, plan: Plan, done: Done) -> None:
        environment = environment_of(self.context)
        left = [*self._left(environment), *self._left_references(environment)]
        if left:
            raise VerifyFailed(f"Of the trials is left: {', '.join(left)}.", remedy="The next run removes it.")

    def report(self, state: ConformanceSeen, plan: Plan, done: Done) -> dict[str, Any]:
        found = [*state.read, *(self._tried if done.get("trials") else ())]
        differs = [one.as_row() for one in found if one.verdict == "differs"]
        file = None if self.context.check or is_readonly() else self._write(found, state.shapes)
        return {
            "tried": [one.as_row() for one in found],
            "failed_findings": differs,
            "file": str(file) if file else None,
            "next": self._next(bool(differs)),
            "hotops_screen": page(found, environment_of(self.context), self._next(bool(differs)), plan, done),
        }

    def _left(self, environment: Environment) -> tuple[str, ...]:
        """Apps of ours that nobody destroyed. A token of an app may not list, and could not have made one."""
        org = next(iter(environment.apps.values())).fly_org
        try:
            return tuple(app.name for app in self.context.client(Fly).apps.list(org) if app.name.startswith(PREFIX))
        except Forbidden as error:
            raise UsageError(
                f"This token may not list the apps of {org}, and so not make one.",
                remedy=f"Use an organisation's token: fly tokens create org -o {org} -x 2h",
                code="trials_not_allowed",
            ) from error

    def _left_references(self, environment: Environment) -> tuple[str, ...]:
        repo = repository_of(self.context, environment)
        if repo is None:
            return ()
        return tuple(found.name for found in self.context.client(GitHub).git.refs(repo, REFERENCES))

    def _image(self, environment: Environment) -> str:
        if self.want.image or environment.env_kind == "live":
            return self.want.image or LIVE_IMAGE
        # The sandbox has no other registry: there it is what the first app runs.
        machines = self.context.client(Fly).machines.list(next(iter(environment.apps.values())).app)
        return str(next(image for machine in machines if (image := marks.image_of(machine)) is not None))

    def _write(self, found: Sequence[Tried], shapes: dict[str, Any]) -> Path:
        context, environment = self.context, environment_of(self.context)
        file = environment.project_dir / FOLDER / f"{basic_stamp(context.clock.now())}-{environment.name}.json"
        document = {
            "schema": 1,
            "hotops": __version__,
            "at": rfc3339(context.clock.now()),
            "env_kind": environment.env_kind,
            # What was seen may hold names of apps; what is kept says only how it ended.
            "tried": [{"number": one.number, "assumed": one.assumed, "verdict": one.verdict} for one in found],
            "shapes": shapes,
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        return file

    def _next(self, differs: bool) -> str:
        name = environment_of(self.context).name
        if differs:
            return "change that row of docs/unverified.md and the sandbox with it; report it with the file"
        if self.want.budget is None:
            return f"hotops conformance try {name} --budget {max(0.01, round(cost_usd() * 2, 2)):g}"
        return f"hotops doctor {name}"


def page(found: Sequence[Tried], environment: Environment, step: str, plan: Plan, done: Done) -> list[str]:
    """Assumed against seen, a paragraph each."""
    world = "SANDBOX, which proves nothing about the clouds" if environment.env_kind == "sandbox" else "live"
    count = {verdict: sum(one.verdict == verdict for one in found) for verdict in MARKS}
    lines = [
        f"{environment.name} ({world}): {', '.join(f'{number} {verdict}' for verdict, number in count.items())}",
        "",
    ]
    for one in found:
        number = f"#{one.number} " if one.number else ""
        lines += wrapped(f"{number}{one.assumed}: {one.seen}", first=f"{MARKS[one.verdict]} ", then="  ")
    if not plan.is_empty and not done:
        lines += ["", *plan.render().splitlines()]
    return [*lines, "", *wrapped(f"Next: {step}", then="      ")]
