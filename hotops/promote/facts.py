"""What gates look at, read once a run and app, in parallel, each reading with its own success or error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hotops.backup.settings import newest_own_backup
from hotops.core.context import Context
from hotops.core.errors import ApiError, NotFound, WireError
from hotops.core.parallel import map_parallel, map_settled
from hotops.deploy import marks
from hotops.deploy.way_back import WayBack, choose_way_back
from hotops.fly import Fly
from hotops.fly.image import ImageRef
from hotops.fly.models import App, AppSecret, LogLine, Machine, Release
from hotops.fly.states import is_managed
from hotops.github.client import GitHub
from hotops.github.models import Deployment, Issue
from hotops.health.answers import Count
from hotops.health.latency import Latency, sample
from hotops.health.probe import HttpCheck, Prober, ProbeResult
from hotops.health.routes import base_check, smoke_checks
from hotops.inventory.schema import Environment
from hotops.promote.baseline import began_at, read_answers
from hotops.promote.pairs import Pair
from hotops.promote.restore_proof import RestoreProof, restore_proof
from hotops.promote.source import Source
from hotops.repository.ci import Proof, checks_of, proof_of
from hotops.supabase.client import Supabase

T = TypeVar("T")
#: Measured requests at once: enough that a slow app is found out soon, too few to be a load.
CONCURRENCY = 4


class Once(Generic[T]):
    """A reading made once, whoever asks first; a refused or failed one raises the same error for everyone."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._guard = threading.Lock()
        self._known: tuple[T | None, Exception | None] | None = None

    def __call__(self) -> T:
        with self._guard:
            if self._known is None:
                try:
                    self._known = (self._read(), None)
                except (ApiError, WireError) as error:
                    self._known = (None, error)
        value, failed = self._known
        if failed is not None:
            raise failed
        return value  # type: ignore[return-value]


@dataclass(frozen=True)
class Facts:
    """All that the gates of one app may ask. Call a reading to have it; it raises what the cloud answered."""

    context: Context
    environment: Environment
    pair: Pair
    source: Source
    now: float
    wanted_version: str
    target_app: Once[App]
    machines: Once[tuple[Machine, ...]]
    #: With those that wait, stopped, for a verdict: what a deploy sees.
    managed: Once[tuple[Machine, ...]]
    releases: Once[tuple[Release, ...]]
    secrets: Once[tuple[AppSecret, ...]]
    source_secrets: Once[tuple[AppSecret, ...]]
    source_logs: Once[tuple[LogLine, ...]]
    definition: Once[dict[str, Any]]
    manifest: Once[ImageRef]
    way_back: Once[WayBack]
    configs_kept: Once[bool]
    newest_backup: Once[float | None]
    restore_proof: Once[RestoreProof | None]
    ci_checks: Once[dict[str, str]]
    test_evidence: Once[dict[str, Proof | None]]
    deployments: Once[list[Deployment]]
    blockers: Once[list[Issue]]
    smoke: Once[list[ProbeResult]]
    latency: Once[Latency | None]
    baseline: Once[Latency | None]
    answers_before: Once[Count]

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    def read_all(self) -> None:
        """Make every reading, in parallel; errors are kept for the gates that ask."""
        readings = [value for value in vars(self).values() if isinstance(value, Once)]
        map_settled(lambda reading: reading(), readings)


def gather(
    context: Context, environment: Environment, pair: Pair, source: Source, *, wanted_version: str = ""
) -> Facts:
    """The readings of one app's gates, not made yet."""
    fly = context.client(Fly)
    prober = context.client(Prober)
    app, target, now = pair.app, pair.target, context.clock.now()
    managed = Once(lambda: tuple(m for m in fly.machines.list(target) if is_managed(m)))
    machines = Once(lambda: tuple(m for m in managed() if not marks.is_retired(m)))
    releases = Once(lambda: tuple(fly.releases.list(target)))

    def latency(base_url: str | None, samples: int) -> Latency | None:
        check = base_check(base_url, app, machines() or source.machines)
        return sample(prober, check, n=samples, warmup=app.warmup, concurrency=CONCURRENCY) if check else None

    return Facts(
        context=context,
        environment=environment,
        pair=pair,
        source=source,
        now=now,
        wanted_version=wanted_version,
        target_app=Once(lambda: fly.apps.get(target)),
        machines=machines,
        managed=managed,
        releases=releases,
        secrets=Once(lambda: tuple(fly.secrets.list(target))),
        source_secrets=Once(lambda: tuple(fly.secrets.list(source.app)) if source.app else ()),
        source_logs=Once(lambda: _logs(fly, source.app, max(now - app.soak_s, source.since or 0.0))),
        definition=Once(lambda: fly.releases.definition(target)),
        manifest=Once(lambda: fly.registry.resolve(source.image)),
        way_back=Once(lambda: _way_back(fly, releases(), source.image)),
        configs_kept=Once(lambda: _configs_kept(fly, target, machines())),
        newest_backup=Once(lambda: _newest_backup(context, environment)),
        restore_proof=Once(lambda: restore_proof(context, environment) if environment.backup else None),
        ci_checks=Once(lambda: _ci_checks(context, environment, pair, source)),
        test_evidence=Once(lambda: _test_evidence(context, environment, pair, source)),
        deployments=Once(lambda: _deployments(context, environment, source)),
        blockers=Once(lambda: _blockers(context, environment)),
        smoke=Once(lambda: prober.probe_all(_smoke_of_source(pair, machines()))),
        latency=Once(lambda: latency(app.source_url, app.samples) if source.app else None),
        # A live app gets a handful of requests, never a load: so many that a doubled time can be told from before.
        baseline=Once(lambda: latency(app.url, min(app.samples, 40))),
        answers_before=Once(
            lambda: read_answers(
                fly,
                target,
                machines(),
                began=began_at(releases()),
                now=now,
                check=base_check(app.url, app, machines()),
            )
        ),
    )


