"""Who approved a plan: asked for through the shipped workflow, judged strictly, used once.

Reviewers of an environment guard jobs that name it, and nothing else (GitHub docs, deployment protection rules): a bare
deployment walks past them, and whoever may edit a workflow on a branch can leave the environment out. So what counts is
a run of the shipped file, from the default branch, whose title names the plan, and a review of that very environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.context import Context
from hotops.core.driver import refuse_if_readonly
from hotops.core.errors import ExitCode, Forbidden, HotopsError, NotFound, UsageError
from hotops.core.runs import user_name
from hotops.github import approval_workflow as workflow
from hotops.github.client import GitHub
from hotops.github.lock import PREFIX
from hotops.github.models import Environment as GithubEnvironment
from hotops.github.models import Review, Run
from hotops.inventory.schema import Environment
from hotops.repository.shown_plans import ShownPlan, show_plan, shown_plan, use_plan

#: A plan is approved for that long, from when it was asked for.
VALID_S = 4 * 3600.0
#: An unfinished run whose name does not say when it began is taken to be no older.
_LONGEST_UNFINISHED_S = 7 * 86400.0
#: A dispatch's inputs hold 65,535 characters together (GitHub docs, workflow_dispatch); a plan is cut long before.
_LONGEST_SUMMARY = 20_000


class ApprovalMissing(HotopsError):
    """Nobody has approved the plan yet; nothing was changed."""

    code = "approval_missing"
    exit_code = ExitCode.APPROVAL


class ApprovalRefused(HotopsError):
    """Somebody said no, or what looks like an approval does not count; the message says why."""

    code = "approval_refused"
    exit_code = ExitCode.APPROVAL


@dataclass(frozen=True)
class Approval:
    """A plan's approval. `login` is proven for `kind` github; for `self` it is who ran hotops, and says so."""

    kind: Literal["github", "self"]
    plan_id: str
    login: str
    self_approved: bool
    run: int = 0
    url: str = ""
    comment: str = ""
    #: The unfinished run of hotops that this yes was for; the one that goes on with it needs no second yes.
    resumes: str = ""

    def __str__(self) -> str:
        how = "self-approved by" if self.self_approved else "approved by"
        goes_on = f", for run {self.resumes}, which this one finishes" if self.resumes else ""
        return f"plan {self.plan_id[:12]} {how} {self.login}{f' ({self.url})' if self.url else ''}{goes_on}"

    def as_row(self) -> dict[str, Any]:
        """Plain data, for the verdict and the evidence."""
        return asdict(self)

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Approval:
        return cls(**row)


def github_environment(environment: Environment) -> str:
    """The environment of GitHub whose reviewers approve."""
    return environment.github_environment or environment.name


def request_approval(context: Context, environment: Environment, plan_id: str, summary: str = "") -> int:
    """Start the approval workflow for a plan; the run's number.

    Of a plan, only its id goes into a public repository. Raises UsageError without a repository, ApprovalRefused where
    the environment has no reviewers or the workflow is not on the default branch.
    """
    refuse_if_readonly("Asking for an approval")
    github, repo, name = _github(context), _repo(environment), github_environment(environment)
    _guarded(github, repo, name)
    known = github.repos.get(repo)
    inputs = {"plan": plan_id, "environment": name}
    if known.private and summary:
        inputs["summary"] = summary[:_LONGEST_SUMMARY]
    title = workflow.title(plan_id, name)
    try:
        run = github.workflows.dispatch(repo, workflow.FILE, known.default_branch, inputs, title=title)
    except NotFound as error:
        raise ApprovalRefused(
            f"{workflow.PLACE} is not on {known.default_branch}, the default branch of {repo}: nobody can be asked.",
            remedy="Put the file there that hotops ships (docs/operating.md, approval_refused), or set approval: self.",
            request_id=error.request_id,
        ) from error
    context.journal.event("approval", action="requested", plan=plan_id, url=_page(repo, run))
    return run


