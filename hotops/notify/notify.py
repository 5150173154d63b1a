"""Tell everybody whom the inventory names what became of a run."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.inventory.policy import Notification
from hotops.notify.channels import declared, name_of, send
from hotops.notify.message import Message


class NotifyWanted(Spec):
    """What to tell."""

    title: str = Field(min_length=1, max_length=200, description="What happened, in one line.")
    text: str = Field("", description="More about it; several lines.")
    outcome: str = Field("", description="The outcome in a word, such as `promoted` or `rolled_back`.")
    evidence: str = Field("", description="Path of the run's evidence.")
    title_only: bool = Field(
        default=False, description="Send title, outcome and run only; for places that anybody can read."
    )


class Notify(Operation[NotifyWanted, list[Notification]]):
    """Send a message every declared way. A way that fails is a warning in the result, never an error."""

    name = "notify"
    Want = NotifyWanted
    effect = "write"
    needs_environment = True
    evidence_optional = True
    docs = Documented(
        short="Tell people what became of a run",
        description=(
            "Sends a message every way that `notifications` of the inventory declares: webhooks, files, commands.",
            "A way that fails is a warning; the task never fails for it. In check mode nothing is sent.",
            "A webhook's URL is read from the environment variable that the inventory names, and shown nowhere.",
        ),
        returns={
            "sent": {
                "description": "What became of each notification; empty in check mode.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "to": {"description": "Which one: a file's path, the name of a webhook's variable.", "type": "str"},
                    "ok": {"description": "Whether it was taken.", "type": "bool"},
                    "why": {"description": "What went wrong.", "type": "str"},
                },
            },
            "warnings": {
                "description": "A sentence for each that failed.",
                "returned": "success",
                "type": "list",
                "elements": "str",
            },
        },
        examples="""
- name: Tell what became of the promotion
  hotops.core.notify:
    title: "shop-production runs {{ promoted.version }}"
    outcome: promoted
    evidence: "{{ promoted.evidence }}"
  run_once: true

- name: Say no more than the title where anybody can read it
  hotops.core.notify:
    title: The shop was rolled back
    outcome: rolled_back
    title_only: true
  run_once: true
""",
        see_also=("health_report",),
    )

    def observe(self) -> list[Notification]:
        return declared(self.context)

    def plan(self, state: list[Notification]) -> Plan:
        return Plan(
            steps=tuple(
                Step(f"notify/{number}", name_of(item), "create", after={"title": self.want.title})
                for number, item in enumerate(state, 1)
            ),
            title="Tell:",
            why_empty="the inventory declares no notifications",
        )

    def apply(self, step: Step, done: Done) -> Fact:
        ways = declared(self.context)
        number = int(step.name.rpartition("/")[2])
        return send(self.context, self._message(), ways[number - 1]).as_row()

    def report(self, state: list[Notification], plan: Plan, done: Done) -> dict[str, Any]:
        sent = [dict(done[step.name]) for step in plan.steps if step.name in done]
        failed = [row for row in sent if not row["ok"]]
        return {"sent": sent, "warnings": [f"The notification to {row['to']} failed: {row['why']}." for row in failed]}

    def _message(self) -> Message:
        want = self.want
        message = Message.of(
            self.context, title=want.title, text=want.text, outcome=want.outcome, evidence=want.evidence
        )
        return message.title_only() if want.title_only else message
