"""Why one app is not well, on one page, with the next command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.documented import Documented
from hotops.core.errors import UsageError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.parallel import map_parallel
from hotops.core.table import WIDTH
from hotops.fly import Fly
from hotops.health.app import AppHealth, look
from hotops.health.probe import ProbeResult
from hotops.health.target import Target
from hotops.inventory.schema import App, Environment
from hotops.look.app_seen import AppSeen, see_apps
from hotops.look.cause import Case, Cause, cause_of, changed_secrets, culprit_of
from hotops.look.dsn_in_use import DsnInUse, dsn_in_use
from hotops.look.log_news import LogNews, read_news
from hotops.look.reading import Reading, read
from hotops.look.screen import cut, fact, short_age, wrapped
from hotops.promote.pairs import environment_of
from hotops.selection import select

RECENT_S = 3600.0
MOST_SIGNATURES = 5


class WhyWanted(Spec):
    """Which app."""

    app: str | None = Field(
        None, min_length=1, description="The app, by app or host name; the only selected one if omitted."
    )


@dataclass(frozen=True)
class WhySeen:
    """All that was seen of the app, and what follows from it."""

    app: AppSeen
    health: AppHealth
    news: Reading[LogNews]
    dsns: tuple[DsnInUse, ...]
    cause: Cause
    now: float


class Why(Operation[WhyWanted, WhySeen]):
    """Look at one app from all sides. Raises TokenMissing, UsageError (no app, or several)."""

    name = "why"
    Want = WhyWanted
    effect = "read"
    needs_environment = True
    keeps_evidence = False
    docs = Documented(
        short="Tell why an app is not well, on one page",
        description=(
            "Puts side by side exits, each failing check and its path, new lines of the log, and changed secrets.",
            "Names the most likely cause, the newest change that could have done it, and the next command.",
            "A check's path that is not there (404) is told apart from a dead app and from a database that refuses.",
            "Reads only. Of a connection string it shows user, host and port, never more.",
        ),
        returns={
            "app": {"description": "Name of the app.", "returned": "success", "type": "str"},
            "cause": {
                "description": "The most likely cause: its kind (a stable word) and one sentence.",
                "returned": "success",
                "type": "dict",
            },
            "culprit": {
                "description": "The newest change within a day that could have done it, null if there is none.",
                "returned": "success",
                "type": "dict",
            },
            "seen": {
                "description": "The app as M(hotops.core.status) returns it.",
                "returned": "success",
                "type": "dict",
            },
            "health": {
                "description": "The app as M(hotops.core.health_report) returns it.",
                "returned": "success",
                "type": "dict",
            },
            "log": {
                "description": "Lines that the log did not have before that change, null where it can't be read.",
                "returned": "success",
                "type": "dict",
            },
            "secrets_changed": {
                "description": "Secrets written since the last other image: name, digest, when.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "dsn": {
                "description": "Connection strings in use: user, host, port; or why they are unknown.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "next": {"description": "The command to type next.", "returned": "success", "type": "str"},
        },
        examples="""
- name: Show why the app is not well
  hotops.core.why:
    app: shop-production
  run_once: true

- name: Stop unless the app is well
  hotops.core.why:
    app: shop-production
  register: seen
  failed_when: seen is failed or seen.cause.kind != "well"
  run_once: true
