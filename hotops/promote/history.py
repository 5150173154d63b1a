"""What GitHub keeps of a run: a deployment and how it ended, with the head of the evidence as a witness elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hotops.core.context import Context
from hotops.core.errors import HotopsError
from hotops.core.evidence import EvidenceFolder
from hotops.core.operation import Fact, Step
from hotops.deploy import marks
from hotops.fly.models import Machine
from hotops.github.client import GitHub
from hotops.github.deployments import State
from hotops.inventory.schema import Environment

#: Of how a run ended, what GitHub has a word for; everything else is a failure.
STATES: Mapping[str, State] = {"promoted": "success"}


@dataclass(frozen=True)
class Ended:
    """What is recorded: the commits that the run was about, and how it ended."""

    outcome: str
    commits: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        return STATES.get(self.outcome, "failure")


def is_kept(context: Context, environment: Environment) -> bool:
    """Whether the team has a repository that this run may write to."""
    return environment.github_repo is not None and context.world.has_credential("github")


def commits_of(machines: Iterable[Machine]) -> tuple[str, ...]:
    """The commits that the machines' images claim, each once."""
    images = (marks.image_of(machine) for machine in machines)
    return tuple(dict.fromkeys(image.commit for image in images if image is not None and image.commit))


def steps_of(environment: Environment, ended: Ended) -> list[Step]:
    """A step for each commit; one is the rule."""
    return [
        Step(
            f"deployment/{commit[:12]}", scope_of(environment), "create", after={"state": ended.state, "commit": commit}
        )
        for commit in ended.commits
    ]


def scope_of(environment: Environment) -> str:
    """The environment's name at GitHub."""
    return environment.github_environment or environment.name


def record(context: Context, environment: Environment, step: Step, outcome: str) -> Fact:
    """Write a deployment and its status: two calls. What can't be written is a warning, never a failure of the run.

    Everybody can read a public repository's deployments, so there is nothing in them but the environment, how it ended,
    the run's name and a hash.
    """
    commit, repo = str(step.after["commit"]), str(environment.github_repo)
    try:
        head = context.journal.head() if isinstance(context.journal, EvidenceFolder) else ""
        # The run's name comes last: what is too long for GitHub is cut.
        said = f"{outcome.replace('_', ' ')},{f' evidence {head},' if head else ''} run {context.run}"
        github = context.client(GitHub)
        made = github.deployments.create(
            repo, commit, step.target, task=f"{context.run}/{commit[:12]}", description=said,
            payload={"hotops_run": context.run, "outcome": outcome, "evidence_head": head},
        )  # fmt: skip
        github.deployments.tell(repo, made.id, STATES.get(outcome, "failure"), description=said)
    except HotopsError as error:
        return {"warning": f"the deployment is not in GitHub's history: {error.message}"}
    return {"deployment": made.id, "evidence_head": head}
