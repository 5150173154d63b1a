"""The one command to type next, chosen from what was seen."""

from __future__ import annotations

from collections.abc import Sequence

from hotops.core.lock import Holder
from hotops.inventory.schema import Environment
from hotops.look.app_seen import AppSeen
from hotops.look.database import DatabaseSeen


def next_step(
    environment: Environment,
    apps: Sequence[AppSeen],
    database: DatabaseSeen,
    *,
    holder: Holder | None,
    now: float,
) -> str:
    """A command as it is typed, and why where that is not plain. Never a change before `why` has shown the cause."""
    name = environment.name
    if holder is not None and not holder.is_dead(now):
        return f"hotops evidence show    # {holder.run} is at work; wait for its end"
    for app in apps:
        if app.unfinished_runs:
            return f"hotops rollback {name}    # or the same command again: {app.unfinished_runs[0]} never ended"
    bad = [app for app in apps if app.state == "bad"]
    if bad:
        return f"hotops why {name} {worst(bad).app.host}"
    if any(finding.severity == "bad" for finding in database.findings(environment)):
        return f"hotops doctor {name}"
    if any(app.state == "unknown" for app in apps):
        return f"hotops doctor {name}"
    staged = next((app for app in apps if app.staged), None)
    if staged is not None:
        return f"fly secrets deploy -a {staged.name}"
    if any(app.app.promote_from for app in apps):
        return f"hotops plan {name}"
    return f"hotops health {name}"


def worst(apps: Sequence[AppSeen]) -> AppSeen:
    """The app that serves least: nothing started first, then most bad findings, then the inventory's order."""

    def weight(app: AppSeen) -> tuple[bool, int]:
        passing = app.health.passing if app.health else 0
        return passing > 0, -sum(finding.severity == "bad" for finding in app.findings)

    return min(apps, key=weight)