""",
        notes=("A command is run inside a machine only where the inventory's `exec_checks` allows it.",),
        see_also=("status", "health_report"),
    )

    def observe(self) -> WhySeen:
        context, environment = self.context, environment_of(self.context)
        app, now = self._app(environment), context.clock.now()
        looks: list[Callable[[], Any]] = [
            lambda: see_apps(context, [app], now=now)[0],
            partial(look, context, Target.of(app), since=now - RECENT_S),
        ]
        seen, health = map_parallel(lambda look_at: look_at(), looks)
        culprit = culprit_of(seen, now)
        fly = context.client(Fly)
        since = culprit.at if culprit else now - RECENT_S
        closer: list[Callable[[], Any]] = [
            lambda: read(lambda: read_news(fly, app.app, since=since, now=now)),
            lambda: self._dsns(fly, seen),
        ]
        news, dsns = map_parallel(lambda look_at: look_at(), closer)
        cause = cause_of(Case(environment.name, seen, health, news.value, dsns, now))
        return WhySeen(seen, health, news, tuple(dsns), cause, now)

    def report(self, state: WhySeen, plan: Plan, done: Done) -> dict[str, Any]:
        environment = environment_of(self.context)
        culprit = culprit_of(state.app, state.now)
        return {
            "app": state.app.name,
            "cause": {"kind": state.cause.kind, "says": state.cause.says},
            "culprit": {"what": culprit.what, "at": rfc3339(culprit.at), "says": culprit.says} if culprit else None,
            "seen": state.app.as_row(),
            "health": state.health.as_row(),
            "log": state.news.value.as_row() if state.news.value else None,
            "secrets_changed": [
                {"name": secret.name, "digest": secret.digest, "updated_at": rfc3339(secret.updated_at or 0.0)}
                for secret in changed_secrets(state.app)
            ],
            "dsn": [item.as_row() for item in state.dsns],
            "next": state.cause.step,
            "hotops_screen": page(state, environment),
        }

    def _dsns(self, fly: Fly, seen: AppSeen) -> list[DsnInUse]:
        may_exec = seen.app.exec_checks and not self.context.check
        return dsn_in_use(fly, seen.name, seen.own, seen.secrets.value or (), may_exec=may_exec)

    def _app(self, environment: Environment) -> App:
        chosen = select(environment, self.context.selection or environment.apps, apps=self.want.app)
        if len(chosen) != 1:
            raise UsageError(
                f"One app can be looked at, and {len(chosen)} are selected: {', '.join(chosen)}.",
                remedy=f"hotops why {environment.name} {chosen[0]}",
                code="one_app_needed",
            )
        return environment.apps[chosen[0]]


# --- the page ---------------------------------------------------------------------------------------------------------


def page(state: WhySeen, environment: Environment) -> list[str]:
    """One page of 80 columns: the cause first, then what speaks for it, the next command last."""
    app, now = state.app, state.now
    world = "SANDBOX" if environment.env_kind == "sandbox" else "live"
    at = rfc3339(now)[:16].replace("T", " ")
    lines = [*wrapped(f"{app.name} in {environment.name} ({world}) {at} UTC"), ""]
    lines += wrapped(f"Why: {state.cause.says}", then="     ")
    lines += [
        "",
        *_runs(app, now),
        *_exits(state),
        *_checks(state),
        *_answers(state),
        *_log(state),
        *_secrets(app, now),
        *(line for item in state.dsns for line in fact("dsn", f"{item.name}: {item.says}")),
        *fact("way back", _way_back(app)),
    ]
    return [*lines, "", *wrapped(f"Next: {state.cause.step}", then="      ")]


def _runs(app: AppSeen, now: float) -> list[str]:
    if not app.machines.is_known:
        return fact("runs", f"unknown: {app.machines.why_not}")
    images = " and ".join(f"{image.tag or image.repository} {image.digest[7:14]}" for image in app.images) or "nothing"
    versions = "/".join(f"v{version}" for version in app.versions)
    states = ", ".join(f"{count} {state}" for state, count in sorted((app.health.states if app.health else {}).items()))
    since = f", for {spoken_duration(max(0.0, now - app.since))}" if app.since is not None else ""
    return fact("runs", f"{versions} {images}{since}; {states or 'no machine'}".strip())


def _exits(state: WhySeen) -> list[str]:
    health = state.health.machines
    if health is None:
        return fact("exits", "unknown")
    if not health.exits:
        return fact("exits", "none in the last hour that nobody asked for")
    last, machines = health.exits[-1], len({item.machine for item in health.exits})
    ago = spoken_duration(max(0.0, state.now - last.at))
    memory = (
        f"{health.ooms} for lack of memory (it has {last.memory_mb} MB)" if health.ooms else "none for lack of memory"
    )
    return fact(
        "exits",
        f"{len(health.exits)} on {machines} machines in an hour, last {ago} ago with code {last.code}; {memory}",
    )


def _checks(state: WhySeen) -> list[str]:
    health = state.health.machines
    if health is None:
        return fact("checks", "unknown")
    told: dict[str, int] = {}
    for check in health.failing_checks:
        told[check.says] = told.get(check.says, 0) + 1
    lines = [line for says, count in told.items() for line in fact("checks", f"{says} ({count}x)")]
    lines += [line for answer in state.health.inside for line in fact("", f"inside: {answer.says}")]
    passing, wanted = state.app.checks
    return lines or fact("checks", f"{passing} of {wanted} pass" if wanted else "none on a started machine")


def _answers(state: WhySeen) -> list[str]:
    asked = [_answer(probe) for probe in (*state.health.probes, *([state.health.root] if state.health.root else []))]
    got = state.app.served.value
    share = (
        f"{got.spoken}: {got.errors_5xx} of {got.answers} answers 5xx"
        if got
        else f"5xx unknown: {state.app.served.why_not}"
    )
    return fact("answers", f"{', '.join(asked) or 'not asked, nothing runs'}; {share}")


def _answer(probe: ProbeResult) -> str:
    """`/health 503`, and how long it took where it was answered well."""
    path = urlsplit(probe.url).path or "/"
    took = f" in {probe.took_ms:.0f} ms" if probe.ok and probe.took_ms is not None else ""
    return f"{path} {probe.status if probe.status is not None else probe.error_code}{took}"


def _log(state: WhySeen) -> list[str]:
    news = state.news.value
    if news is None:
        return fact("log", f"unknown: {state.news.why_not}")
    ago = spoken_duration(max(0.0, state.now - news.since))
    if not news.new:
        return fact("log", f"no error that it did not have {ago} ago")
    lines = fact("log", f"new in it since {ago} ago:")
    lines += [f"{item.count:>7}x  {cut(item.example, WIDTH - 10)}" for item in news.new[:MOST_SIGNATURES]]
    more = len(news.new) - MOST_SIGNATURES
    return [*lines, *([f"          and {more} more: fly logs -a {state.app.name}"] if more > 0 else [])]


def _secrets(app: AppSeen, now: float) -> list[str]:
    if not app.secrets.is_known:
        return fact("secrets", f"unknown: {app.secrets.why_not}")
    staged = set(app.staged)
    told = [
        f"{secret.name} {short_age(now - (secret.updated_at or now))} ago, digest {secret.digest[:8]}"
        f"{', only staged' if secret.name in staged else ''}"
        for secret in changed_secrets(app)
    ]
    return fact("secrets", "; ".join(told) if told else "none written since the image changed")


def _way_back(app: AppSeen) -> str:
    way = app.way_back.value
    if way is None:
        return app.way_back.why_not
    return f"v{way.release.version} {(way.digest or '')[7:14]}, its image is in the registry"
