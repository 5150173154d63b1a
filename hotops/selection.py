"""Which apps a run is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hotops.core.errors import UsageError
from hotops.core.options import nearest
from hotops.inventory.schema import Environment


def select(
    environment: Environment, hosts: Iterable[str], *, apps: object = None, patterns: Iterable[str] = ()
) -> tuple[str, ...]:
    """The hosts of the apps that a run is about, in the inventory's order.

    Those of the play's `hosts` (`-l` has narrowed them), narrowed by the extra var `apps`: hosts or apps, a list or a
    text with commas. `patterns` are the patterns of `-l`, for the message. Raises UsageError for an app that does not
    exist, and where nothing is left: a run about nothing would end well without having done anything. An empty name is
    no app either: `"$APP"` of a variable that is not set would else be about all of them.
    """
    known = {app.app: host for host, app in environment.apps.items()} | {host: host for host in environment.apps}
    wanted = _names(apps)
    for name in wanted:
        if name not in known:
            raise unknown_app(name, known)
    asked = {known[name] for name in wanted} or set(environment.apps)
    chosen = tuple(host for host in environment.apps if host in asked.intersection(hosts))
    if not chosen:
        limits = [f"-l {','.join(patterns)}" if patterns else "", f"apps={','.join(wanted)}" if wanted else ""]
        told = " with ".join(limit for limit in limits if limit) or "the play"
        raise UsageError(
            f"No app is selected: {told} leaves none of {', '.join(environment.apps)}.",
            remedy="Name one of them, or give no limit for all.",
            code="empty_selection",
        )
    return chosen


def check_patterns(patterns: Iterable[str], names: Iterable[str]) -> None:
    """Refuse a plain name among the patterns of `-l` that names no host and no group: Ansible only warns about it."""
    known = list(names)
    for pattern in patterns:
        name = pattern.lstrip("!&")
        if name and not any(mark in name for mark in "*?[~:") and name not in known:
            raise unknown_app(name, known)


def unknown_app(name: str, known: Mapping[str, str] | Iterable[str]) -> UsageError:
    """The error for an app that the inventory does not have, with the nearest one that it has."""
    names = list(known)
    meant = nearest(name, names)
    return UsageError(
        f"There is no app {name!r} in the inventory.",
        remedy=f"Did you mean {meant}?" if meant else f"Known are {', '.join(names)}.",
        code="unknown_app",
    )


def _names(apps: object) -> list[str]:
    if apps is None:
        return []
    parts = apps.split(",") if isinstance(apps, str) else apps if isinstance(apps, (list, tuple)) else [apps]
    names = [name for part in parts if (name := str(part).strip())]
    if len(names) < len(parts) and (not names or not isinstance(apps, str)):
        raise UsageError(
            "The name of an app is empty.",
            remedy="Is a variable of the shell not set? Name the app, or leave it out for all of them.",
            code="unknown_app",
        )
    return names
