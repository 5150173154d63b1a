"""Workflow runs: what each job is at a moment follows from when the run began and who approved what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from hotops.sandbox.github.world import Account, Environment, Repository

QUEUE_S = 2.0
JOB_S = 8.0
"""How long a job waits for a runner, and runs; the twin's speed divides both."""


@dataclass(frozen=True)
class Review:
    """What somebody said to jobs that wait for an environment."""

    environment: str
    state: str
    user: Account
    comment: str
    at: float


@dataclass(frozen=True)
class Job:
    """A job of a run, as planned."""

    id: int
    key: str
    needs: tuple[str, ...]
    environment: str | None
    conclusion: str = "success"


@dataclass
class Run:
    """A run of a workflow. `bypassed`: environments whose rules an administrator went past, and when."""

    id: int
    number: int
    path: str
    name: str
    event: str
    head_branch: str
    head_sha: str
    title: str
    actor: Account
    created_at: float
    jobs: tuple[Job, ...]
    pace: float = 1.0
    inputs: Mapping[str, str] = field(default_factory=dict)
    reviews: list[Review] = field(default_factory=list)
    bypassed: dict[str, float] = field(default_factory=dict)
    cancelled_at: float | None = None


@dataclass(frozen=True)
class JobState:
    """A job now. `ready_at`: when nothing but its environment's rules held it."""

    job: Job
    status: str
    conclusion: str | None
    ready_at: float
    started_at: float | None = None
    ended_at: float | None = None


def states(repo: Repository, run: Run, now: float) -> list[JobState]:
    """Every job of a run at `now`."""
    known: dict[str, JobState] = {}
    for job in run.jobs:
        known[job.key] = _state(repo, run, job, [known[name] for name in job.needs if name in known], now)
    return list(known.values())


def status_of(repo: Repository, run: Run, now: float) -> tuple[str, str | None, float]:
    """Status, conclusion and the time of the last change of a run."""
    jobs = states(repo, run, now)
    changed = max([run.created_at, *(at for job in jobs for at in (job.started_at, job.ended_at) if at is not None)])
    if all(job.status == "completed" for job in jobs):
        said = {job.conclusion for job in jobs}
        worst = next((word for word in ("cancelled", "failure", "timed_out") if word in said), None)
        return "completed", worst or ("success" if "success" in said else "skipped"), changed
    for word in ("in_progress", "queued", "waiting"):
        if any(job.status == word for job in jobs):
            return word, None, changed
    return "queued", None, changed


def waiting(repo: Repository, run: Run, now: float) -> list[tuple[Environment, JobState]]:
    """The environments that jobs of this run wait for."""
    found: dict[str, tuple[Environment, JobState]] = {}
    for state in states(repo, run, now):
        if state.status == "waiting" and state.job.environment:
            environment = repo.environments[state.job.environment.lower()]
            found.setdefault(environment.name, (environment, state))
    return list(found.values())


def _state(repo: Repository, run: Run, job: Job, needs: list[JobState], now: float) -> JobState:
    if any(need.status != "completed" for need in needs):
        return _ended(run, JobState(job, "queued", None, now), now)
    ready_at = max([run.created_at, *(need.ended_at or run.created_at for need in needs)])
    if any(need.conclusion != "success" for need in needs):
        return JobState(job, "completed", "skipped", ready_at, None, ready_at)
    gate = _gate(repo, run, job, ready_at)
    if isinstance(gate, JobState):
        return _ended(run, gate, now)
    free_at = gate
    started_at = free_at + QUEUE_S / run.pace
    ended_at = started_at + JOB_S / run.pace
    if now < started_at:
        return _ended(run, JobState(job, "queued" if now >= free_at else "waiting", None, ready_at), now)
    if now < ended_at:
        return _ended(run, JobState(job, "in_progress", None, ready_at, started_at), now)
    if run.cancelled_at is not None and run.cancelled_at < ended_at:
        return JobState(job, "completed", "cancelled", ready_at, started_at, run.cancelled_at)
    return JobState(job, "completed", job.conclusion, ready_at, started_at, ended_at)


def _gate(repo: Repository, run: Run, job: Job, ready_at: float) -> float | JobState:
    """When the rules of the job's environment let it go; the job's state where they do not."""
    environment = repo.environments.get((job.environment or "").lower())
    if environment is None:
        return ready_at
    if environment.branches is not None and not any(
        fnmatchcase(run.head_branch, each) for each in environment.branches
    ):
        return JobState(job, "completed", "failure", ready_at, None, ready_at)
    said = next((each for each in reversed(run.reviews) if each.environment == environment.name), None)
    if said is not None and said.state == "rejected":
        return JobState(job, "completed", "failure", ready_at, None, said.at)
    bypassed_at = run.bypassed.get(environment.name)
    if bypassed_at is not None:
        return max(ready_at, bypassed_at)
    if environment.reviewers and said is None:
        return JobState(job, "waiting", None, ready_at)
    return max(ready_at + environment.wait_timer_min * 60, said.at if said else 0.0)


def _ended(run: Run, state: JobState, now: float) -> JobState:
    """The same, unless the run was cancelled before."""
    if run.cancelled_at is None or run.cancelled_at > now:
        return state
    return JobState(state.job, "completed", "cancelled", state.ready_at, state.started_at, run.cancelled_at)
