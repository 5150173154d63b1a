"""Phase notify: those who are to know are told, and the team's feedback file gets its entry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from hotops.core.evidence import RUN_DIR_VARIABLE
from hotops.core.feedback import FeedbackEntry, append_entry
from hotops.core.operation import Done, Plan, Step
from hotops.promote.phases import Phase


@dataclass(frozen=True)
class News:
    """What happened, in a title and a few lines."""

    title: str
    text: str
    outcome: str


class Tell(Phase[News]):
    """Tell the declared places how the run ended. What can't be delivered is a warning, never a failure of the run."""

    def observe(self) -> News:
        environment = self.environment
        apps = ", ".join(self.context.selection or environment.apps)
        failure = dict((self.want.failure or {}).get("failure") or {})
        outcome = str(failure.get("code") or "promoted") if self.want.failure else "promoted"
        text = str((self.want.failure or {}).get("msg") or f"{apps} deployed, watched and accepted.")
        return News(f"{environment.name}: {apps} {outcome.replace('_', ' ')}", text, outcome)

    def plan(self, state: News) -> Plan:
        self._news = state
        environment = self.environment
        steps = [
            Step(f"notify/{index}", note.kind, "create", after={"title": state.title})
            for index, note in enumerate(environment.notifications)
        ]
        if environment.feedback_file:
            steps.append(Step("feedback", environment.feedback_file, "create", after={"title": state.title}))
        return Plan(tuple(steps), why_empty="nobody is to be told.")

    def apply(self, step: Step, done: Done) -> dict[str, object]:
        environment, news = self.environment, self._news
        run_dir = os.environ.get(RUN_DIR_VARIABLE, "")
        if step.name == "feedback" and environment.feedback_path is not None:
            entry = FeedbackEntry(
                at=self.context.clock.now(),
                status=news.outcome,
                working_on=news.title,
                progress=(news.text,),
                evidence=(f"run {self.context.run}", f"folder {_short(run_dir, environment.project_dir)}"),
            )
            append_entry(environment.feedback_path, entry, project=environment.project_dir)
            return {"file": str(environment.feedback_file)}
        note = environment.notifications[int(step.name.partition("/")[2])]
        from hotops.notify.message import Message, send_all

        message = Message(
            title=news.title, text=news.text, outcome=news.outcome, run=self.context.run, evidence=run_dir
        )
        warnings = send_all(self.context, environment, (note,), message)
        return {"warning": "; ".join(warnings)} if warnings else {}

    def report(self, state: News, plan: Plan, done: Done) -> dict[str, Any]:
        warnings = [str(fact["warning"]) for fact in done.values() if fact.get("warning")]
        return {"told": [step.target for step in plan.steps], "warnings": warnings}


def _short(run_dir: str, project: Any) -> str:
    try:
        return os.path.relpath(run_dir, project) if run_dir else "none"
    except ValueError:
        return run_dir
