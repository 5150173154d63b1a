"""What a sweep of an operation on Fly compares and forbids: machines by app, and what a run may not leave on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hotops.deploy import marks
from hotops.deploy.roll import PROPAGATION_S
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import is_alive
from tests.stage import Stage
from tests.twin.stages import lock_holder


class Seen(NamedTuple):
    """A machine as visitors and owners see it; ids are no part of it, since bluegreen makes others."""

    group: str
    tag: str
    state: str
    cordoned: bool
    memory_mb: int


Fleet = dict[str, tuple[Seen, ...]]


def quiet(folder: Path, **common: Any) -> Stage:
    """A stage without visitors in its logs: what sweeps break is each kind of call, not page after page."""
    return Stage(folder, sandbox={"traffic_rps": 0}, **common)


def fleet(stage: Stage) -> Fleet:
    """The machines of each app of the environment, all that are not being destroyed: one too many shows."""
    return {app.app: machines_of(stage, app.app) for app in stage.environment.apps.values()}


def machines_of(stage: Stage, app: str) -> tuple[Seen, ...]:
    seen = (
        Seen(
            machine.process_group,
            machine.image_ref.tag if machine.image_ref else "",
            machine.state,
            machine.cordoned,
            machine.known_config.guest.memory_mb or 0,
        )
        for machine in stage.machines(app)
        if is_alive(machine)
    )
    return tuple(sorted(seen))


def runs(tag: str, *, machines: int = 2, apps: Iterable[str] = ("shop-production",)) -> Callable[[Fleet], bool]:
    """A predicate: each of these apps has so many machines, all started, in rotation and on this tag."""

    def holds(seen: Fleet) -> bool:
        return all(
            len(seen[app]) == machines
            and all((each.tag, each.state, each.cordoned) == (tag, "started", False) for each in seen[app])
            for app in apps
        )

    return holds


def leftovers(stage: Stage) -> list[str]:
    """Whatever is left on machines, and the lock."""
    holder = lock_holder(stage)
    return left_on_machines(stage) + ([f"the lock is held by {holder}"] if holder else [])


def left_on_machines(stage: Stage) -> list[str]:
    """Leases, marks of a change nobody accepted, cordons and blues that wait."""
    found = leases(stage)
    for app in (each.app for each in stage.environment.apps.values()):
        for machine in stage.living_machines(app):
            told = {
                "is cordoned": machine.cordoned,
                "waits for a verdict": marks.is_pending(machine),
                "waits to be destroyed": marks.is_retired(machine),
                "was cordoned by a run": marks.is_cordoned_by_run(machine),
            }
            found += [f"{app} {machine.id} {what}" for what, is_so in told.items() if is_so]
    return found


def leases(stage: Stage) -> list[str]:
    """Machines that somebody still holds."""
    with stage.context() as context:
        machines = context.client(Fly).machines
        return [
            f"{app} {machine.id} is leased"
            for app in (each.app for each in stage.environment.apps.values())
            for machine in stage.living_machines(app)
            if machines.lease_of(app, machine.id) is not None
        ]


def out_of_service(machines: Iterable[Machine]) -> Iterator[str]:
    """Each that is out of rotation or does not run."""
    for machine in machines:
        if machine.cordoned:
            yield f"{machine.id} is out of rotation"
        if machine.state != "started":
            yield f"{machine.id} is {machine.state}"


def unserved_soon(stage: Stage) -> list[str]:
    """The same when the proxy has learnt who is out of rotation: a fire exit lets nothing drain."""
    stage.clock.sleep(PROPAGATION_S)
    return unserved(stage)


def unserved(stage: Stage) -> list[str]:
    """Each app that does not answer every visitor."""
    wrong = []
    for app in (each.app for each in stage.environment.apps.values()):
        answers = [stage.get(f"https://{app}.fly.dev/health") for _ in range(10)]
        if answers != [200] * 10:
            wrong.append(f"{app} answers {answers}")
    return wrong
