"""The module escalate: people are told of a run that failed again, and that it works again; no run fails by it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.clock import rfc3339
from hotops.core.context import Context
from hotops.core.documented import Documented
from hotops.core.errors import HotopsError, UsageError
from hotops.core.evidence import SUMMARY_FILE
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.plain import plain_data
from hotops.core.runs import user_name
from hotops.escalation.mended import ALL_APPS, Mending, mendings, run_line, title_stem, works_again_line
from hotops.github.issues import Issues
from hotops.github.models import Issue
from hotops.inventory.policy import Notification
from hotops.inventory.schema import Environment
from hotops.notify.channels import Sent, declared, name_of, send
from hotops.notify.message import Message
from hotops.repository.asked import github_of

ISSUE = "issue"
_NOTHING_OPEN = "no open issue tells of a failure of it"
#: By these GitHub's runners name the page on which a run's log and artifacts are.
_PAGE_VARIABLES = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")


class EscalateWanted(Spec):
    """What could not be finished, or works again."""

    what: str = Field(min_length=1, max_length=120, description="What was run: a playbook, a command.")
    outcome: str = Field(min_length=1, description="How it ended, in a word such as `not_restored`.")
    exit_code: int = Field(1, description="The exit code it ended with; 0 tells open issues that it works again.")
    text: str = Field("", description="What went wrong and what to do next; never sent to a public repository.")
    failed_run: str = Field(
        "", description="Id of the run that it is about, by which it is told once. This run's own if omitted."
    )
    evidence: str = Field("", description="Folder of its evidence, below the project's folder.")
    failures: int = Field(1, ge=1, description="How many times in a row it failed.")


@dataclass(frozen=True)
class Ways:
    """How people can be told."""

    repo: str | None
    notifications: tuple[Notification, ...] = ()
    #: After a good run: what it mends, or why that is not known.
    mended: tuple[Mending, ...] = ()
    unread: str = ""


class Escalate(Operation[EscalateWanted, Ways]):
    """Tell people of a failure, or the issues of earlier ones that it works again. What fails is told, never raised."""

    name: ClassVar[str] = "escalate"
    Want: ClassVar[type[Spec]] = EscalateWanted
    effect = "write"
    needs_environment = True
    evidence_optional = True
    docs = Documented(
        short="Tell people what a run could not finish, with its evidence",
        description=(
            "Opens an issue in the inventory's repository, one for the same apps, or adds to the open one.",
            "A public repository is told the title and the run's id, and no more.",
            "Sends a message every way that `notifications` of the inventory declares, such as Slack or e-mail.",
            "With C(exit_code=0) the open issues about these apps are told that it works again, once after a failure.",
            "An issue is closed then, unless it names runs of another playbook that nobody saw working again.",
            "What could not be told is a warning in the result; the task never fails for it.",
            "`hotops run` and the commands of playbooks do so at the second failure in a row, at once for exit code 7.",
        ),
        returns={
            "told": {
                "description": "What became of each way; empty in check mode.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "to": {"description": "Which one: the issue's repository, a webhook's variable.", "type": "str"},
                    "ok": {"description": "Whether it was taken.", "type": "bool"},
                    "why": {"description": "What went wrong.", "type": "str"},
                    "url": {"description": "The issue's page.", "type": "str"},
                    "closed": {"description": "Whether the issue was closed, after a good run.", "type": "bool"},
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
- name: Somebody has to look
  hotops.core.escalate:
    what: nightly.yml
    outcome: not_restored
    exit_code: 7
    text: "{{ ansible_failed_result.msg }}"
    evidence: artifacts/deployment/20260131T100000Z-nightly-production
  run_once: true

- name: A backup failed for the third night
  hotops.core.escalate:
    what: backup
    outcome: backup_failed
    failures: 3
  run_once: true

- name: The backup works again
  hotops.core.escalate:
    what: backup
    outcome: done
    exit_code: 0
  run_once: true
""",
        see_also=("notify", "github_issue"),
    )

    _unproven = ""

    @property
    def environment(self) -> Environment:
        """The environment it is about. Raises UsageError without an inventory."""
        found = self.context.environment
        if not isinstance(found, Environment):
            raise UsageError("This needs an inventory.", remedy="Name it with -i.")
        return found

    def observe(self) -> Ways:
        environment = self.environment
        repo = environment.github_repo if environment.escalation.issue else None
        if self.want.exit_code:
            return Ways(repo, tuple(declared(self.context)))
        try:
            return Ways(repo, mended=self._mendings(repo) if repo else ())
        except HotopsError as error:
            return Ways(repo, unread=f"{error.message} {error.remedy}".strip())

    def plan(self, state: Ways) -> Plan:
        self._ways = state
        if not self.want.exit_code:
            return Plan(tuple(_mending_steps(state.mended)), "Works again:", why_empty=state.unread or _NOTHING_OPEN)
        title = {"title": self._title()}
        steps = [Step(ISSUE, f"issue of {state.repo}", "create", after=title)] if state.repo else []
        steps += [
            Step(f"notify/{number}", name_of(item), "create", after=title)
            for number, item in enumerate(state.notifications, 1)
        ]
        return Plan(tuple(steps), "Tell:", why_empty="the inventory declares neither github_repo nor notifications")

    def apply(self, step: Step, done: Done) -> Fact:
        if not self.want.exit_code:
            return self._mend(step)
        if step.name != ISSUE:
            way = self._ways.notifications[int(step.name.rpartition("/")[2]) - 1]
            return send(self.context, self._message(), way).as_row()
        try:
            return {**Sent(step.target, ok=True).as_row(), "url": self._tell_issue(str(self._ways.repo)).html_url}
        except HotopsError as error:
            return Sent(step.target, ok=False, why=f"{error.message} {error.remedy}".strip()).as_row()

    def verify(self, plan: Plan, done: Done) -> None:
        """Whether the issue says so. A message can't be read back; of neither a failure is raised."""
        if not self.want.exit_code:
            self._prove_mended(done)
            return
        if not done.get(ISSUE, {}).get("ok"):
            return
        try:
            issues, repo = github_of(self.context).issues, str(self._ways.repo)
            found = issues.titled(repo, self._title())
            said = [found.body or "", *issues.comments(repo, found.number)] if found is not None else []
            if not any(self._run_line() in text for text in said):
                self._unproven = "GitHub took it, and the issue does not tell of this run"
        except HotopsError as error:
            self._unproven = f"GitHub took it, and could not be asked again: {error.message}"

    def report(self, state: Ways, plan: Plan, done: Done) -> dict[str, Any]:
        told = [dict(done[step.name]) for step in plan.steps if step.name in done]
        if state.unread:
            told.append(Sent(f"issue of {state.repo}", ok=False, why=state.unread).as_row())
        if self._unproven:
            told = [{**row, "ok": False, "why": self._unproven} if "url" in row else row for row in told]
        failed = [row for row in told if not row["ok"]]
        return {"told": told, "warnings": [f"{row['to']} was not told: {row['why']}" for row in failed]}

    # --- the issue --------------------------------------------------------------------------------------------------

    def _tell_issue(self, repo: str) -> Issue:
        """The open issue of this environment and these apps, told of this run once."""
        issues, title = github_of(self.context).issues, self._title()
        is_public = not github_of(self.context).repos.get(repo).private
        said = self._run_line() if is_public else self._body()
        found = issues.titled(repo, title)
        if found is None:
            return issues.create(repo, title, said, labels=self.environment.escalation.labels)
        known = [found.body or "", *issues.comments(repo, found.number)]
        if not any(self._run_line() in text for text in known):
            issues.comment(repo, found.number, said)
        return found

    def _title(self) -> str:
        """The same for the same apps of the same environment, whatever fails there: one trouble, one issue."""
        return f"{self._stem()}{', '.join(self._some_apps()) or ALL_APPS}"

    def _stem(self) -> str:
        return title_stem(self.environment.name, is_sandbox=self.environment.env_kind == "sandbox")

    def _some_apps(self) -> list[str]:
        """The apps that it is about; none where it is about all."""
        apps = self.environment.apps
        hosts = [host for host in self.context.selection if host in apps]
        return hosts if len(hosts) < len(apps) else []

    def _run_line(self) -> str:
        line = run_line if self.want.exit_code else works_again_line
        return line(self.want.failed_run or self.context.run)

    # --- works again ------------------------------------------------------------------------------------------------

    @property
    def _issues(self) -> Issues:
        return github_of(self.context).issues

    def _mendings(self, repo: str) -> tuple[Mending, ...]:
        return mendings(
            self._issues,
            repo,
            stem=self._stem(),
            apps=self._some_apps(),
            what=self.want.what,
            environment=self.environment.name,
        )

    def _mend(self, step: Step) -> Fact:
        """Say it, then close: a run that dies between the two leaves an issue that the next good run closes."""
        repo, number = str(self._ways.repo), int(step.name.rpartition("/")[2])
        one = next(one for one in self._ways.mended if one.issue.number == number)
        try:
            if one.is_told:
                self._issues.comment(repo, number, self._words_of_mending(repo))
            if one.is_closed:
                self._issues.close(repo, number)
        except HotopsError as error:
            return Sent(step.target, ok=False, why=f"{error.message} {error.remedy}".strip()).as_row()
        return {**Sent(step.target, ok=True).as_row(), "url": one.issue.html_url, "closed": one.is_closed}

    def _words_of_mending(self, repo: str) -> str:
        if not github_of(self.context).repos.get(repo).private:
            return self._run_line()
        said = f"**{self.want.what}** works again: it ended with **{self.want.outcome}**."
        told_by = f"Told by {user_name()} at {rfc3339(self.context.clock.now())}."
        body: str = plain_data(f"{said}\n\n{self._run_line()}\n{told_by}", self.context.world.tokens.values())
        return body

    def _prove_mended(self, done: Done) -> None:
        """Another look finds nothing left to say, nor to close."""
        if not any(fact.get("ok") for fact in done.values()):
            return
        try:
            left = {one.issue.number for one in self._mendings(str(self._ways.repo))}
        except HotopsError as error:
            self._unproven = f"GitHub took it, and could not be asked again: {error.message}"
            return
        if left & {int(name.rpartition("/")[2]) for name, fact in done.items() if fact.get("ok")}:
            self._unproven = "GitHub took it, and the issue does not show it"

    # --- words ------------------------------------------------------------------------------------------------------

    def _body(self) -> str:
        message, want = self._message(), self.want
        page = _page_of_this_job(self.context)
        how = f"**{want.outcome}** (exit code {want.exit_code}), {_times(want.failures)} in a row"
        lines = [
            f"**{want.what}** ended with {how}.",
            message.text,
            "\n".join(
                [
                    self._run_line(),
                    f"Evidence: `{message.evidence}`" if message.evidence else "",
                    f"Log and artifacts: {page}" if page else "",
                    f"Told by {user_name()} at {rfc3339(message.at)}. Close this when it is mended.",
                ]
            ),
            _summary(self.context, want.evidence),
        ]
        body: str = plain_data("\n\n".join(part for part in lines if part), self.context.world.tokens.values())
        return body

    def _message(self) -> Message:
        want = self.want
        title = f"{self._title().removeprefix('[sandbox] ')}: {want.what}, {_times(want.failures)} in a row"
        lines = [want.text, f"Run {want.failed_run or self.context.run}, exit code {want.exit_code}."]
        return Message.of(
            self.context,
            title=title,
            text="\n".join(line for line in lines if line),
            outcome=want.outcome,
            evidence=want.evidence,
        )


def _mending_steps(mended: tuple[Mending, ...]) -> Iterator[Step]:
    for one in mended:
        after = {"comment": "works again"} if one.is_told else {}
        state = {"state": "closed"} if one.is_closed else {}
        before = {"state": "open"} if one.is_closed else {}
        yield Step(f"{ISSUE}/{one.issue.number}", f"issue #{one.issue.number}", "update", before, {**after, **state})


def _times(failures: int) -> str:
    return "once" if failures == 1 else "twice" if failures == 2 else f"{failures} times"


def _page_of_this_job(context: Context) -> str:
    server, repo, run = (context.world.environ.get(name, "") for name in _PAGE_VARIABLES)
    return f"{server}/{repo}/actions/runs/{run}" if server and repo and run else ""


def _summary(context: Context, evidence: str) -> str:
    """The run's summary, folded up: what the evidence says in plain words."""
    environment = context.environment
    if not evidence or not isinstance(environment, Environment):
        return ""
    try:
        text = Path(environment.path(evidence), SUMMARY_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return f"No {SUMMARY_FILE} in `{os.path.basename(evidence)}`: the run died before it could write one."  # noqa: PTH119
    return f"<details><summary>{SUMMARY_FILE}</summary>\n\n{text}\n\n</details>"
