"""Which app gets its image from where, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotops.core.context import Context
from hotops.core.errors import UsageError
from hotops.inventory.schema import App, Environment


@dataclass(frozen=True)
class Pair:
    """A target app, its place in the train, and the image that was named for it (else its source's image is taken)."""

    app: App
    level: int
    image: str | None = None

    @property
    def host(self) -> str:
        return self.app.host

    @property
    def target(self) -> str:
        """The Fly app that is changed."""
        return self.app.app

    @property
    def source(self) -> str | None:
        """The Fly app that is read; None where the image was named."""
        return None if self.image else self.app.promote_from


def environment_of(context: Context) -> Environment:
    """The context's environment. Raises UsageError where the caller has no inventory."""
    if not isinstance(context.environment, Environment):
        raise UsageError("This needs an inventory.", remedy="Give one: -i inventories/production")
    return context.environment


def pairs_of(context: Context, *, image: str | None = None) -> tuple[Pair, ...]:
    """The pairs of the selected apps, in the order in which they are deployed.

    Raises UsageError: nothing selected can be promoted, or one image is named for several apps.
    """
    environment = environment_of(context)
    hosts = context.selection or tuple(environment.apps)
    selected = [environment.apps[host] for host in hosts]
    if image is None:
        chosen = [app for app in selected if app.promote_from]
        if not chosen:
            raise UsageError(
                f"None of the selected apps says what it is promoted from: {', '.join(hosts)}.",
                remedy="Set promote_from: STAGING_APP for the app in the inventory.",
                code="no_source",
            )
    else:
        chosen = selected
        if len(chosen) != 1:
            raise UsageError(
                f"One image can't go to {len(chosen)} apps: {', '.join(hosts)}.",
                remedy="Name the app: -l HOST",
                code="one_image_many_apps",
            )
    levels = _levels(chosen)
    ordered = [app for app in environment.in_order() if app in chosen]
    return tuple(Pair(app, levels[app.host], image) for app in ordered)


def _levels(apps: Sequence[App]) -> dict[str, int]:
    """Each app's distance from the head of the train; `after` counts only among the chosen."""
    by_host = {app.host: app for app in apps}
    levels: dict[str, int] = {}

    def level(app: App) -> int:
        if app.host not in levels:
            before = [by_host[host] for host in app.after if host in by_host]
            levels[app.host] = 1 + max((level(other) for other in before), default=-1)
        return levels[app.host]

    for app in apps:
        level(app)
    return levels
