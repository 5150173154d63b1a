"""Phase notify: those who are to know are told, the team's feedback file gets its entry, GitHub its deployment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotops.core.driver import is_readonly
from hotops.core.errors import ExitCode, HotopsError
from hotops.core.evidence import RUN_DIR_VARIABLE
from hotops.core.feedback import FeedbackEntry, FeedbackUnwritable, append_entry
from hotops.core.operation import Done, Fact, Plan, Step
from hotops.deploy import marks
from hotops.fly.models import Machine
from hotops.notify.channels import declared, name_of, send
from hotops.notify.message import Message
from hotops.promote import history
from hotops.promote.phases import Phase

#: A typo, a missing token and somebody else's lock are told to the one who typed; nobody else has to know.
NEVER_BEGAN = (ExitCode.USAGE, ExitCode.TOKEN, ExitCode.LOCK_HELD)
#: Failures of runs that changed something: a no-go is no deployment.
CHANGED = (ExitCode.RESTORED, ExitCode.NOT_RESTORED)


@dataclass(frozen=True)
class News:
    """What happened, in a title and a few lines."""

    title: str
    text: str
    outcome: str
    commits: tuple[str, ...] = ()
    #: What a run that died left open in GitHub's history.
    left: history.LeftOpen = field(default_factory=history.LeftOpen)


class Tell(Phase[News]):
    """Tell the declared places how the run ended. What can't be delivered is a warning, never a failure of the run."""

    def observe(self) -> News:
        targets = [pair.target for pair in self.pairs()]
        apps = ", ".join(targets)
        failure = dict((self.want.failure or {}).get("failure") or {})
        began = failure.get("exit_code") not in NEVER_BEGAN
        kept = began and history.is_kept(self.context, self.environment)
        running = self.machines_of(targets) if began and not self.want.failure and (self._anyone() or kept) else {}
        closes = kept and not is_readonly()  # who may write nothing leaves it to the next run
        ours = bool(running) and self._did_something(running)
        others = [] if ours else [machine for found in running.values() for machine in found]
        left = history.left_open(self.context, self.environment, others) if closes else history.LeftOpen()
        if not began or (running and not ours):
            return News(f"{self.environment.name}: {apps} as before", "Nothing was done.", "", left=left)
        outcome = str(failure.get("code") or "promoted") if self.want.failure else "promoted"
        text = str((self.want.failure or {}).get("msg") or f"{apps} deployed, watched and accepted.")
        changed = not self.want.failure or failure.get("exit_code") in CHANGED
        commits = history.commits_of(self._about(running)) if kept and changed else ()
        return News(f"{self.environment.name}: {apps} {outcome.replace('_', ' ')}", text, outcome, commits, left)

    def _about(self, running: Mapping[str, tuple[Machine, ...]]) -> list[Machine]:
        """Machines of the image that the run was about: its apps' own, or, where it failed, those of their sources."""
        if not self.want.failure:
            return [machine for found in running.values() for machine in found]
        sources = [pair.source for pair in self.pairs() if pair.source]
        try:
            return [machine for found in self.machines_of(sources).values() for machine in found]
        except HotopsError:
            return []  # it is told without

    def _anyone(self) -> bool:
        """Whether anybody is to be told; if not, nothing has to be read for it."""
        return bool(declared(self.context) or self.environment.feedback_file)

    def _did_something(self, running: Mapping[str, tuple[Machine, ...]]) -> bool:
        """Whether a machine says that this run deployed or accepted what it runs: the clouds know, no file has to."""
        machines = [machine for found in running.values() for machine in found]
        run = self.context.run
        return any(run in (machine.metadata.get(key) for key in (marks.RUN, marks.ACCEPTED_BY)) for machine in machines)

    def plan(self, state: News) -> Plan:
        self._news = state
        closing = history.steps_to_close(self.environment, state.left)
        if not state.outcome:
            return Plan(tuple(closing), why_empty="nothing was done, so nobody is told.")
        steps = [
            Step(f"notify/{index}", name_of(channel), "create", after={"title": state.title})
            for index, channel in enumerate(declared(self.context))
        ]
        if self.environment.feedback_file:
            steps.append(Step("feedback", self.environment.feedback_file, "create", after={"title": state.title}))
        steps += history.steps_of(self.environment, history.Ended(state.outcome, state.commits))
        return Plan((*steps, *closing), why_empty="nobody is to be told.")

    def apply(self, step: Step, done: Done) -> Fact:
        context, news = self.context, self._news
        folder = _evidence_folder(self.environment.project_dir)
        if step.name == "feedback":
            return self._write_feedback(news, folder)
        if step.name.startswith("deployment/"):
            return history.record(
                context, self.environment, step, "promoted" if "of_run" in step.after else news.outcome
            )
        if step.name.startswith("untold/"):
            return history.tell_late(context, self.environment, step)
        channel = declared(context)[int(step.name.partition("/")[2])]
        message = Message.of(context, title=news.title, text=news.text, outcome=news.outcome, evidence=folder)
        sent = send(context, message, channel)
        return {} if sent.ok else {"warning": f"{sent.to}: {sent.why}"}

    def _write_feedback(self, news: News, folder: str) -> Fact:
        environment = self.environment
        entry = FeedbackEntry(
            at=self.context.clock.now(),
            status=news.outcome.replace("_", " ").capitalize(),
            working_on=news.title,
            progress=(news.text,),
            evidence=(f"run {self.context.run}", f"folder {folder}"),
        )
        path = Path(str(environment.feedback_file))
        try:
            append_entry(path, entry, project=environment.project_dir, secrets=self.context.world.tokens.values())
        except FeedbackUnwritable as error:
            return {"warning": error.message}
        return {"file": str(path)}

    def report(self, state: News, plan: Plan, done: Done) -> dict[str, Any]:
        warnings = [str(fact["warning"]) for fact in done.values() if fact.get("warning")]
        outcome = {"outcome": state.outcome or "nothing to do"} if not self.want.failure else None
        return {
            "told": [step.target for step in plan.steps],
            "warnings": warnings,
            **({"hotops_outcome": outcome} if outcome else {}),
        }


def _evidence_folder(project: Path) -> str:
    """The run's folder as the team names it: relative to the project."""
    run_dir = os.environ.get(RUN_DIR_VARIABLE, "")
    return os.path.relpath(run_dir, project) if run_dir else "none"
