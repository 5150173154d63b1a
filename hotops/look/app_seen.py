"""What is read of each app of an environment, all apps at once, and what is judged of it without a further call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from hotops.core.clock import rfc3339
from hotops.core.context import Context
from hotops.core.errors import Forbidden, NotFound, Unauthorized
from hotops.deploy import marks
from hotops.deploy.way_back import NoWayBack, WayBack, choose_way_back
from hotops.fly import Fly
from hotops.fly.image import FLY_REGISTRY, ImageRef
from hotops.fly.models import AppSecret, Machine, Release
from hotops.fly.secrets import deployed_state
from hotops.fly.states import is_managed, is_started
from hotops.health.finding import Finding, worst_first
from hotops.health.machines import MachineHealth, examine
from hotops.inventory.schema import App
from hotops.look.reading import Reading, absent, read_all
from hotops.look.served import WINDOW_S, Served, answers_of, answers_since, served, times_of
from hotops.promote.source import running_since

State = Literal["ok", "warn", "unknown", "bad"]
#: Exits and restarts of the last hour count.
RECENT_S = 3600.0
#: So many answers before a share of failed ones says anything.
ENOUGH_ANSWERS = 20
#: A new machine takes so long until its checks pass and the proxy knows it.
STARTS_S = 10.0


@dataclass(frozen=True)
class AppSeen:
    """An app and what was read of it."""

    app: App
    machines: Reading[tuple[Machine, ...]]
    releases: Reading[tuple[Release, ...]]
    secrets: Reading[tuple[AppSecret, ...]]
    served: Reading[Served]
    way_back: Reading[WayBack]
    health: MachineHealth | None = None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.app.app

    @property
    def own(self) -> tuple[Machine, ...]:
        """The machines that deploys own and that serve or may serve."""
        return tuple(m for m in self.machines.value or () if is_managed(m) and not marks.is_retired(m))

    @property
    def state(self) -> State:
        severities = {finding.severity for finding in self.findings}
        for state in ("bad", "unknown", "warn"):
            if state in severities:
                return state
        return "ok"

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """The images that run, each once."""
        found = {image.digest or str(image): image for m in self.own if (image := marks.image_of(m)) is not None}
        return tuple(found.values())

    @property
    def versions(self) -> tuple[int, ...]:
        """The releases that its machines were made by."""
        return tuple(sorted({m.release_version for m in self.own if m.release_version is not None}))

    @property
    def since(self) -> float | None:
        """Since when all machines run what they run."""
        return running_since(self.own, self.releases.value or ()) if self.own else None

    @property
    def checks(self) -> tuple[int, int]:
        """Passing checks of started machines, and all that are configured there."""
        started = [machine for machine in self.own if is_started(machine)]
        wanted = sum(max(machine.known_config.check_count, len(machine.checks)) for machine in started)
        return sum(check.is_passing for machine in started for check in machine.checks), wanted

    @property
    def unfinished_runs(self) -> tuple[str, ...]:
        """Runs of hotops that changed a machine and never said that it is good."""
        return tuple(sorted({marks.run_of(m) or "unknown" for m in self.own if marks.is_pending(m)}))

    @property
    def staged(self) -> tuple[str, ...]:
        """Secrets whose present value is not on all machines."""
        if not (self.own and self.secrets.value and self.releases.value is not None):
            return ()
        states = deployed_state(self.secrets.value, self.own, self.releases.value)
        return tuple(sorted(name for name, state in states.items() if state in ("staged", "partial")))

    def as_row(self) -> dict[str, Any]:
        """All of it as plain data; null is what could not be read, and `unknown` says why."""
        passing, wanted = self.checks
        known = self.machines.is_known
        way_back = self.way_back.value
        parts: dict[str, Reading[Any]] = {
            "machines": self.machines,
            "releases": self.releases,
            "secrets": self.secrets,
            "served": self.served,
            "way_back": self.way_back,
        }
        return {
            "app": self.name,
            "host": self.app.host,
            "state": self.state,
            "images": [str(image) for image in self.images] if known else None,
            "releases": list(self.versions) if known else None,
            "since": rfc3339(self.since) if self.since is not None else None,
            "machines": dict(self.health.states) if self.health else None,
            "checks": {"passing": passing, "configured": wanted} if known else None,
            "served": self.served.value.as_row() if self.served.value else None,
            "way_back": {"release": way_back.release.version, "image": str(way_back.image), "digest": way_back.digest}
            if way_back
            else None,
            "staged_secrets": list(self.staged),
            "unfinished_runs": list(self.unfinished_runs),
            "unknown": {name: part.why_not for name, part in parts.items() if not part.is_known},
        }


def see_apps(context: Context, apps: Sequence[App], *, now: float) -> list[AppSeen]:
    """Look at all apps: three calls each (machines, releases, secrets), two for each organisation (metrics), and one
    for the image of each app's way back. Everything at once, what needs the former after it; one more for the answers
    of an app that runs what it runs for less than the metrics' window, since the others were of what ran before.
    """
    fly = context.client(Fly)
    orgs = list(dict.fromkeys(app.fly_org for app in apps))
    sources: list[Callable[[], Any]] = [
        *(partial(fly.machines.list, app.app) for app in apps),
        *(partial(fly.releases.list, app.app) for app in apps),
        *(partial(fly.secrets.list, app.app) for app in apps),
        *(partial(answers_of, fly, org) for org in orgs),
        *(partial(times_of, fly, org) for org in orgs),
    ]
    found = iter(read_all(sources))
    machines, releases, secrets = ([_as_tuple(next(found)) for _ in apps] for _ in range(3))
    answers = {org: next(found) for org in orgs}
    times = {org: next(found) for org in orgs}
    seen = [
        AppSeen(
            app,
            machines[at],
            releases[at],
            secrets[at],
            _served(app, answers[app.fly_org], times[app.fly_org]),
            absent("not asked"),
        )
        for at, app in enumerate(apps)
    ]
    young = [app for app in seen if app.served.value is not None and _age_s(app, now) < WINDOW_S]
    later = read_all(
        [
            *(partial(_way_back, fly, app) for app in seen),
            *(partial(answers_since, fly, app.app.fly_org, app.name, _age_s(app, now)) for app in young),
        ]
    )
    ways, answered = later[: len(seen)], {app.name: since for app, since in zip(young, later[len(seen) :], strict=True)}
    seen = [replace(app, served=answered.get(app.name, app.served)) for app in seen]
    return [_judged(app, _way(way), now) for app, way in zip(seen, ways, strict=True)]


def _age_s(app: AppSeen, now: float) -> float:
    """For how long what runs has answered; while it started it could not."""
    return max(0.0, now - app.since - STARTS_S) if app.since is not None else math.inf


def _as_tuple(reading: Reading[Any]) -> Reading[Any]:
    return Reading(tuple(reading.value)) if reading.value is not None else reading


def _served(app: App, answers: Reading[Any], times: Reading[Any]) -> Reading[Served]:
    """The 95th percentile may be missing where the answers are known."""
    if answers.value is None:
        return Reading(why_not=answers.why_not, error=answers.error)
    return Reading(served(app.app, answers.value, times.value or ()))


def _way_back(fly: Fly, seen: AppSeen) -> WayBack | str:
    """The way back, or why there is none. Raises what kept the releases or the registry from being read."""
    leaving = {image.digest for image in seen.images}

    def resolve(image: ImageRef) -> str | None:
        if image.digest in leaving:
            return image.digest  # it runs: no registry has to say what it is
        if image.registry != FLY_REGISTRY:
            return None  # another registry is not asked: whether it still has the image is not known
        try:
            return fly.registry.resolve(image).digest
        except NotFound as error:
            raise LookupError("its image is gone from the registry") from error

    try:
        return choose_way_back(seen.releases.get(), leaving=leaving, resolve=resolve)
    except NoWayBack as error:
        return error.message


def _way(found: Reading[WayBack | str]) -> tuple[Reading[WayBack], str]:
    """The reading of the way back, and the words where it is known that there is none."""
    if isinstance(found.value, str):
        return Reading(why_not=found.value), found.value
    return Reading(found.value, found.why_not, found.error), ""


def _judged(seen: AppSeen, way: tuple[Reading[WayBack], str], now: float) -> AppSeen:
    way_back, no_way = way
    app = seen.app
    health = None
    if seen.machines.value is not None:
        health = examine(
            app.app,
            seen.machines.value,
            now=now,
            since=now - RECENT_S,
            floor_mb=app.memory_floor_mb,
            groups=dict(app.process_groups),
            budget_ms=app.budget_ms,
        )
    found = [*(health.findings if health else ()), *_unread(seen), *_traffic(seen), *_marks(seen, no_way)]
    return AppSeen(
        app, seen.machines, seen.releases, seen.secrets, seen.served, way_back, health, tuple(worst_first(found))
    )


def _unread(seen: AppSeen) -> Iterable[Finding]:
    """Machines that can't be read make the app unknown; the rest is told as unknown where it would stand."""
    if seen.machines.is_known:
        return
    refusals = {NotFound: "no_such_app", Forbidden: "forbidden", Unauthorized: "unauthorized"}
    kind = next((name for error, name in refusals.items() if isinstance(seen.machines.error, error)), "unread")
    says = f"its machines can't be read: {seen.machines.why_not}"
    remedy = seen.machines.error.remedy if seen.machines.error else ""
    yield Finding(kind, seen.name, seen.name, says, "unknown", remedy)


