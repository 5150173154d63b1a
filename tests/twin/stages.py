"""What tests of promotions ask of a stage: how a run ended, whether an app is whole, what the twin was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from hotops.core.errors import HotopsError
from hotops.core.parallel import max_workers
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.models import Machine, Release
from tests.stage import Stage

APP = "shop-production"
SOURCE = "shop-staging"
URL = f"https://{APP}.fly.dev/health"
#: What an inventory that says nothing about these keys gets: figures on it are figures of the defaults.
DEFAULTS: Mapping[str, Any] = {
    "samples": 60,
    "warmup": 3,
    "watch_s": 600,
    "drain_s": 10,
    "watch": {"interval_s": 5},
}
FIRST = "20260101T000000Z-promote-stage"
SECOND = "20260101T010000Z-promote-stage"
THIRD = "20260101T020000Z-promote-stage"


@contextmanager
def in_one_order() -> Iterator[None]:
    """Calls one after another: threads that sleep on one clock would add up, and an answer look slow for another's."""
    token = max_workers.set(1)
    try:
        yield
    finally:
        max_workers.reset(token)


def refused(act: Callable[..., Any], *args: Any, **options: Any) -> HotopsError:
    """The error with which something ends; anything but a HotopsError is a bug and fails the test."""
    with pytest.raises(HotopsError) as caught:
        act(*args, **options)
    error = caught.value
    assert error.message.strip(), "an error says what was wrong"
    return error


def ended(error: HotopsError) -> tuple[str, int]:
    """The failure's code and exit code."""
    return error.failure_code, int(error.failure_exit)


def blocking(error: HotopsError) -> list[str]:
    """The gates that said no."""
    rows: Any = error.details.get("gates", [])
    return [row["gate"] for row in rows if row["blocks"]]


def gates_of(stage: Stage, *names: str, **context: Any) -> dict[str, dict[str, Any]]:
    """Gates of the promotion by name, asked by the module `gate`, which stops nothing here."""
    from hotops.core.driver import drive
    from hotops.promote.gate import AskSomeGates, GateWant

    with in_one_order(), stage.context(**context) as surroundings:
        rows = drive(AskSomeGates(GateWant(names=names, stop=False), surroundings)).result["gates"]
    return {row["gate"]: row for row in rows}


def releases(stage: Stage, app: str = APP) -> list[Release]:
    """The app's release records, newest first."""
    with stage.context() as context:
        return context.client(Fly).releases.list(app)


def told(stage: Stage, app: str = APP) -> list[tuple[int, str, str]]:
    """Version, status and tag of the app's releases, newest first."""
    return [(release.version, release.status, tag_of(release.image_ref)) for release in releases(stage, app)]


def tag_of(image: str) -> str:
    return image.partition("@")[0].rpartition(":")[2]


def lock_holder(stage: Stage) -> str | None:
    """The run that holds the environment."""
    from hotops.promote.holding import local_lock

    held = local_lock(stage.environment).read()
    return held.run if held else None


def wrong_with(stage: Stage, app: str = APP, *, tag: str, expect: int = 2) -> list[str]:
    """All that is not as it should be of an app that is to be wholly on one image, served, and left alone."""
    machines = stage.machines(app)
    with stage.context() as context:
        leased = [m.id for m in machines if context.client(Fly).machines.lease_of(app, m.id) is not None]
    found = {
        f"there are {len(machines)} machines": len(machines) == expect,
        f"they run {stage.tags(app)}": stage.tags(app) == {tag},
        f"they are {[machine.state for machine in machines]}": all(m.state == "started" for m in machines),
        "a machine is cordoned": not any(machine.cordoned for machine in machines),
        "a check does not pass": all(check.is_passing for machine in machines for check in machine.checks),
        "a change is pending": not any(marks.is_pending(machine) for machine in machines),
        f"leases are held on {leased}": not leased,
        f"the lock is held by {lock_holder(stage)}": lock_holder(stage) is None,
        "the app does not answer": [stage.get(f"https://{app}.fly.dev/health") for _ in range(4)] == [200] * 4,
    }
    return [what for what, is_right in found.items() if not is_right]


def verdict_of(machine: Machine) -> str | None:
    return machine.metadata.get(marks.VERDICT)


def calls(stage: Stage) -> list[str]:
    """What the twin was asked since its log was emptied: method, host and path, ids of machines as `ID`."""
    ids = {machine for app in stage.twin.world.apps.values() for machine in app.machines}
    found = []
    for entry in stage.control("GET", "log")["entries"]:
        parts = ["ID" if part in ids else part for part in entry["path"].split("/")]
        found.append(f"{entry['method']} {entry['host']}{'/'.join(parts)}")
    return found


def forget_calls(stage: Stage) -> None:
    """Empty the twin's log."""
    stage.control("DELETE", "log")