def approval_of(context: Context, environment: Environment, plan_id: str, run: int, *, resumes: str = "") -> Approval:
    """Who approved this plan in this run of the workflow; of a run that `resumes` another, in time for that one.

    Raises ApprovalMissing while nobody did, ApprovalRefused for everything that does not count.
    """
    github, repo, name = _github(context), _repo(environment), github_environment(environment)
    found = github.runs.get(repo, run)
    _is_ours(github, repo, found)
    if found.display_title != workflow.title(plan_id, name):
        raise _refused(found, f"it is about another plan ({found.display_title}), not {plan_id}")
    age_s = context.clock.now() - (found.created_at or 0.0)
    if age_s > VALID_S and not resumes:
        raise _refused(found, f"it expired: it was asked for {spoken_duration(age_s)} ago, and counts for 4 h")
    guard = _guarded(github, repo, name)
    reviews = [each for each in github.runs.reviews(repo, run) if _is_about(each, guard)]
    for review in reviews:
        if review.state == "rejected":
            raise _refused(found, f"{review.user.login} rejected it{_quoted(review)}")
    said_yes = [each for each in reviews if each.state == "approved"]
    if not said_yes and not found.is_over:
        waits_for = ", ".join(guard.reviewers)
        raise ApprovalMissing(
            f"Plan {plan_id} waits for the approval of {waits_for}: {found.html_url}",
            remedy="Run the same again once it is approved; until then nothing changes.",
            details={"plan_id": plan_id, "url": found.html_url, "run": run, "reviewers": list(guard.reviewers)},
        )
    if not said_yes:
        if found.conclusion != "success":
            raise _refused(found, f"its run ended as {found.conclusion} before anybody approved")
        raise _refused(found, f"an administrator went past the reviewers of {name}: nobody approved the plan")
    review = said_yes[-1]
    teams = [each for each in guard.reviewers if each.startswith("@")]
    if review.user.login not in guard.reviewers and not teams:
        raise _refused(found, f"{review.user.login} is no reviewer of {name} and went past them as an administrator")
    askers = {found.triggering_actor.login if found.triggering_actor else "", _asker(github)}
    login, is_own = review.user.login, review.user.login in askers
    return Approval("github", plan_id, login, is_own, run, found.html_url, review.comment, resumes)


def find_approval(context: Context, environment: Environment, plan_id: str) -> Approval | None:
    """The newest approval of a plan that still counts and was not used; None where nobody was asked.

    Raises ApprovalMissing where somebody was and has not answered, ApprovalRefused where the answer was no.
    """
    github, repo, name = _github(context), _repo(environment), github_environment(environment)
    since = context.clock.now() - VALID_S
    wanted = workflow.title(plan_id, name)
    try:
        runs = [run for run in github.workflows.runs(repo, workflow.FILE, since=since) if run.display_title == wanted]
    except NotFound:
        return None  # the workflow is not there: asking will say so
    for run in sorted(runs, key=lambda each: -each.id):
        if github.git.ref(repo, _used(run.id)) is None:
            return approval_of(context, environment, plan_id, run.id)
    return None


def find_resumed(
    context: Context, environment: Environment, plan_id: str, unfinished: Collection[str]
) -> Approval | None:
    """The approval that one of these unfinished runs spent on this very plan: going on with it needs no second one."""
    runs = {*unfinished, *_inherited(context, environment)}
    if not runs:
        return None
    github, repo = _github(context), _repo(environment)
    began = min(_began_at(run) or context.clock.now() - _LONGEST_UNFINISHED_S for run in runs)
    wanted = workflow.title(plan_id, github_environment(environment))
    try:
        asked = github.workflows.runs(repo, workflow.FILE, since=began - VALID_S)
    except NotFound:
        return None
    for run in sorted((each for each in asked if each.display_title == wanted), key=lambda each: -each.id):
        known = runs & _spenders(github, repo, run.id)
        if known:
            return approval_of(context, environment, plan_id, run.id, resumes=max(known))
    return None


