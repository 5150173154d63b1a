"""Acceptance: the watch said good, and every machine and the release record say so too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hotops.core.clock import Clock
from hotops.core.errors import LeaseHeld, ServerError, WireError
from hotops.core.operation import Fact, Step
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.blueback import leftovers
from hotops.deploy.roll import LEASE_TTL_S
from hotops.fly import Fly
from hotops.fly.models import Machine

T = TypeVar("T")

#: In all longer than a lease lives whose end was asked for in vain.
_PAUSES_S = (1.0, 4.0, LEASE_TTL_S)


def accept_step(app: str) -> Step:
    """The step that accepts what an app runs."""
    return Step(f"{app}/accept", app, before={"verdict": "pending"}, after={"verdict": "good"}, phase="accept")


def accept(fly: Fly, app: str, machines: Sequence[Machine], run: str, clock: Clock) -> Fact:
    """Say good on each machine, complete the release, and destroy the blues that waited for it; safe to repeat.

    One write a machine, one for the record, one list. By then the release is accepted: what only tidies up is asked
    again where the API fails once, or where a lease that nobody could give back has to run out.
    """
    entries = {marks.VERDICT: "good", marks.ACCEPTED_BY: run, marks.GREEN_OF: None}

    def say_good(machine: Machine) -> None:
        image = marks.image_of(machine)
        about = {marks.IMAGE: image.digest if image and image.digest else None}
        fly.machines.patch_metadata(app, machine.id, {**entries, **about})

    map_parallel(say_good, machines)
    releases = {machine.known_config.release_id for machine in machines} - {""}
    warnings = [fly.releases.try_update(release, "complete").warning for release in sorted(releases)]
    retired = leftovers(_insisting(lambda: fly.machines.list(app), clock))
    map_parallel(lambda machine: _insisting(lambda: fly.machines.destroy(app, machine.id, force=True), clock), retired)
    return {
        "destroyed": [machine.id for machine in retired],
        "machines": [machine.id for machine in machines],
        "warning": " ".join(filter(None, warnings)),
    }


def _insisting(ask: Callable[[], T], clock: Clock) -> T:
    for pause_s in _PAUSES_S:
        try:
            return ask()
        except (ServerError, WireError, LeaseHeld):
            clock.sleep(pause_s)
    return ask()


def was_found_good(machines: Sequence[Machine], run: str) -> bool:
    """Whether the run's watch said good and came as far as writing it on one machine at least."""
    return any(machine.metadata.get(marks.ACCEPTED_BY) == run for machine in machines)
