"""Tokens: what each may do, what is missing, and the least one to make."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hotops.core.context import Context
from hotops.core.errors import ApiError, Forbidden, NotFound, Unauthorized
from hotops.fly import Fly
from hotops.fly.models import App, Token
from hotops.github import GitHub
from hotops.inventory.schema import Environment
from hotops.look.checkup import Checked, bad, ok, unknown, warn
from hotops.look.reading import Reading, read, read_all
from hotops.look.served import answers_of

#: A token for a day is enough for a promotion, and nothing to rotate.
VALID = "24h"
#: What can't be known where a surface is closed, and what goes on without it.
_NEEDED_BY = {
    "machines": "everything: hotops can do nothing for this app",
    "releases": "the gates source_release_complete, secrets_deployed and way_back, and `rollback` without -e version",
    "secrets": "the gates required_secrets, secrets_deployed and parity_secrets",
    "logs": "the gate source_errors and the log of the watch",
    "registry": "the gates image_readable and way_back",
    "metrics": "5xx and p95 in `status`; nothing else asks there",
}
#: Without these a promotion can't be judged; without the others it is only shown as unknown.
_WANTED = frozenset({"machines", "releases", "secrets", "registry"})


_FOR_METRICS = ("fly tokens create readonly {org}    # an organisation's token reads metrics",)
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


@dataclass(frozen=True)
class Needed:
    """An app that a run has to reach, and why."""

    app: str
    org: str
    why: str


def needed(environment: Environment) -> list[Needed]:
    """The apps of the environment and their sources, each once."""
    found: dict[str, Needed] = {}
    for app in environment.apps.values():
        found.setdefault(app.app, Needed(app.app, app.fly_org, "is changed and looked at"))
    for app in environment.apps.values():
        if app.promote_from:
            found.setdefault(app.promote_from, Needed(app.promote_from, str(app.source_org), "is read as the source"))
    return list(found.values())


def least_token(apps: Sequence[str]) -> tuple[str, ...]:
    """The lines that make the least token for these apps: one deploy token each, joined by commas."""
    made = ",".join(f"$(fly tokens create deploy -a {app} -x {VALID})" for app in apps)
    return (f'export FLY_API_TOKEN="{made}"',)


def fly_tokens(context: Context, environment: Environment) -> list[Checked]:
    """What the Fly credential is. Raises TokenMissing where there is none."""
    fly, wanted = context.client(Fly), needed(environment)
    names = [item.app for item in wanted]
    told = read(fly.tokens.current)
    if isinstance(told.error, Unauthorized):
        return [bad("fly_token", f"Fly does not know this token: {told.why_not}", *least_token(names))]
    if not told.value:
        return [unknown("fly_token", f"Fly tells nothing about this token ({told.why_not or 'an empty answer'})")]
    found = [ok("fly_token", _described(token)) for token in told.value]
    lacking = [item for item in wanted if not any(token.covers(item.app, item.org) for token in told.value)]
    if lacking:
        says = "; ".join(f"no token covers {item.app}, which {item.why}" for item in lacking)
        found.append(bad("fly_scope", f"{says}.", *least_token(names)))
    wide = [token for token in told.value if not token.apps]
    if wide and not lacking:
        whose = f"of {wide[0].user}" if wide[0].user else f"of the organisation {wide[0].org_slug or 'unknown'}"
        says = f"a token {whose} may do more than a run needs; deploy tokens of the apps are enough."
        found.append(warn("fly_scope", says, *least_token(names)))
    return found


def _described(token: Token) -> str:
    if token.apps:
        return f"a token of the apps {', '.join(token.apps)}; what it may write, only a write tells"
    if token.user:
        return f"a token of the user {token.user}: all that this user may do"
    return f"a token of the organisation {token.org_slug or token.organization or 'unknown'}, all its apps"


def fly_surfaces(context: Context, environment: Environment) -> list[Checked]:
    """Which of Fly's interfaces answer for each app that is needed: one read each, all at once."""
    fly, wanted = context.client(Fly), needed(environment)
    apps = read_all([partial(fly.apps.get, item.app) for item in wanted])
    found = list(_apps(wanted, apps))
    there = [item for item, reading in zip(wanted, apps, strict=True) if reading.is_known]
    asked: list[tuple[str, str, Callable[[], Any]]] = []
    for item in there:
        asked += [
            ("machines", item.app, partial(fly.machines.list, item.app)),
            ("releases", item.app, partial(fly.releases.list, item.app, limit=1)),
            ("secrets", item.app, partial(fly.secrets.list, item.app)),
            ("logs", item.app, partial(fly.logs.newest, item.app)),
            ("registry", item.app, partial(_image, fly, item.app)),
        ]
    asked += [("metrics", org, partial(answers_of, fly, org)) for org in dict.fromkeys(item.org for item in there)]
    closed: dict[tuple[str, str], list[tuple[str, Reading[Any]]]] = {}
    for (surface, name, _), reading in zip(asked, read_all([source for _, _, source in asked]), strict=True):
        if not reading.is_known:
            code = reading.error.failure_code if reading.error else ""
            closed.setdefault((surface, code), []).append((name, reading))
    refused = sum(map(len, closed.values()))
    found.append(ok("fly_reads", f"{len(asked) - refused} of {len(asked)} readings of {len(there)} apps are answered"))
    for (surface, _), readings in closed.items():
        names = ", ".join(name for name, _ in readings)
        why = _DIGEST.sub(r"\1", readings[0][1].why_not.rstrip("."))
        says = f"{surface} of {names} can't be read: {why}. Unknown without it: {_NEEDED_BY[surface]}."
        make = bad if surface in _WANTED else warn if surface == "metrics" else unknown
        remedy = _FOR_METRICS if surface == "metrics" else least_token([item.app for item in wanted])
        found.append(make(f"fly_{surface}", says, *(line.format(org=readings[0][0]) for line in remedy)))
    return found


