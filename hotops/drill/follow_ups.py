"""What a drill left to do, as issues with an owner and a date: opened once, closed when the drill passes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, UsageError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.drill.result import seconds
from hotops.drill.standing import Standing, standings
from hotops.github.client import GitHub
from hotops.github.issues import Issues
from hotops.github.models import Issue
from hotops.inventory.schema import Environment
from hotops.proofs.register import DAY_S, Register

LABEL = "drill"


class FollowUpsWanted(Spec):
    """Nothing to choose: the register says what is left to do."""


@dataclass(frozen=True)
class FollowUp:
    """One thing to do. `stem` finds its issue again; a public repository is told the title, and so the run, alone."""

    scenario: str
    stem: str
    title: str
    body: str


@dataclass(frozen=True)
class Left:
    """What is to be done, the open issues of drills, and whether everybody may read them."""

    wanted: tuple[FollowUp, ...]
    there: tuple[Issue, ...]
    is_public: bool


class DrFollowUps(Operation[FollowUpsWanted, Left]):
    """Keep one open issue for each drill that failed last or is due. Raises RegisterDamaged, UsageError.

    The same failure is told once, a new one of the same scenario as a comment; a scenario that passed closes its issue.
    """

    name = "dr_follow_ups"
    Want = FollowUpsWanted
    needs_environment = True
    docs = Documented(
        short="Keep an issue for each drill that failed or is due",
        description=(
            "Reads the register of drills; opens an issue for each scenario that failed last, or that is due.",
            "With an owner (C(dr.owner)) and a date (C(dr.follow_up_days) after the failure); opened once.",
            "A public repository is told the title and the run's name alone. What passed meanwhile is closed.",
        ),
        returns={
            "open": {
                "description": "Titles of what is left to do.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": ["Drill database_lost of production failed by 2026-02-14: run 20260131T100000Z-dr_drill"],
            },
            "urls": {
                "description": "Pages of the issues that were opened, told more or closed now.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": ["https://github.com/acme/shop/issues/42"],
            },
        },
        examples="""
- name: What the drills left to do has an owner and a date
  hotops.core.dr_follow_ups:
  run_once: true

- name: What would be opened or brought up to date, and nothing is written
  hotops.core.dr_follow_ups:
  check_mode: true
  run_once: true
""",
        see_also=("dr_drill", "dr_due", "github_issue"),
    )

    @property
    def environment(self) -> Environment:
        environment: Environment = self.context.environment
        return environment

    @property
    def issues(self) -> Issues:
        return self.context.client(GitHub).issues

    def observe(self) -> Left:
        environment = self.environment
        entries = Register(environment.path(environment.dr.register_file)).entries()
        wanted = follow_ups(environment, standings(environment, entries), self.context.clock.now())
        ours = re.compile(rf"Drill \S+ of {re.escape(environment.name)} ")
        there = [one for one in self.issues.list(self._repo, labels=(LABEL,)) if ours.match(one.title)]
        return Left(tuple(wanted), tuple(there), not self.context.client(GitHub).repos.get(self._repo).private)

    def plan(self, state: Left) -> Plan:
        self._state = state
        steps: list[Step] = []
        for one in state.wanted:
            issue = _issue_of(one, state.there)
            if issue is None:
                steps.append(Step(f"open/{one.scenario}", one.title, "create", {}, {"title": one.title}))
            elif issue.title != one.title and not self._is_told(issue, one):
                steps.append(Step(f"tell/{one.scenario}", f"#{issue.number}", "update", {}, {"comment": one.title}))
        kept = {one.stem for one in state.wanted}
        steps += [
            Step(f"close/{issue.number}", f"#{issue.number}", "update", {"state": "open"}, {"state": "closed"})
            for issue in state.there
            if not any(issue.title.startswith(stem) for stem in kept)
        ]
        title = f"Follow-ups of the drills of {self.environment.name}"
        return Plan(tuple(steps), title, {}, "every issue says so already")

    def apply(self, step: Step, done: Done) -> Fact:
        kind, _, which = step.name.partition("/")
        if kind == "close":
            return {"url": self.issues.close(self._repo, int(which)).html_url}
        one = next(each for each in self._state.wanted if each.scenario == which)
        if kind == "tell":
            issue = _issue_of(one, self._state.there)
            assert issue is not None  # noqa: S101 (the plan made this step of that issue)
            self.issues.comment(self._repo, issue.number, self._said(one))
            return {"url": issue.html_url}
        owner = (self.environment.dr.owner,) if self.environment.dr.owner else ()
        body = "" if self._state.is_public else one.body
        made = self.issues.create(self._repo, one.title, body, labels=(LABEL,), assignees=owner)
        return {"url": made.html_url}

    def verify(self, plan: Plan, done: Done) -> None:
        left = self.plan(self.observe())
        if not left.is_empty:
            raise VerifyFailed(
                f"The issues of {self._repo} do not say so yet: {', '.join(step.name for step in left.steps)}.",
                remedy="Look at the issues, then run it again: what is there is not opened twice.",
                exit_code=ExitCode.ERROR,
            )

    def report(self, state: Left, plan: Plan, done: Done) -> dict[str, Any]:
        urls = [str(done[step.name]["url"]) for step in plan.steps if step.name in done]
        titles = [one.title for one in state.wanted]
        screen = [*(titles or ["The drills left nothing to do."]), *urls]
        return {"open": titles, "urls": urls, "hotops_screen": screen}

    @property
    def _repo(self) -> str:
        if self.environment.github_repo is None:
            raise UsageError("The inventory names no repository.", remedy="Set github_repo: OWNER/NAME.")
        return self.environment.github_repo

    def _said(self, one: FollowUp) -> str:
        return one.title if self._state.is_public else f"{one.title}\n\n{one.body}"

    def _is_told(self, issue: Issue, one: FollowUp) -> bool:
        return any(one.title in said for said in self.issues.comments(self._repo, issue.number))


def follow_ups(environment: Environment, found: Sequence[Standing], now: float) -> list[FollowUp]:
    """What is left to do. A failure of a scenario comes before its being due: it says more."""
    owner = f"Owner: {environment.dr.owner or 'nobody yet (dr.owner)'}."
    wanted: list[FollowUp] = []
    for one in found:
        stem = f"Drill {one.scenario} of {environment.name} "
        if one.failed is not None:
            by = _day(one.failed.began_at + environment.dr.follow_up_days * DAY_S)
            longest = max(one.failed.phases.items(), key=lambda item: item[1], default=None)
            began = f"The longest phase: {longest[0]}, {seconds(longest[1])}." if longest else "Nothing was measured."
            body = f"{one.failed.why}\n\n{began} Report: drill.html of run {one.failed.run}.\n\n{owner} Until: {by}."
            wanted.append(FollowUp(one.scenario, stem, f"{stem}failed, by {by}: run {one.failed.run}", body))
        elif one.is_due(now):
            since = "never proven" if one.due_at is None else f"by {_day(one.due_at)}"
            run = f": run {one.proof.run}" if one.proof else ""
            typed = f"hotops dr drill {environment.name} --scenario {one.scenario} --confirm {environment.name}"
            wanted.append(FollowUp(one.scenario, stem, f"{stem}is due, {since}{run}", f"    {typed}\n\n{owner}"))
    return wanted


def _issue_of(one: FollowUp, there: Sequence[Issue]) -> Issue | None:
    return next((issue for issue in there if issue.title.startswith(one.stem)), None)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
