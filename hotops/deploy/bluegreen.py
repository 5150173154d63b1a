"""New machines beside the old ones: greens, then the traffic, then the blues wait, stopped, for the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hotops.core.errors import NotFound
from hotops.core.operation import Done, Fact, Step
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.groups import groups_of
from hotops.deploy.roll import LEASE_PATIENCE_S, LEASE_TTL_S, PROPAGATION_S, MachineRoller, refuse_crashed
from hotops.deploy.strategy import Rollout, StrategyRefused
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_managed, is_standby, is_started


class BlueGreen:
    """One green per blue; both serve for a moment; then the blues wait, stopped: the way back is a start."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout

    def refuse(self, machines: Sequence[Machine]) -> None:
        """A volume hangs on one machine, a standby on another, a schedule would run twice."""
        for machine in machines:
            config = machine.known_config
            why = (
                "has a volume, which only one machine can mount"
                if config.mounts
                else "is a standby of another machine"
                if is_standby(machine)
                else f"runs by a schedule ({config.schedule}), which would run twice"
                if config.schedule
                else ""
            )
            if why:
                raise StrategyRefused(
                    f"{self.rollout.app} {machine.id} {why}: bluegreen can't replace it.",
                    remedy="Set deploy_strategy: rolling for this app.",
                )

    def steps(self, machines: Sequence[Machine], digests_before: Mapping[str, str]) -> list[Step]:
        app, wanted, level = self.rollout.app, self.rollout.image, f"{self.rollout.target.level:03}"
        greens = {machine.metadata[marks.GREEN_OF]: machine for machine in machines if marks.is_green(machine)}
        made = {blue: green.id for blue, green in greens.items() if marks.digest_of(green) == wanted.digest}
        found: list[Step] = []
        for group, members in groups_of([m for m in machines if not marks.is_green(m)]).items():
            blues = [m for m in members if self._is_blue(m, greens, wanted.digest)]
            for index, blue in enumerate(blues, 1):
                known = {
                    "image": str(marks.image_of(blue)),
                    "digest": digests_before.get(blue.id, marks.digest_of(blue)),
                    "runs": marks.should_run(blue),
                }
                found.append(
                    Step(
                        f"{app}/{group}/green/{index}",
                        f"beside {blue.id}",
                        "create",
                        before={"green": made.get(blue.id, "")},
                        after={"image": str(wanted), "digest": wanted.digest, "blue": blue.id},
                        needs=(f"{app}/release",),
                        phase=f"{level}/machines/1-greens",
                    )
                )
                found.append(
                    Step(
                        f"{app}/{group}/blue/{index}",
                        blue.id,
                        before={**known, "serving": True},
                        after={"serving": False},
                        phase=f"{level}/machines/3-blues",
                    )
                )
            if blues:
                phase = f"{level}/machines/2-switch"
                before, after = {"serving": "blue"}, {"serving": "green"}
                found.append(Step(f"{app}/{group}/switch", app, before=before, after=after, phase=phase))
        return found

    def _is_blue(self, machine: Machine, greens: Mapping[str, Machine], wanted: str) -> bool:
        """Whether it is to be replaced, or is being by a green that nobody accepted yet."""
        if marks.is_retired(machine):
            return machine.id in greens
        return marks.digest_of(machine) != wanted

    def apply(self, step: Step, done: Done) -> Fact:
        kind = _kind(step)
        if kind == "green":
            return self._make_green(step, done)
        if kind == "switch":
            return self._switch(step)
        return retire(self.rollout.roller, step.target, self.rollout.target.drain_s)

    def undo(self, step: Step, done: Done) -> None:
        kind, rollout = _kind(step), self.rollout
        if kind == "green":
            for green in greens_of(rollout.fly, rollout.app, blue=str(step.after["blue"])):
                rollout.fly.machines.destroy(rollout.app, green.id, force=True)
        elif kind == "switch":
            leave(rollout.roller, self._greens(step), rollout.target.drain_s)
        else:
            revive(rollout.roller, step.target, rollout.target.wait_timeout_s)

    def _make_green(self, step: Step, done: Done) -> Fact:
        rollout = self.rollout
        app = rollout.app
        blue = rollout.fly.machines.get(app, str(step.after["blue"]))
        launch = marks.should_run(blue) or blue.metadata.get(marks.WAS_RUNNING) == "yes"
        # What a dead run made is known from the plan: a list here for each green would use up the app's limit of lists.
        known = str(step.before.get("green", ""))
        green = rollout.fly.machines.get(app, known) if known else self._create(blue, step, done, launch=launch)
        if launch:
            rollout.roller.wait_until_healthy(green.id, green.instance_id, rollout.target.wait_timeout_s)
        return {"machine": green.id, "blue": blue.id, "was_there": bool(known)}

    def _create(self, blue: Machine, step: Step, done: Done, *, launch: bool) -> Machine:
        rollout = self.rollout
        return rollout.fly.machines.create(
            rollout.app,
            self._config(blue, step, done),
            key=f"{rollout.context.run}/{step.name}",
            region=blue.region,
            skip_launch=not launch,
            skip_service_registration=True,
            min_secrets_version=rollout.min_secrets_version(done),
        )

    def _config(self, blue: Machine, step: Step, done: Done) -> MachineConfig:
        entries: dict[str, str | None] = dict.fromkeys(marks.ALL)
        entries |= self.rollout.release_marks(done)
        entries |= {
            marks.RUN: self.rollout.context.run,
            marks.STEP: step.name,
            marks.VERDICT: "pending",
            marks.GREEN_OF: blue.id,
        }
        return blue.known_config.with_image(self.rollout.image).with_metadata(entries)

    def _greens(self, step: Step) -> list[Machine]:
        group = step.name.split("/")[1]
        rollout = self.rollout
        return [m for m in greens_of(rollout.fly, rollout.app) if m.process_group == group]

    def _switch(self, step: Step) -> Fact:
        """Let the greens in, and give the proxy time to learn of them before a blue leaves.

        The first greens were healthy while the last ones were still made: one that crashed since lets nobody in.
        """
        rollout, greens = self.rollout, self._greens(step)
        for green in greens:
            refuse_crashed(rollout.app, green)
        map_parallel(lambda green: rollout.fly.machines.uncordon(rollout.app, green.id), greens)
        rollout.context.clock.sleep(PROPAGATION_S)
        for green in greens:
            if is_started(green):
                rollout.roller.wait_until_healthy(green.id, green.instance_id, rollout.target.wait_timeout_s)
        return {"machines": [green.id for green in greens]}


