"""A GitHub workflow as a file: its triggers, jobs and steps with their scripts, and what a step does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hotops.lint.flyctl import is_flyctl
from hotops.lint.marked import Marked
from hotops.lint.shell_words import Command, Script


@dataclass(frozen=True)
class Workflow:
    """A workflow file; `name` is its path as findings tell it."""

    name: str
    root: Marked

    @property
    def file(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def title(self) -> str:
        return self.root["name"].text

    @property
    def triggers(self) -> Marked:
        return self.root["on"]

    def starts_on(self, event: str) -> bool:
        on = self.triggers
        return event in on.names or any(item.text == event for item in on.each())

    def inputs(self) -> Mapping[str, Marked]:
        return dict(self.triggers["workflow_dispatch"]["inputs"].items())

    def jobs(self) -> Iterator[tuple[str, Marked]]:
        yield from self.root["jobs"].items()


@dataclass(frozen=True)
class Step:
    """A step's script, read."""

    at: Marked
    script: Script

    @property
    def commands(self) -> list[Command]:
        return self.script.commands


def calls_flyctl(command: Command) -> bool:
    return bool(command.called) and command.called[0].text in ("fly", "flyctl") and is_flyctl(command.called[0])


def deployed_by(command: Command) -> str:
    """The app that a command deploys, or its words where none is named; empty if it deploys nothing."""
    called = command.called
    if not called or not is_flyctl(called[0]) or [word.text for word in called[1:2]] != ["deploy"]:
        return ""
    words = [word.text for word in called]
    if "--build-only" in words:
        return ""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in ("-a", "--app"):
            return after
        if word.startswith(("--app=", "-a=")):
            return word.partition("=")[2]
    return " ".join(words)


def rights_needed(step: Step) -> Iterator[tuple[str, str]]:
    """What a step does with the job's token, and the right that it needs to write."""
    for command in step.commands:
        words = [word.text for word in command.called[:3]]
        if words == ["gh", "workflow", "run"]:
            yield "gh workflow run", "actions"
        if words in (["gh", "issue", "create"], ["gh", "issue", "comment"], ["gh", "issue", "close"]):
            yield " ".join(words), "issues"
        if words[:2] == ["gh", "release"] and words[2:] in (["create"], ["upload"]):
            yield " ".join(words), "contents"
    script = step.at["with"]["script"].text
    if "createWorkflowDispatch" in script:
        yield "createWorkflowDispatch", "actions"
    if "issues.create(" in script:
        yield "issues.create", "issues"
    if "createDeployment" in script:
        yield "createDeployment", "deployments"


def uses_the_jobs_token(step: Marked, job: Marked, root: Marked) -> bool:
    """Whether a step uses the token that the job's permissions are about, and not one of its own."""
    named = [step["with"]["github-token"].text]
    named += [place["env"][name].text for place in (step, job, root) for name in ("GH_TOKEN", "GITHUB_TOKEN")]
    first = next((text for text in named if text), "github.token")
    return bool(re.search(r"secrets\.GITHUB_TOKEN\b|github\.token\b", first))


def concurrency_groups(workflow: Workflow) -> set[str]:
    """The groups in which it or its jobs wait for others."""
    places = [workflow.root["concurrency"], *(job["concurrency"] for _, job in workflow.jobs())]
    return {group for place in places if (group := place["group"].text or place.text)}


def runner_of(job: Marked) -> str:
    return " ".join(item.text for item in job["runs-on"].scalars())


def is_elsewhere(workflow: Workflow, job: Marked, step: Step) -> bool:
    """Whether the step's folder is not the repository's: then its scripts are looked for in vain."""
    defaults = (step.at, job["defaults"]["run"], workflow.root["defaults"]["run"])
    if any(place["working-directory"].there for place in defaults):
        return True
    checkouts = [item for item in job["steps"].each() if item["uses"].text.startswith("actions/checkout")]
    return not checkouts or any(item["with"][key].there for item in checkouts for key in ("path", "repository", "ref"))
