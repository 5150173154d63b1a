"""What an organisation runs, read once: its apps, what each runs, and the database projects that the token sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hotops.core.context import Context
from hotops.core.errors import Forbidden, NotFound, UsageError
from hotops.fly import Fly
from hotops.fly.models import AppSecret, Machine, Release
from hotops.fly.states import is_managed
from hotops.look.reading import Reading, absent, read, read_all
from hotops.supabase.client import Project, Supabase

_STAGING = ("staging", "stage", "stg", "preview")
_PRODUCTION = ("production", "prod", "live")


@dataclass(frozen=True)
class Running:
    """An app as it is."""

    name: str
    machines: Reading[tuple[Machine, ...]]
    releases: Reading[tuple[Release, ...]]
    secrets: Reading[tuple[AppSecret, ...]]

    @property
    def own(self) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.machines.value or () if is_managed(machine))

    @property
    def is_staging(self) -> bool:
        return bool(set(_words(self.name)) & set(_STAGING))


@dataclass(frozen=True)
class Organisation:
    """All of it; `projects` are the Supabase projects, or why they are not known."""

    slug: str
    apps: tuple[Running, ...]
    projects: Reading[list[Project]]

    def app(self, name: str) -> Running | None:
        return next((app for app in self.apps if app.name == name), None)


def read_organisation(context: Context, slug: str, names: Sequence[str]) -> Organisation:
    """Three calls an app, one for the list where no app is named. Raises UsageError where the list is refused."""
    fly = context.client(Fly)
    if not names:
        try:
            names = sorted(app.name for app in fly.apps.list(slug))
        except Forbidden as error:
            raise UsageError(
                f"This token may not list the apps of {slug}.",
                remedy=f"Name them: hotops init --fly-org {slug} --app shop-production --app shop-staging",
                code="apps_not_listed",
            ) from error
        except NotFound as error:
            raise UsageError(
                f"This token sees no organisation {slug!r}.",
                remedy="fly orgs list shows the slugs; a token of another organisation does not see this one.",
                code="unknown_org",
                request_id=error.request_id,
            ) from error
    sources: list[Callable[[], Any]] = [
        source
        for name in names
        for source in (
            partial(fly.machines.list, name),
            partial(fly.releases.list, name),
            partial(fly.secrets.list, name),
        )
    ]
    found = [Reading(tuple(r.value), r.why_not) if r.value is not None else r for r in read_all(sources)]
    apps = tuple(Running(name, *found[3 * at : 3 * at + 3]) for at, name in enumerate(names))
    if not context.world.has_credential("supabase"):
        return Organisation(slug, apps, absent("there is no SUPABASE_ACCESS_TOKEN"))
    return Organisation(slug, apps, read(lambda: context.client(Supabase).projects()))


def pairs(names: Sequence[str]) -> dict[str, str]:
    """Targets with their sources: `shop-production` or `shop` with `shop-staging`, by their names alone."""
    staging = {
        tuple(word for word in _words(name) if word not in _STAGING): name for name in names if _is(name, _STAGING)
    }
    found: dict[str, str] = {}
    # A name that says production comes first: `shop` beside `shop-production` is something else.
    for name in sorted(names, key=lambda name: not _is(name, _PRODUCTION)):
        if _is(name, _STAGING):
            continue
        base = tuple(word for word in _words(name) if word not in _PRODUCTION)
        if base in staging and staging[base] not in found.values():
            found[name] = staging[base]
    return found


def _is(name: str, words: Sequence[str]) -> bool:
    return bool(set(_words(name)) & set(words))


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[-_]", name) if word]