def greens_of(fly: Fly, app: str, *, blue: str | None = None) -> list[Machine]:
    """Machines that hotops made beside a blue (or any) and nobody accepted yet."""
    metadata = {marks.GREEN_OF: blue} if blue else {}
    return [m for m in fly.machines.list(app, metadata=metadata) if is_managed(m) and marks.is_green(m)]


def retire(roller: MachineRoller, machine_id: str, drain_s: float) -> Fact:
    """Take a blue out of rotation, let it drain, and stop it; it says by whom, and whether it ran."""
    fly, app = roller.fly, roller.app
    with fly.machines.wait_for_lease(
        app, machine_id, patience_s=LEASE_PATIENCE_S, ttl_s=LEASE_TTL_S, description=f"hotops {roller.run}"
    ) as lease:
        blue = fly.machines.get(app, machine_id)
        runs = is_started(blue) or blue.metadata.get(marks.WAS_RUNNING) == "yes"
        if not marks.is_retired(blue):
            entries = {
                marks.REPLACED_BY: roller.run,
                marks.WAS_RUNNING: "yes" if runs else "no",
                marks.BEGAN: None,
            }
            fly.machines.patch_metadata(app, machine_id, entries)
        elif marks.BEGAN in blue.metadata:
            fly.machines.set_metadata(app, machine_id, marks.BEGAN, None)
        if is_started(blue):
            fly.machines.cordon(app, machine_id, nonce=lease.nonce)
            roller.clock.sleep(drain_s)
            fly.machines.stop(app, machine_id, nonce=lease.nonce)
            fly.machines.wait(app, machine_id, "stopped")
    return {"machine": machine_id, "instance": blue.instance_id}


def revive(roller: MachineRoller, machine_id: str, wait_timeout_s: float) -> None:
    """Bring a retired blue back into service, and give the proxy time to learn of it: greens may leave after that.

    One that never left is left alone.
    """
    fly, app = roller.fly, roller.app
    try:
        blue = fly.machines.get(app, machine_id)
    except NotFound:
        return
    if not marks.is_retired(blue):
        return
    with fly.machines.wait_for_lease(
        app, machine_id, patience_s=LEASE_PATIENCE_S, ttl_s=LEASE_TTL_S, description=f"hotops {roller.run}"
    ) as lease:
        runs = blue.metadata.get(marks.WAS_RUNNING) == "yes"
        if runs and not is_started(blue):
            fly.machines.start(app, machine_id, nonce=lease.nonce)
        # With service checks the proxy waits for them itself, so it may learn of the blue while that still boots.
        early = all(service.checks for service in blue.known_config.services)
        if runs and not early:
            roller.wait_until_healthy(machine_id, blue.instance_id, wait_timeout_s)
        fly.machines.uncordon(app, machine_id, nonce=lease.nonce)
        known_at = roller.clock.now() + PROPAGATION_S
        if runs and early:
            roller.wait_until_healthy(machine_id, blue.instance_id, wait_timeout_s)
        back = {marks.REPLACED_BY: None, marks.WAS_RUNNING: None, marks.RESTORED_BY: roller.run}
        fly.machines.patch_metadata(app, machine_id, back)
    roller.clock.sleep(max(0.0, known_at - roller.clock.now()))


def leave(roller: MachineRoller, greens: Sequence[Machine], drain_s: float) -> None:
    """Take greens out of rotation and let those that serve drain."""
    leaving = [green for green in greens if is_started(green) and not green.cordoned]
    map_parallel(lambda green: roller.fly.machines.cordon(roller.app, green.id), leaving)
    if any(checks_pass(green) for green in leaving):
        roller.clock.sleep(drain_s)


def _kind(step: Step) -> str:
    parts = step.name.split("/")
    return parts[2]