def _configs_kept(fly: Fly, app: str, machines: Sequence[Machine]) -> bool:
    """Whether the history of one machine of each group holds its present configuration."""
    one_each = {machine.process_group: machine for machine in machines}.values()
    histories = map_parallel(lambda machine: fly.machines.versions(app, machine.id), one_each)
    return all(
        any(version.version == machine.instance_id for version in history)
        for machine, history in zip(one_each, histories, strict=True)
    )


def _newest_backup(context: Context, environment: Environment) -> float | None:
    """The youngest of hotops' own backups, where the inventory says where they are, and of the platform's."""
    if environment.backup is None:
        return None
    known = []
    if environment.backup.store is not None:
        known.append(newest_own_backup(context))
    if environment.supabase_project is not None and (
        environment.backup.store is None or context.world.has_credential("supabase")
    ):
        supabase = context.client(Supabase)
        project = supabase.find(environment.supabase_project)
        known.append(supabase.backups(project.ref).newest if project else None)
    return max((at for at in known if at is not None), default=None)


def _ci_checks(context: Context, environment: Environment, pair: Pair, source: Source) -> dict[str, str]:
    if not pair.app.required_checks or not _asks_github(context, environment) or not source.image.commit:
        return {}
    return checks_of(context.client(GitHub), str(environment.github_repo), source.image.commit)


def _test_evidence(context: Context, environment: Environment, pair: Pair, source: Source) -> dict[str, Proof | None]:
    if not pair.app.test_evidence or not _asks_github(context, environment) or not source.image.commit:
        return {}
    github, repo, commit = context.client(GitHub), str(environment.github_repo), source.image.commit
    wanted = pair.app.test_evidence
    proofs = map_parallel(lambda name: proof_of(github, repo, commit, name, wanted[name]), wanted)
    return dict(zip(wanted, proofs, strict=True))


def _deployments(context: Context, environment: Environment, source: Source) -> list[Deployment]:
    """Deployments of the image's commit in this environment, newest first."""
    if not _asks_github(context, environment) or not source.image.commit:
        return []
    scope = environment.github_environment or environment.name
    found = context.client(GitHub).deployments.list(str(environment.github_repo), scope)
    return [deployment for deployment in found if deployment.sha == source.image.commit]


def _blockers(context: Context, environment: Environment) -> list[Issue]:
    """Open issues with any of the labels (GitHub lists those that carry all of them)."""
    if not environment.blocking_labels or not _asks_github(context, environment):
        return []
    github, repo = context.client(GitHub), str(environment.github_repo)
    lists = map_parallel(lambda label: github.issues.list(repo, labels=[label]), environment.blocking_labels)
    return list({issue.number: issue for found in lists for issue in found}.values())


def _asks_github(context: Context, environment: Environment) -> bool:
    return environment.github_repo is not None and context.world.has_credential("github")


def _smoke_of_source(pair: Pair, machines: Iterable[Machine]) -> list[HttpCheck]:
    if pair.source is None:
        return []
    return smoke_checks(str(pair.app.source_url), pair.app, tuple(machines), own=pair.app.url)


def _logs(fly: Fly, app: str | None, since: float) -> tuple[LogLine, ...]:
    return tuple(fly.logs.read(app, since=since)) if app else ()


def _way_back(fly: Fly, releases: Iterable[Release], new: ImageRef) -> WayBack:
    def resolve(image: ImageRef) -> str | None:
        try:
            return fly.registry.resolve(image).digest
        except NotFound as error:
            raise LookupError(f"its image {image} is gone from the registry") from error

    return choose_way_back(releases, leaving={new.digest}, resolve=resolve)
