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
from hotops.github.models import Deployment
from hotops.inventory.schema import Environment

#: Of how a run ended, what GitHub has a word for; everything else is a failure.
STATES: Mapping[str, State] = {"promoted": "success"}


@dataclass(frozen=True)
class Ended:
    """What is recorded: the commits that the run was about, and how it ended. `run` is another one that died."""

    outcome: str
    commits: tuple[str, ...] = ()
    run: str = ""

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
            f"deployment/{commit[:12]}",
            scope_of(environment),
            "create",
            after={"state": ended.state, "commit": commit, **({"of_run": ended.run} if ended.run else {})},
        )
        for commit in ended.commits
    ]


@dataclass(frozen=True)
class LeftOpen:
    """What a run that died while it told GitHub left: deployments without a state, and a promotion nobody recorded."""

    untold: tuple[Deployment, ...] = ()
    unrecorded: Ended | None = None


def left_open(context: Context, environment: Environment, machines: Iterable[Machine]) -> LeftOpen:
    """Of the newest other run that is recorded, what has no state; and the run that accepted these machines since.

    A list, and the states of one deployment (one commit is the rule). What GitHub refuses is a note, and nothing.
    """
    try:
        github, repo = context.client(GitHub), str(environment.github_repo)
        recorded = [(run_in(found), found) for found in github.deployments.list(repo, scope_of(environment))]
        newest = max((run for run, _ in recorded if run != context.run), default="")
        theirs = [found for run, found in recorded if newest and run == newest]
        untold = tuple(found for found in theirs if not github.deployments.statuses(repo, found.id))
    except HotopsError as error:
        context.journal.event("note", text=f"What GitHub's history says of earlier runs is not known: {error.message}")
        return LeftOpen()
    accepted = list(machines)
    runs = {machine.metadata.get(marks.ACCEPTED_BY, "") for machine in accepted if marks.is_accepted(machine)}
    restored = any(marks.RESTORED_BY in machine.metadata for machine in accepted)
    by = runs.pop() if len(runs) == 1 and not restored else ""
    if by in ("", context.run) or by <= newest or any(run == context.run for run, _ in recorded):
        return LeftOpen(untold)
    return LeftOpen(untold, Ended("promoted", commits_of(accepted), by))


def run_in(deployment: Deployment) -> str:
    """The run of hotops that recorded it, empty where it was somebody else."""
    payload = deployment.payload
    return str(payload.get("hotops_run") or "") if isinstance(payload, dict) else ""


def steps_to_close(environment: Environment, left: LeftOpen) -> list[Step]:
    """Each deployment without a state gets the one that its own run had known; what nobody recorded is recorded."""
    steps = [
        Step(
            f"untold/{found.id}",
            scope_of(environment),
            "update",
            before={"state": None},
            after={"state": STATES.get(str(found.payload.get("outcome")), "failure"), "said": found.description or ""},
        )
        for found in left.untold
    ]
    return steps + (steps_of(environment, left.unrecorded) if left.unrecorded else [])


def tell_late(context: Context, environment: Environment, step: Step) -> Fact:
    """Write the state that a dead run could not write any more: one call. A refusal is a warning."""
    number = int(step.name.partition("/")[2])
    state: State = "success" if step.after["state"] == "success" else "failure"
    try:
        context.client(GitHub).deployments.tell(
            str(environment.github_repo), number, state, description=str(step.after["said"])
        )
    except HotopsError as error:
        return {"warning": f"deployment {number} of GitHub's history has no state: {error.message}"}
    return {"deployment": number}


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
        run = str(step.after.get("of_run") or context.run)
        # The head of this run's evidence is no witness of what another one did.
        journal = context.journal
        head = journal.head() if run == context.run and isinstance(journal, EvidenceFolder) else ""
        # The run's name comes last: what is too long for GitHub is cut.
        said = f"{outcome.replace('_', ' ')},{f' evidence {head},' if head else ''} run {run}"
        github = context.client(GitHub)
        made = github.deployments.create(
            repo, commit, step.target, task=f"{run}/{commit[:12]}", description=said,
            payload={"hotops_run": run, "outcome": outcome, "evidence_head": head},
        )  # fmt: skip
        github.deployments.tell(repo, made.id, STATES.get(outcome, "failure"), description=said)
    except HotopsError as error:
        return {"warning": f"the deployment is not in GitHub's history: {error.message}"}
    return {"deployment": made.id, "evidence_head": head}