def _apps(wanted: Sequence[Needed], apps: Sequence[Reading[App]]) -> Iterator[Checked]:
    for item, reading in zip(wanted, apps, strict=True):
        if reading.value is None:
            remedy = least_token([item.app]) if isinstance(reading.error, Forbidden) else ("fly apps list",)
            yield bad("fly_app", f"{item.app}: {reading.why_not}", *remedy)
        elif reading.value.organization.slug not in ("", item.org):
            says = (
                f"{item.app} is in the organisation {reading.value.organization.slug}, the inventory says {item.org}."
            )
            yield bad("fly_app", says, f"fly_org: {reading.value.organization.slug}    # in the inventory")


def _image(fly: Fly, app: str) -> str:
    """The digest that the registry has for what the app runs. Raises as the registry does."""
    image = next((m.image_ref for m in fly.machines.list(app) if m.image_ref is not None), None)
    if image is None or image.registry != "registry.fly.io":
        return "nothing to ask there"
    try:
        return fly.registry.resolve(image).digest
    except NotFound:
        return "the image is gone, and the registry answers"


def supabase_token(context: Context, environment: Environment) -> list[Checked]:
    """Whether the declared project can be seen, with its backups."""
    from hotops.look.database import see_database

    if not environment.supabase_project:
        return [ok("supabase_token", "not needed: the inventory declares no supabase_project")]
    remedy = "export SUPABASE_ACCESS_TOKEN=…    # dashboard, access tokens: projects_read, backups_read"
    seen = see_database(context, environment)
    if not seen.project.is_known:
        level = bad if environment.backup else unknown
        says = f"{seen.project.why_not} Unknown without it: the database in `status`, the gate backup_fresh."
        return [level("supabase_token", says, remedy)]
    if not seen.backups.is_known:
        return [unknown("supabase_token", f"its backups can't be read: {seen.backups.why_not}", remedy)]
    return [ok("supabase_token", f"sees the project {seen.name} and its backups")]


def github_token(context: Context, environment: Environment) -> list[Checked]:
    """Whether the declared repository can be read: names of secrets and variables."""
    repo = environment.github_repo
    if not repo:
        return [ok("github_token", "not needed: the inventory declares no github_repo")]
    name = repo.partition("/")[2]
    remedy = f"export GITHUB_TOKEN=…    # fine-grained, only {name}: secrets read, variables read"

    def ask() -> list[Any]:
        return [*context.client(GitHub).secrets.list(repo), *context.client(GitHub).variables.list(repo)]

    told = read(ask)
    if told.is_known:
        return [ok("github_token", f"reads names of secrets and variables of {repo}")]
    says = told.why_not if isinstance(told.error, ApiError) else f"{told.why_not}"
    return [unknown("github_token", f"{repo}: {says} Without it: nothing of GitHub is known, the rest works.", remedy)]
