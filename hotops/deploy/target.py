"""What a deploy is asked for: apps, their images, and how their machines are replaced."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hotops.core.operation import Spec


class Target(Spec):
    """One app and the image it is to run."""

    app: str = Field(description="The Fly app.")
    image: str = Field(description="The image with its digest: repository:tag@sha256:….")
    strategy: str = Field(
        "rolling",
        description="How machines are replaced: rolling, bluegreen, canary (the first is watched) or immediate.",
    )
    max_unavailable: float = Field(
        0.33, gt=0, description="Machines of a group replaced at once: below 1 a share (at least one), else a number."
    )
    drain_s: float = Field(10.0, ge=0, description="Seconds between leaving the rotation and being replaced.")
    wait_timeout_s: float = Field(300.0, gt=0, description="Longest wait for a machine to be healthy, in seconds.")
    level: int = Field(0, ge=0, description="Place in the train: all apps of a level come before those of the next.")


class DeployWant(Spec):
    """Options of a deploy."""

    targets: tuple[Target, ...] = Field(min_length=1, description="Apps and the images they are to run.")
    verdict: dict[str, Any] | None = Field(
        None, description="The signed go verdict of this run's gates; without it nothing is deployed."
    )
