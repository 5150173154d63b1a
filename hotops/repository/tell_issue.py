"""The module github_issue: one open issue for one incident, told more instead of opened again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.github.issues import fitting
from hotops.github.models import Issue
from hotops.repository.asked import github_of, repo_of


class IssueWanted(Spec):
    """Which issue, and what it says."""

    title: str = Field(min_length=1, max_length=256, description="Its title, by which the open one is found again.")
    body: str = Field("", description="What happened; never sent to a public repository unless O(public_body).")
    labels: tuple[str, ...] = Field((), description="Its labels when it is opened.")
    state: Literal["open", "closed"] = Field("open", description="Whether it is to be open.")
    public_body: bool = Field(default=False, description="Whether the body may go into a public repository.")
    repo: str | None = Field(None, description="Repository, OWNER/NAME; the inventory's if omitted.")


@dataclass(frozen=True)
class Found:
    """The open issue of this title, whether its words are there already, and whether the repository is public."""

    issue: Issue | None
    is_said: bool
    is_public: bool


class TellIssue(Operation[IssueWanted, Found]):
    """Open, tell more or close the issue of an incident."""

    name = "github_issue"
    Want = IssueWanted
    needs_environment = True
    docs = Documented(
        short="Keep one open issue for one incident",
        description=(
            "Opens an issue, or adds a comment to the open one of the same title; with O(state=closed), closes it.",
            "In a public repository only the title is told, unless O(public_body).",
        ),
        returns={
            "number": {"description": "Its number.", "returned": "when there is one", "type": "int", "sample": 42},
            "url": {
                "description": "Its page.",
                "returned": "when there is one",
                "type": "str",
                "sample": "https://github.com/acme/shop/issues/42",
            },
        },
        examples="""
- name: The incident has an issue
  hotops.core.github_issue:
    title: "shop-production rolled back"
    body: "{{ promotion.msg }}"
    labels: [incident]
  run_once: true

- name: It is over
  hotops.core.github_issue:
    title: "shop-production rolled back"
    state: closed
  run_once: true
""",
        see_also=("notify",),
    )

    def observe(self) -> Found:
        github, repo = github_of(self.context), repo_of(self.context, self.want.repo)
        found = github.issues.titled(repo, self.want.title)
        is_public = not github.repos.get(repo).private
        body = self._body(is_public=is_public)
        is_said = found is not None and (
            body in ("", found.body) or any(body == said for said in github.issues.comments(repo, found.number))
        )
        return Found(found, is_said, is_public)

    def plan(self, state: Found) -> Plan:
        self._state = state
        want, issue = self.want, state.issue
        if want.state == "closed":
            if issue is None:
                return Plan(why_empty="no such issue is open.")
            return Plan((Step("issue", f"#{issue.number}", "update", {"state": "open"}, {"state": "closed"}),))
        if issue is None:
            return Plan(
                (Step("issue", want.title, "create", after={"title": want.title, "labels": list(want.labels)}),)
            )
        if state.is_said:
            return Plan(why_empty=f"#{issue.number} says so already.")
        return Plan((Step("issue", f"#{issue.number}", "update", after={"comment": "what happened"}),))

    def apply(self, step: Step, done: Done) -> Fact:
        github, repo, issue = github_of(self.context), repo_of(self.context, self.want.repo), self._state.issue
        body = self._body(is_public=self._state.is_public)
        if issue is None:
            made = github.issues.create(repo, self.want.title, body, labels=self.want.labels)
            return {"number": made.number, "url": made.html_url}
        if self.want.state == "closed":
            github.issues.close(repo, issue.number)
        else:
            github.issues.comment(repo, issue.number, body)
        return {"number": issue.number, "url": issue.html_url}

    def verify(self, plan: Plan, done: Done) -> None:
        want, github, repo = self.want, github_of(self.context), repo_of(self.context, self.want.repo)
        issue = github.issues.get(repo, int(str(done["issue"]["number"])))
        body = self._body(is_public=self._state.is_public)
        is_told = (
            want.state == "closed" or body in ("", issue.body) or body in github.issues.comments(repo, issue.number)
        )
        if issue.state != want.state or issue.title != want.title or not is_told:
            raise VerifyFailed(
                f"Issue #{issue.number} of {repo} is {issue.state} and {'says' if is_told else 'does not say'} it.",
                remedy=f"Look at {issue.html_url}, then run again.",
                exit_code=ExitCode.ERROR,
            )

    def report(self, state: Found, plan: Plan, done: Done) -> dict[str, Any]:
        if "issue" in done:
            return dict(done["issue"])
        return {"number": state.issue.number, "url": state.issue.html_url} if state.issue is not None else {}

    def _body(self, *, is_public: bool) -> str:
        return "" if is_public and not self.want.public_body else fitting(self.want.body)