def inherit(context: Context, environment: Environment, dead_run: str) -> None:
    """This run took over what `dead_run` left, also where no machine says so: it died before it touched one."""
    git, repo = _github(context).git, _repo(environment)
    tag = git.create_tag(repo, "hotops-heir", json.dumps({"run": context.run, "of": dead_run}), git.head(repo))
    git.create_ref(repo, _heir(context.run), tag.sha)


def use_approval(context: Context, environment: Environment, approval: Approval) -> None:
    """Spend it, for this run: a second use by another run is refused, whoever of several comes first.

    A run that finishes an unfinished one goes on with that one's approval. Raises ApprovalRefused.
    """
    git, repo = (_github(context).git, _repo(environment)) if approval.kind == "github" else (None, "")
    if git is None:
        known = shown_plan(environment, approval.plan_id)
        if known is None:
            raise _not_shown(environment, approval.plan_id)
        _refuse_used(known, {context.run, approval.resumes})
        use_plan(environment, known, context.run)
    elif approval.resumes:
        if approval.resumes not in _spenders(_github(context), repo, approval.run):
            raise ApprovalRefused(
                f"The approval {approval.url} was not that of run {approval.resumes}.",
                remedy="Run again: the plan is asked for anew.",
            )
        git.create_ref(repo, f"{_resumed(approval.run)}{context.run}", git.head(repo))
    else:
        told = {
            "plan": approval.plan_id,
            "login": approval.login,
            "run": context.run,
            "at": rfc3339(context.clock.now()),
        }
        tag = git.create_tag(repo, "hotops-approval", json.dumps(told), git.head(repo))
        if not git.create_ref(repo, _used(approval.run), tag.sha):
            first = git.ref(repo, _used(approval.run))
            by = json.loads(git.tag(repo, first.sha).message).get("run", "?") if first is not None else "?"
            if by != context.run:
                raise ApprovalRefused(
                    f"The approval {approval.url} was used by run {by} already: one approval, one run.",
                    remedy="Run again: the plan is asked for anew.",
                )
    context.journal.event(
        "approval",
        action="resumed" if approval.resumes else "used",
        plan=approval.plan_id,
        text=str(approval),
        url=approval.url,
    )


def self_approval(
    context: Context, environment: Environment, plan_id: str, given: str, unfinished: Collection[str] = ()
) -> Approval:
    """What `approve=ID` is under `approval: self`: for a plan that was shown here, for four hours, for one run.

    Raises ApprovalMissing; ApprovalRefused for another plan's id, one that was never shown here, expired or was used.
    """
    if not given:
        show_plan(context, environment, plan_id)
        raise ApprovalMissing(
            f"Plan {plan_id} is not approved.",
            remedy=f"Look at the plan, then run the same again with -e approve={plan_id}",
            details={"plan_id": plan_id},
        )
    if len(given) < 12 or not plan_id.startswith(given):
        raise ApprovalRefused(
            f"approve={given} is about another plan; this one is {plan_id}.",
            remedy="Look at the plan anew: what runs, or what would run, has changed since.",
            details={"plan_id": plan_id},
        )
    known = shown_plan(environment, plan_id)
    if known is None:
        raise _not_shown(environment, plan_id)
    resumes = max((run for run in known.used_by if run in unfinished), default="")
    age_s = context.clock.now() - known.shown_at
    if age_s > VALID_S and not resumes:
        raise ApprovalRefused(
            f"The approval of plan {plan_id} does not count: it expired, for the plan was shown "
            f"{spoken_duration(age_s)} ago, and it counts for 4 h.",
            remedy=f"Look at it again: hotops plan {environment.name}",
            details={"plan_id": plan_id},
        )
    _refuse_used(known, {context.run, resumes})
    return Approval("self", plan_id, user_name(), self_approved=True, resumes=resumes)


