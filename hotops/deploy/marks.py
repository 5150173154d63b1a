"""What hotops writes on a machine, so that any later run can read how far an earlier one came."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from hotops.fly.creation import CREATE_KEY
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine
from hotops.fly.states import exits_since

#: Machine metadata. The clouds keep the progress of a run; a run that died needs no local file to be found again.
RUN = "hotops_run"
STEP = "hotops_step"
BEFORE = "hotops_before"  # the machine's version (instance_id) before the run touched it
WAS_RUNNING = "hotops_was_running"  # yes or no: whether the machine was meant to run before
VERDICT = "hotops_verdict"
IMAGE = "hotops_image"  # the digest that the verdict is about: other tools keep metadata when they deploy
ACCEPTED_BY = "hotops_accepted_by"  # the run whose watch said good: not always the one that deployed
RESTORED_BY = "hotops_restored_by"
CORDONED_BY = "hotops_cordoned_by"
BEGAN = "hotops_began"  # the run that has begun to deploy: on the first machine that it will change, until it does
GREEN_OF = "hotops_green_of"  # on a new machine: the old one that it is to replace
SCALED_BY = "hotops_scaled_by"  # the run that gave the machine its size, or made it for a larger number
REPLACED_BY = "hotops_replaced_by"  # on an old machine that waits, stopped, for the verdict: the run
LEFT_FOR = "hotops_left_for"  # on a machine whose volume is being given up: the run, and what the machine was

ALL = (
    RUN,
    STEP,
    BEFORE,
    WAS_RUNNING,
    VERDICT,
    IMAGE,
    ACCEPTED_BY,
    RESTORED_BY,
    CORDONED_BY,
    BEGAN,
    GREEN_OF,
    REPLACED_BY,
    SCALED_BY,
    LEFT_FOR,
    CREATE_KEY,
)

Verdict = Literal["pending", "good"]


def run_of(machine: Machine) -> str | None:
    """The run that put the machine's present configuration there, None if it was not hotops."""
    return machine.metadata.get(RUN)


def is_pending(machine: Machine) -> bool:
    """Whether a run changed the machine and never said that the change was good.

    What somebody else deployed over it since is theirs: not pending, and not ours to bring back.
    """
    return machine.metadata.get(VERDICT) == "pending" and is_of_its_marks(machine)


def is_accepted(machine: Machine) -> bool:
    """Whether the watch after the last change said good, or an older state that had been good was brought back."""
    return machine.metadata.get(VERDICT) == "good" and is_of_its_marks(machine)


def is_of_its_marks(machine: Machine) -> bool:
    """Whether the machine still runs the image that its marks are about; marks without an image are taken as they are.

    While a machine is replaced, its configuration is ahead of the image that the platform reports: either will do.
    """
    images = (machine.image_ref, machine.known_config.image_ref)
    return IMAGE not in machine.metadata or machine.metadata[IMAGE] in {image.digest for image in images if image}


def is_green(machine: Machine) -> bool:
    """Whether hotops made it beside an old machine, and nobody accepted it yet."""
    return GREEN_OF in machine.metadata and is_pending(machine)


def is_retired(machine: Machine) -> bool:
    """Whether a green took its place: it is kept, stopped, until the verdict, and serves nobody."""
    return REPLACED_BY in machine.metadata


def is_cordoned_by_run(machine: Machine) -> bool:
    """Whether a run took the machine out of rotation: when that run is dead, nobody will put it back."""
    return machine.cordoned and CORDONED_BY in machine.metadata


def signature(run: str, doing: str = "") -> str:
    """How a run signs a cordon. What it is doing is said where that is no promotion: `back`, `scaling`, `secrets`."""
    return f"{run} {doing}".strip()


def signer(machine: Machine) -> str:
    """The run that took a machine out of rotation, whatever for; empty where none did."""
    return machine.metadata[CORDONED_BY].partition(" ")[0] if is_cordoned_by_run(machine) else ""


def promotion_at(machine: Machine) -> str:
    """The promotion that last touched the machine, if only by a cordon; empty where none did, or it was brought back.

    One that began and changed no machine yet counts too: what ran before it stays.
    A green's run stands on the machine that it replaces.
    """
    if BEGAN in machine.metadata:
        return machine.metadata[BEGAN]
    if is_cordoned_by_run(machine) and " " not in machine.metadata[CORDONED_BY]:
        return machine.metadata[CORDONED_BY]
    return "" if RESTORED_BY in machine.metadata else changed_by(machine)


def changed_by(machine: Machine) -> str:
    """The run that last changed the machine: put its configuration there, or put a green in its place."""
    return machine.metadata.get(REPLACED_BY) or run_of(machine) or ""


def unfinished_runs(machine: Machine) -> set[str]:
    """The runs that changed the machine, or took it out of rotation, and never ended."""
    runs = {run_of(machine) or "", machine.metadata.get(REPLACED_BY, "")} if is_pending(machine) else set()
    if is_retired(machine):
        runs.add(machine.metadata[REPLACED_BY])
    if is_cordoned_by_run(machine) and " " not in machine.metadata[CORDONED_BY]:
        runs.add(machine.metadata[CORDONED_BY])
    return runs - {""}


def is_green_of(machine: Machine, runs: Collection[str]) -> bool:
    """Whether one of these runs made it beside an old machine; its step says so, also once it is accepted."""
    return run_of(machine) in runs and "/green/" in machine.metadata.get(STEP, "")


def should_run(machine: Machine) -> bool:
    """Whether the machine is meant to run: a stopped one is left stopped, one that crashed is not what anybody wanted.

    In a crash loop the state changes by the second, so an unaccepted change notes what the machine was before it.
    """
    if is_pending(machine) and WAS_RUNNING in machine.metadata:
        return machine.metadata[WAS_RUNNING] == "yes"
    if machine.state in ("stopped", "created"):
        newest = next((found for _, found in exits_since(machine, 0)), None)
        return newest is not None and newest.is_crash
    return machine.state != "suspended"


def image_of(machine: Machine) -> ImageRef | None:
    """The image that the machine runs: as the platform resolved it, else as its configuration names it."""
    return machine.image_ref or machine.known_config.image_ref


def digest_of(machine: Machine) -> str:
    """The digest that the machine runs, "unknown" where nothing tells it."""
    image = image_of(machine)
    return image.digest if image and image.digest else "unknown"
