"""What an audit reads of the places: each as it answers, and one that does not as what it is, never as an empty one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from hotops.core.context import Context
from hotops.core.errors import ApiError, Forbidden, HotopsError, NotFound, Unauthorized
from hotops.core.parallel import map_settled
from hotops.fly import Fly
from hotops.fly.models import AppSecret
from hotops.github.client import GitHub
from hotops.inventory.schema import Environment
from hotops.secrets.github_writes import repo_of, scope_holds
from hotops.secrets.places import AppHolds, Held, app_holds, why_unreadable
from hotops.secrets.secret_map import SecretMap, fly_destination

Trouble = Literal["unauthorized", "forbidden", "not_found", "unreachable"]


@dataclass(frozen=True)
class Closed:
    """A place that could not be read: a token that is unknown, one that may not, no such place, no answer."""

    trouble: Trouble
    says: str


@dataclass(frozen=True)
class PlacesSeen:
    """What the places hold, which could not be read, and which nobody asked (a run about some apps)."""

    held: Held
    closed: Mapping[str, Closed]
    sources: Mapping[str, tuple[AppSecret, ...]] = field(default_factory=dict)
    not_asked: tuple[str, ...] = ()


def see_places(context: Context, environment: Environment, found: SecretMap, places: Collection[str]) -> PlacesSeen:
    """Three reads an app, one a scope, one for each app that is promoted from; all at once, each settled by itself."""
    wanted = list(found.destinations())
    whole = not set(context.selection or ()) ^ set(environment.apps)
    chosen = {environment.apps[host].app for host in context.selection or environment.apps}
    apps = [place.removeprefix("fly:") for place in wanted if place.startswith("fly:")]
    asked = [app for app in apps if app in chosen] if "fly" in places else []
    scopes = [place for place in wanted if place.startswith("github:")] if whole and "github" in places else []
    sources = _sources(environment, asked)
    reads: list[Any] = [partial(_app, context, app) for app in asked]
    reads += [partial(_source, context, app) for app in sources]
    reads += [partial(_scope, context, environment, scope) for scope in scopes]
    answers = map_settled(lambda read: read(), reads)
    names = [*(fly_destination(app) for app in asked), *(fly_destination(app) for app in sources), *scopes]
    told = list(zip(names, answers, strict=True))
    for _, answer in told:
        if isinstance(answer, Exception) and not isinstance(answer, HotopsError):
            raise answer
    first, second = told[: len(asked)], told[len(asked) : len(asked) + len(sources)]
    holds = {item.app: item for _, item in first if isinstance(item, AppHolds)}
    remotes: dict[str, Any] = {fly_destination(app): item.remotes() for app, item in holds.items()}
    remotes |= {name: item for name, item in told[len(asked) + len(sources) :] if isinstance(item, dict)}
    closed = {
        name: Closed(trouble_of(item), why_unreadable(item))
        for name, item in [*first, *told[len(asked) + len(sources) :]]
        if isinstance(item, Exception)
    }
    return PlacesSeen(
        Held(remotes, holds),
        closed,
        {name.removeprefix("fly:"): tuple(item) for name, item in second if isinstance(item, list)},
        tuple(place for place in wanted if place not in remotes and place not in closed),
    )


def _sources(environment: Environment, asked: Iterable[str]) -> list[str]:
    """The apps that these are promoted from, which have secrets of their own to compare with."""
    named = {app.app: app.promote_from for app in environment.apps.values() if app.promote_from}
    return list(dict.fromkeys(source for app in asked if (source := named.get(app)) and source not in named))


def _app(context: Context, app: str) -> AppHolds:
    return app_holds(context.client(Fly), app)


def _source(context: Context, app: str) -> list[AppSecret]:
    return context.client(Fly).secrets.list(app)


def _scope(context: Context, environment: Environment, scope: str) -> Any:
    return scope_holds(context.client(GitHub), repo_of(environment), scope)


def trouble_of(error: Exception) -> Trouble:
    """What an error of a reading says about the place."""
    match error:
        case NotFound():
            return "not_found"
        case Unauthorized():
            return "unauthorized"
        case Forbidden():
            return "forbidden"
        case ApiError() if error.status == 401:
            return "unauthorized"
        case _ if getattr(error, "failure_code", "") == "token_missing":
            return "unauthorized"
        case _:
            return "unreachable"
