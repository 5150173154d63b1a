"""Machines updated where they are: one after another (rolling), the first one watched (canary), or all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hotops.core.operation import Done, Fact, Step
from hotops.deploy import marks
from hotops.deploy.groups import batch_size, groups_of
from hotops.deploy.restore import config_before
from hotops.deploy.roll import PROPAGATION_S, Rolling, marked, restored
from hotops.deploy.strategy import Rollout, StrategyRefused
from hotops.fly.config import MachineConfig
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_started


class InPlace:
    """Rolling: the first machine of each group alone, then as many at once as may be unavailable."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout

    def refuse(self, machines: Sequence[Machine]) -> None:
        """Every app can be updated in place."""

    def steps(self, machines: Sequence[Machine], digests_before: Mapping[str, str]) -> list[Step]:
        wanted = self.rollout.image
        found: list[Step] = []
        for group, members in groups_of([m for m in machines if not marks.is_retired(m)]).items():
            todo = [m for m in members if marks.digest_of(m) != wanted.digest or marks.is_pending(m)]
            running = [m for m in todo if marks.should_run(m)]
            ordered = running + [m for m in todo if m not in running]
            others = sum(is_started(m) for m in members) > 1
            turns = [self.turn(index, len(members)) for index in range(len(ordered))]
            for machine, turn in zip(ordered, turns, strict=True):
                found.append(
                    Step(
                        f"{self.rollout.app}/{group}/{members.index(machine) + 1}",
                        machine.id,
                        before={
                            "image": str(marks.image_of(machine)),
                            "digest": digests_before.get(machine.id, marks.digest_of(machine)),
                            "has_others": others and self.cordons,
                            "more_follow": turn < turns[-1],
                            "some_went_before": turn > turns[0],
                            "runs": marks.should_run(machine),
                        },
                        after={"image": str(wanted), "digest": wanted.digest},
                        needs=(f"{self.rollout.app}/release",),
                        phase=f"{self.rollout.target.level:03}/machines/{turn:03}",
                    )
                )
        return found

    #: Whether a machine leaves the rotation before it is replaced.
    cordons = True

    def turn(self, index: int, members: int) -> int:
        """The turn in which the machine at this place of its group is replaced."""
        return 0 if index == 0 else 2 + (index - 1) // batch_size(members, self.rollout.target.max_unavailable)

    def apply(self, step: Step, done: Done) -> Fact:
        rollout = self.rollout
        image, also = rollout.image, rollout.release_marks(done)

        def change(machine: Machine) -> MachineConfig:
            config = machine.known_config.with_image(image)
            return marked(config, machine, run=rollout.context.run, step=step.name, also=also)

        return rollout.roller.move(
            step.target,
            self._how(step, done, settle=bool(step.before.get("more_follow"))),
            is_there=lambda machine: marks.digest_of(machine) == image.digest,
            change=change,
        )

    def undo(self, step: Step, done: Done) -> None:
        """Bring a machine back to the version that it had before the change that was never accepted.

        That change may be of an earlier run that died: what it left comes back with ours, or the app would be mixed.
        """
        rollout = self.rollout
        machine = rollout.fly.machines.get(rollout.app, step.target)
        if not marks.is_pending(machine):
            rollout.roller.uncordon_own(machine)
            return
        before = config_before(rollout.fly, rollout.app, machine)
        rollout.roller.move(
            machine.id,
            # The way back goes through the turns from the last to the first.
            self._how(step, done, settle=bool(step.before.get("some_went_before")), drain=checks_pass(machine)),
            is_there=lambda seen: not marks.is_pending(seen),
            change=lambda _: restored(before, run=rollout.context.run),
        )

    def _how(self, step: Step, done: Done, *, settle: bool, drain: bool = True) -> Rolling:
        target = self.rollout.target
        return Rolling(
            cordon=bool(step.before.get("has_others")),
            drain_s=target.drain_s if drain else 0.0,
            settle_s=PROPAGATION_S if settle else 0.0,
            wait_timeout_s=target.wait_timeout_s,
            min_secrets_version=self.rollout.min_secrets_version(done),
        )


class Immediate(InPlace):
    """All machines at once: the fastest, and the app is away while they boot."""

    cordons = False

    def turn(self, index: int, members: int) -> int:
        return 0


class Canary(InPlace):
    """The first machine of each group is replaced and watched among the old; the rest follows when it is as good."""

    def refuse(self, machines: Sequence[Machine]) -> None:
        """A canary needs old machines beside it to be compared with, and somebody who watches."""
        if self.rollout.canary_watch is None:
            raise StrategyRefused(
                f"{self.rollout.app}: a canary has to be watched, and this deploy watches nothing.",
                remedy="Promote with promote.yml, or set deploy_strategy: rolling.",
            )
        for group, members in groups_of([m for m in machines if not marks.is_retired(m)]).items():
            if sum(marks.should_run(machine) for machine in members) == 1:
                raise StrategyRefused(
                    f"{self.rollout.app}: group {group} runs one machine; a canary has nothing to be compared with.",
                    remedy="Run two machines, or set deploy_strategy: bluegreen.",
                )

    def steps(self, machines: Sequence[Machine], digests_before: Mapping[str, str]) -> list[Step]:
        found = super().steps(machines, digests_before)
        if len({step.phase for step in found}) > 1:
            level = f"{self.rollout.target.level:03}"
            after = {"canary": "as good as the others"}
            found.append(
                Step(f"{self.rollout.app}/canary", self.rollout.app, after=after, phase=f"{level}/machines/001")
            )
        return found

    def apply(self, step: Step, done: Done) -> Fact:
        if not step.name.endswith("/canary"):
            return super().apply(step, done)
        if self.rollout.canary_watch is not None:
            self.rollout.canary_watch(self.rollout.app)
        return {"canary": "good"}

    def undo(self, step: Step, done: Done) -> None:
        if not step.name.endswith("/canary"):
            super().undo(step, done)
