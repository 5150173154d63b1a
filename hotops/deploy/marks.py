"""What hotops writes on a machine, so that any later run can read how far an earlier one came."""

from __future__ import annotations

from typing import Literal

from hotops.fly.image import ImageRef
from hotops.fly.models import Machine

#: Machine metadata. The clouds keep the progress of a run; a run that died needs no local file to be found again.
RUN = "hotops_run"
STEP = "hotops_step"
BEFORE = "hotops_before"  # the machine's version (instance_id) before the run touched it
VERDICT = "hotops_verdict"
RESTORED_BY = "hotops_restored_by"
CORDONED_BY = "hotops_cordoned_by"

Verdict = Literal["pending", "good"]


def run_of(machine: Machine) -> str | None:
    """The run that put the machine's present configuration there, None if it was not hotops."""
    return machine.metadata.get(RUN)


def is_pending(machine: Machine) -> bool:
    """Whether a run changed the machine and never said that the change was good."""
    return machine.metadata.get(VERDICT) == "pending"


def is_accepted(machine: Machine) -> bool:
    """Whether the watch after the last change said good, or an older state that had been good was brought back."""
    return machine.metadata.get(VERDICT) == "good"


def image_of(machine: Machine) -> ImageRef | None:
    """The image that the machine runs: as the platform resolved it, else as its configuration names it."""
    return machine.image_ref or machine.known_config.image_ref


def digest_of(machine: Machine) -> str:
    """The digest that the machine runs, "unknown" where nothing tells it."""
    image = image_of(machine)
    return image.digest if image and image.digest else "unknown"
