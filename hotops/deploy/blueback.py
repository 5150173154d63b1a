"""The short way back of a bluegreen deploy: the blues, kept stopped, serve again, and the greens are destroyed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from hotops.core.errors import NotFound
from hotops.core.operation import Fact, Step
from hotops.deploy import marks
from hotops.deploy.bluegreen import leave, revive
from hotops.deploy.groups import groups_of
from hotops.deploy.roll import BACK_DRAIN_S, MachineRoller
from hotops.deploy.way_back import WayBack
from hotops.fly.models import Machine, Release


def is_half_way(machines: Sequence[Machine]) -> bool:
    """Whether a bluegreen deploy of these machines was never accepted: greens wait, or a blue does for a green."""
    return any(marks.is_green(machine) for machine in machines) or bool(waiting_blues(machines))


def waiting_blues(machines: Sequence[Machine]) -> list[Machine]:
    """Retired machines whose run was not accepted. After it was, they only wait to be destroyed."""
    good = [machine.metadata for machine in machines if marks.is_accepted(machine)]
    accepted = {entries.get(key) for entries in good for key in (marks.RUN, marks.ACCEPTED_BY)}
    return [m for m in machines if marks.is_retired(m) and m.metadata.get(marks.REPLACED_BY) not in accepted]


def leftovers(machines: Sequence[Machine]) -> list[Machine]:
    """Retired machines of an accepted run: nobody needs them any more."""
    waiting = {machine.id for machine in waiting_blues(machines)}
    return [machine for machine in machines if marks.is_retired(machine) and machine.id not in waiting]


def way_back_to_blue(machines: Sequence[Machine]) -> WayBack:
    """What the blues run: no record has to be asked, no image pulled."""
    greens = {machine.metadata[marks.GREEN_OF] for machine in machines if marks.is_green(machine)}
    blue = next((m for m in machines if marks.is_retired(m) or m.id in greens), machines[0])
    image = marks.image_of(blue) or marks.image_of(machines[0])
    if image is None:  # a machine without an image can't have been started; there is nothing to name
        raise LookupError(f"{blue.id} names no image")
    release = Release(version=blue.release_version or 0, status="complete", image_ref=str(image))
    return WayBack(release, image, image.digest or None)


def steps_back(app: str, machines: Sequence[Machine]) -> list[Step]:
    """Blues first, then the greens: at no moment serves nobody."""
    found: list[Step] = []
    for group, members in groups_of(machines).items():
        blues = [machine for machine in members if marks.is_retired(machine)]
        greens = [machine for machine in members if marks.is_green(machine)]
        for index, blue in enumerate(blues, 1):
            runs = blue.metadata.get(marks.WAS_RUNNING) == "yes"
            found.append(
                Step(
                    f"{app}/{group}/blue/{index}",
                    blue.id,
                    before={"serving": False, "runs": runs},
                    after={"serving": True},
                    phase="1/machines/0-blues",
                )
            )
        for index, green in enumerate(greens, 1):
            before = {"image": str(marks.image_of(green)), "gone": False}
            step = Step(f"{app}/{group}/green/{index}", green.id, "destroy", before, {"gone": True}, (), "1/machines/1")
            found.append(step)
        began = [machine for machine in members if marks.BEGAN in machine.metadata and machine not in greens]
        for index, blue in enumerate(began, 1):
            says = {"began": blue.metadata[marks.BEGAN]}
            step = Step(f"{app}/{group}/began/{index}", blue.id, "update", says, {"began": None}, (), "1/machines/2")
            found.append(step)
    return found


def is_step_back(step: Step) -> bool:
    """Whether `take_step` knows it."""
    return bool({"serving", "gone", "began"} & step.after.keys())


def take_step(roller: MachineRoller, step: Step, *, wait_timeout_s: float, drain_s: float) -> Fact:
    """Revive a blue, let a green drain and destroy it, or end the mark of a run that began. Safe to repeat."""
    if "serving" in step.after:
        revive(roller, step.target, wait_timeout_s)
        return {"machine": step.target}
    if "began" in step.after:
        roller.fly.machines.set_metadata(roller.app, step.target, marks.BEGAN, None)
        return {"machine": step.target}
    with contextlib.suppress(NotFound):
        # The blues serve again: nothing is gained by taking a green away while the proxy still sends it requests.
        leave(roller, [roller.fly.machines.get(roller.app, step.target)], max(drain_s, BACK_DRAIN_S))
    roller.fly.machines.destroy(roller.app, step.target, force=True)
    return {"machine": step.target}
