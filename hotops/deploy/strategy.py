"""What every way of replacing an app's machines has to offer, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hotops.core.context import Context
from hotops.core.errors import UsageError
from hotops.core.operation import Done, Fact, Step
from hotops.deploy.roll import MachineRoller
from hotops.deploy.target import Target
from hotops.fly import Fly
from hotops.fly.config import FLYCTL_VERSION, RELEASE_ID, RELEASE_VERSION
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine

#: Watches the new machines of an app among the old ones, and raises when they are not as good.
CanaryWatch = Callable[[str], None]


class StrategyRefused(UsageError):
    """The app's machines can't be replaced in the declared way; the remedy names one that works."""

    code = "strategy_refused"


@dataclass(frozen=True)
class Rollout:
    """One app's part of a deploy: the target and what is needed to carry it out."""

    context: Context
    target: Target
    canary_watch: CanaryWatch | None = None

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    @property
    def app(self) -> str:
        return self.target.app

    @property
    def image(self) -> ImageRef:
        return ImageRef.parse(self.target.image)

    @property
    def roller(self) -> MachineRoller:
        return MachineRoller(self.fly, self.app, self.context.run, self.context.clock)

    def min_secrets_version(self, done: Done) -> int | None:
        """The app's secrets version as the deploy learnt it, None before."""
        versions = done.get("prepare", {}).get("min_secrets_version")
        return versions.get(self.app) if isinstance(versions, dict) else None

    def release_marks(self, done: Done) -> dict[str, str | None]:
        """Metadata that names the recorded release; without one none: an old number would name the wrong release.

        The version of flyctl that made the machine goes too: this one, no flyctl made.
        """
        release = done.get(f"{self.app}/release", {})
        return {
            FLYCTL_VERSION: None,
            RELEASE_ID: str(release["release"]) if "release" in release else None,
            RELEASE_VERSION: str(release["version"]) if "version" in release else None,
        }


class Strategy(Protocol):
    """A way of replacing machines: pure planning, idempotent steps, and the way back of each."""

    def __init__(self, rollout: Rollout) -> None: ...

    def refuse(self, machines: Sequence[Machine]) -> None:
        """Raise StrategyRefused where these machines can't be replaced this way."""

    def steps(self, machines: Sequence[Machine], digests_before: Mapping[str, str]) -> list[Step]:
        """The steps for machines that do not run the image, or run it unaccepted."""

    def apply(self, step: Step, done: Done) -> Fact:
        """Carry one of its steps out."""

    def undo(self, step: Step, done: Done) -> None:
        """Bring back what the step changed, if it did."""
