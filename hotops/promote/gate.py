"""The module gate: ask some or all gates without deploying anything."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import NoGo, UsageError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.options import nearest
from hotops.core.parallel import map_parallel
from hotops.fly import Fly
from hotops.promote.asking import ASKERS
from hotops.promote.facts import Facts, gather
from hotops.promote.gates import Gate, ask, no_go_words, table, verdict_line
from hotops.promote.pairs import environment_of, pairs_of
from hotops.promote.source import find_source


class GateWant(Spec):
    """Options of the module gate."""

    names: tuple[str, ...] = Field((), description="Gates to ask; all if omitted.")
    version: str | None = Field(
        None, description="What the source is expected to run: a commit, a tag or a release (v42)."
    )
    stop: bool = Field(default=True, description="Fail when a gate says no; else only report it.")


class AskSomeGates(Operation[GateWant, list[Gate]]):
    """Ask gates of the selected apps, anew. Raises NoGo, and UsageError for an unknown gate."""

    name: ClassVar[str] = "gate"
    Want: ClassVar[type[Spec]] = GateWant
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Ask the gates of a promotion",
        description=(
            "Asks gates of the selected apps and reports each with what was found, from where, its age and expiry.",
            "Nothing is deployed, and no verdict is signed: only a whole promotion gives one.",
        ),
        returns={
            "gates": {
                "description": "Each gate of each app.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "sample": [{"gate": "source_healthy", "app": "shop-production", "status": "pass", "blocks": False}],
            },
            "go": {
                "description": "Whether no gate stops a promotion.",
                "returned": "success",
                "type": "bool",
                "sample": True,
            },
        },
        examples="""
- name: Nothing would stop a promotion now
  hotops.core.gate:
  run_once: true

- name: See whether staging is healthy and soaked
  hotops.core.gate:
    names: [source_healthy, source_soaked]
    stop: false
  register: seen
  run_once: true
""",
        see_also=("promote_phase",),
    )

    def observe(self) -> list[Gate]:
        for name in self.want.names:
            if name not in ASKERS:
                meant = nearest(name, ASKERS)
                raise UsageError(
                    f"There is no gate {name!r}.",
                    remedy=f"Did you mean {meant}?" if meant else f"Known are {', '.join(ASKERS)}.",
                )
        context = self.context
        environment, fly = environment_of(context), context.client(Fly)

        def asked(facts: Facts) -> list[Gate]:
            names = self.want.names or tuple(ASKERS)
            return map_parallel(lambda name: ask(name, ASKERS[name], facts), names)

        facts = [
            gather(context, environment, pair, find_source(fly, pair), wanted_version=self.want.version or "")
            for pair in pairs_of(context)
        ]
        return [gate for found in map_parallel(asked, facts) for gate in found]

    def report(self, state: list[Gate], plan: Plan, done: Done) -> dict[str, Any]:
        now = self.context.clock.now()
        for gate in state:
            gate.note(self.context.journal, now)
        rows, stops = [gate.as_row() for gate in state], any(gate.blocks for gate in state)
        screen = [*table(state, now), verdict_line(state)]
        if stops and self.want.stop:
            raise NoGo(
                f"NO-GO: {no_go_words(state)}.",
                remedy="Mend it; nothing was changed.",
                details={"gates": [row for row in rows if row["blocks"]], "hotops_screen": screen},
            )
        return {"gates": rows, "go": not stops, "hotops_screen": screen}