def _not_shown(environment: Environment, plan_id: str) -> ApprovalRefused:
    return ApprovalRefused(
        f"The approval of plan {plan_id} does not count: this computer has not shown that plan to anybody.",
        remedy=f"Look at it first: hotops plan {environment.name}",
        details={"plan_id": plan_id},
    )


def _refuse_used(known: ShownPlan, allowed: Collection[str]) -> None:
    if known.used_by and not set(known.used_by) & set(allowed):
        raise ApprovalRefused(
            f"The approval of plan {known.plan} was used by run {known.used_by[-1]} already: one approval, one run.",
            remedy="Look at the plan again: it is approved anew.",
            details={"plan_id": known.plan},
        )


def _is_ours(github: GitHub, repo: str, run: Run) -> None:
    if run.file != workflow.PLACE or run.event != "workflow_dispatch":
        raise _refused(run, f"it is a run of {run.file} ({run.event}), not of the approval workflow")
    branch = github.repos.get(repo).default_branch
    if run.head_branch != branch:
        raise _refused(
            run, f"it ran from branch {run.head_branch}, where the workflow can say anything; only {branch} counts"
        )


def _guarded(github: GitHub, repo: str, name: str) -> GithubEnvironment:
    found = github.environments.get(repo, name)
    if not found.reviewers:
        raise ApprovalRefused(
            f"The environment {name} of {repo} has no required reviewers, so anybody could approve anything.",
            remedy=f"https://github.com/{repo}/settings/environments: add required reviewers to {name}.",
        )
    return found


def _is_about(review: Review, environment: GithubEnvironment) -> bool:
    return any(each.id == environment.id for each in review.environments)


def _quoted(review: Review) -> str:
    return f" ({review.comment!r})" if review.comment else ""


def _asker(github: GitHub) -> str:
    """Who runs hotops: a workflow's own token is nobody's, there GitHub names who started the workflow."""
    try:
        return github.repos.me().login
    except Forbidden:
        return os.environ.get("GITHUB_TRIGGERING_ACTOR") or os.environ.get("GITHUB_ACTOR") or ""


def _refused(run: Run, why: str) -> ApprovalRefused:
    return ApprovalRefused(
        f"The approval {run.html_url} does not count: {why}.", remedy="Run again: the plan is asked for anew."
    )


def _used(run: int) -> str:
    return f"{PREFIX}/approval/{run}"


def _resumed(run: int) -> str:
    """A folder of its own: a reference can't lie below another one."""
    return f"{PREFIX}/resumed/{run}/"


def _heir(run: str) -> str:
    return f"{PREFIX}/heir/{run}"


def _spenders(github: GitHub, repo: str, run: int) -> set[str]:
    """The runs of hotops that went on with the approval of this run of the workflow: the first, and who resumed it."""
    spent = github.git.ref(repo, _used(run))
    if spent is None:
        return set()
    first = str(json.loads(github.git.tag(repo, spent.sha).message).get("run", "?"))
    prefix = _resumed(run)
    return {first, *(ref.name.removeprefix(prefix) for ref in github.git.refs(repo, prefix))}


def _inherited(context: Context, environment: Environment) -> set[str]:
    """The dead run whose lock this run took over."""
    git, repo = _github(context).git, _repo(environment)
    found = git.ref(repo, _heir(context.run))
    return {str(json.loads(git.tag(repo, found.sha).message).get("of", "?"))} if found is not None else set()


def _began_at(run: str) -> float | None:
    """When a run began: its name says so."""
    stamp = run.partition("-")[0]
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _page(repo: str, run: int) -> str:
    return f"https://github.com/{repo}/actions/runs/{run}"


def _github(context: Context) -> GitHub:
    return context.client(GitHub)


def _repo(environment: Environment) -> str:
    if environment.github_repo is None:
        raise UsageError(
            "approval: github needs the repository, and the inventory names none.",
            remedy="Set github_repo: OWNER/NAME, or approval: self.",
        )
    return environment.github_repo
