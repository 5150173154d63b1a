"""The machines of an app made anew with what they have: the only way in which they get the secrets of today.

A restart does not give a machine new secrets; a new version of it does (Fly docs, secrets; flyctl, secrets deploy).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hotops.core.context import Context
from hotops.core.errors import HotopsError
from hotops.core.operation import Done, Fact, Step
from hotops.deploy import marks
from hotops.deploy.groups import batch_size, groups_of
from hotops.deploy.record import record_release
from hotops.deploy.roll import PROPAGATION_S, MachineRoller, Rolling
from hotops.fly import Fly
from hotops.fly.config import FLYCTL_VERSION, RELEASE_ID, RELEASE_VERSION, MachineConfig
from hotops.fly.models import Machine
from hotops.fly.states import is_started


class Unaccepted(HotopsError):
    """A change of the app was never accepted: making its machines anew now would mix two changes."""

    code = "unaccepted"


@dataclass(frozen=True)
class Refresh:
    """One app's machines, replaced turn by turn by the same image and configuration; the verdict stays.

    There is no way back of a value that Fly can't show; so the first machine goes alone and has to be healthy, and what
    fails stops the rest: those serve on with what they were given before.
    """

    context: Context
    app: str
    max_unavailable: float = 0.33
    drain_s: float = 10.0
    wait_timeout_s: float = 300.0

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    def steps(self, machines: Sequence[Machine], only: Collection[str] | None = None, *, why: str = "") -> list[Step]:
        """The steps for the app's managed machines (or those of `only`, by id), in phases that sort.

        Raises Unaccepted where a deploy of the app was neither accepted nor brought back.
        """
        serving = [machine for machine in machines if not marks.is_retired(machine)]
        todo = [machine for machine in serving if only is None or machine.id in only]
        if not todo:
            return []
        if any(marks.is_pending(machine) for machine in serving):
            raise Unaccepted(
                f"{self.app} has a deploy that was never accepted, so its machines are left alone.",
                remedy="Finish it (promote.yml) or bring it back (rollback.yml), then run this again.",
            )
        image = str(marks.image_of(todo[0]))
        steps = [
            Step(
                self.release_step, self.app, "create", after={"image": image, "why": why or "new secrets"},
                phase="2-release",
            )
        ]  # fmt: skip
        for group, members in groups_of(serving).items():
            turned = [machine for machine in members if machine in todo]
            running = [machine for machine in turned if marks.should_run(machine)]
            ordered = running + [machine for machine in turned if machine not in running]
            size = batch_size(len(members), self.max_unavailable)
            others = sum(is_started(machine) for machine in members) > 1
            for index, machine in enumerate(ordered):
                turn = 0 if index == 0 else 1 + (index - 1) // size
                more_follow = index < len(ordered) - 1
                steps.append(
                    Step(
                        f"{self.app}/{group}/{members.index(machine) + 1}",
                        machine.id,
                        "update",
                        before={"secrets": "of before", "has_others": others, "more_follow": more_follow},
                        after={"secrets": "of today"},
                        needs=(self.release_step,),
                        phase=f"3-machines/{turn:03}",
                    )
                )
        named = tuple(step.name for step in steps)
        steps.append(
            Step(f"{self.app}/complete", self.app, after={"release": "complete"}, needs=named, phase="4-complete")
        )
        return steps

    @property
    def release_step(self) -> str:
        """Name of the step that records the release."""
        return f"{self.app}/release"

    def owns(self, step: Step) -> bool:
        """Whether a step is one of these."""
        return step.name.startswith(f"{self.app}/") and step.phase[:2] in ("2-", "3-", "4-")

    def apply(self, step: Step, done: Done, *, min_secrets_version: int | None) -> Fact:
        """Carry one of the steps out. Raises MachineUnhealthy, and what the API raises."""
        recorded = done.get(self.release_step, {})
        if step.name == self.release_step:
            return record_release(self.fly, self.app, str(step.after["image"]), "running")
        if step.phase.startswith("4-"):
            warning = self.fly.releases.try_update(str(recorded.get("release", "")), "complete").warning
            return {"warning": warning} if warning else {}
        version = recorded.get("version")
        marks_of_release = {
            FLYCTL_VERSION: None,
            RELEASE_ID: str(recorded["release"]) if "release" in recorded else None,
            RELEASE_VERSION: str(version) if version is not None else None,
        }

        def change(machine: Machine) -> MachineConfig:
            image = marks.image_of(machine)
            config = machine.known_config
            if image is not None and image.is_pinned:
                config = config.with_image(image)  # the bytes that run, not what their tag means by now
            # Without a record the old numbers stay: a machine that names no release is nobody's.
            return config.with_metadata(marks_of_release) if version is not None else config

        how = Rolling(
            cordon=bool(step.before.get("has_others")),
            drain_s=self.drain_s,
            settle_s=PROPAGATION_S if step.before.get("more_follow") else 0.0,
            wait_timeout_s=self.wait_timeout_s,
            min_secrets_version=min_secrets_version,
        )
        roller = MachineRoller(self.fly, self.app, self.context.run, self.context.clock, doing="secrets")
        return roller.move(
            step.target,
            how,
            is_there=lambda machine: version is not None and machine.release_version == version,
            change=change,
        )

    def failed(self, done: Done) -> None:
        """Say in the release's record that it failed; a refused record changes nothing."""
        release = done.get(self.release_step, {}).get("release")
        if release is not None:
            self.fly.releases.try_update(str(release), "failed")


def ordered(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of several apps, phase by phase: all releases, all first machines, and so on."""
    return tuple(sorted(steps, key=lambda step: step.phase))