def _traffic(seen: AppSeen) -> Iterable[Finding]:
    """What visitors got, against what the inventory tolerates."""
    got = seen.served.value
    if got is None or got.answers < ENOUGH_ANSWERS:
        return
    if got.share > seen.app.watch.error_share:
        says = f"{got.errors_5xx} of {got.answers} answers of the last {got.spoken} were 5xx ({got.share:.1%})."
        yield Finding("errors_5xx", seen.name, seen.name, says)
    if got.p95_ms is not None and got.p95_ms > seen.app.budget_ms:
        says = f"95 of 100 answers took up to {got.p95_ms:.0f} ms, budget {seen.app.budget_ms} ms."
        yield Finding("slow", seen.name, seen.name, says, "warn")


def _marks(seen: AppSeen, no_way: str) -> Iterable[Finding]:
    for run in seen.unfinished_runs:
        says = f"run {run} changed it and never said that it is good."
        yield Finding("unfinished_run", seen.name, seen.name, says, remedy="Run it again, or roll back.")
    if seen.staged:
        names = ", ".join(seen.staged)
        says = f"written and not on all machines yet: {names}."
        remedy = f"fly secrets deploy -a {seen.name}"
        yield Finding("staged_secrets", seen.name, seen.name, says, "warn", remedy)
    if no_way:
        yield Finding("no_way_back", seen.name, seen.name, no_way, "warn", "Nothing can be rolled back to.")
