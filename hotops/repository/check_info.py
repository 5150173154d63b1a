"""The module github_check_info: what CI said of a commit."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.repository.asked import github_of, repo_of
from hotops.repository.ci import checks_of, not_green


class ChecksWanted(Spec):
    """Which checks of which commit."""

    commit: str = Field(min_length=1, description="The commit, a branch or a tag.")
    names: tuple[str, ...] = Field((), description="Checks that have to be green; an absent one is red.")
    repo: str | None = Field(None, description="Repository, OWNER/NAME; the inventory's if omitted.")


class CheckInfo(Operation[ChecksWanted, dict[str, str]]):
    """Read a commit's checks by name. Raises Unprocessable for a commit that is not there."""

    name = "github_check_info"
    Want = ChecksWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Read what CI said of a commit",
        description=(
            "Returns the check runs and commit statuses of a commit by name, each with its conclusion.",
            "Of O(names), those that are absent, failed or still running are told in RV(not_green).",
        ),
        returns={
            "checks": {
                "description": "Conclusions by name; C(pending) while one runs.",
                "returned": "success",
                "type": "dict",
                "sample": {"build": "success", "e2e": "failure"},
            },
            "not_green": {
                "description": "Those of O(names) that are not green, in words.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": ["e2e is failure"],
            },
        },
        examples="""
- name: See what CI said of the main branch
  hotops.core.github_check_info:
    commit: main
  run_once: true

- name: Nothing goes on unless build and e2e are green
  hotops.core.github_check_info:
    commit: "{{ commit }}"
    names: [build, e2e]
  register: ci
  failed_when: ci is failed or ci.not_green | length > 0
  run_once: true
""",
        see_also=("gate", "github_workflow"),
    )

    def observe(self) -> dict[str, str]:
        return checks_of(github_of(self.context), repo_of(self.context, self.want.repo), self.want.commit)

    def report(self, state: dict[str, str], plan: Plan, done: Done) -> dict[str, Any]:
        return {"checks": dict(sorted(state.items())), "not_green": not_green(self.want.names, state)}
