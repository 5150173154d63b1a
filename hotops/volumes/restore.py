"""The operation `restore_volume`: a volume comes back from a snapshot, on a new machine; the former stays, stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.context import Context
from hotops.core.errors import ExitCode, HotopsError, UsageError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.options import nearest
from hotops.core.waiting import wait_for
from hotops.deploy import marks
from hotops.deploy.roll import MachineRoller
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.creation import CREATE_KEY
from hotops.fly.models import Machine, Snapshot, Volume
from hotops.fly.states import checks_pass, is_alive, is_managed, is_reachable, is_started
from hotops.inventory.schema import App, Environment
from hotops.promote.holding import hold, let_go
from hotops.volumes.former import Former, can_be_asked, is_retired
from hotops.volumes.snapshots import chosen_snapshot, restored_name, restored_volume
from hotops.volumes.told import DOCS

#: A destroyed machine gives its volume back after a moment.
DETACHED_WITHIN_S = 60.0
VOLUME, FORMER, MACHINE = "volume", "former", "machine"
#: Marks that tell of the former machine's past, not of what it runs.
_NOT_COPIED = tuple(mark for mark in marks.ALL if mark not in (marks.VERDICT, marks.IMAGE, marks.ACCEPTED_BY))


class VolumeWanted(Spec):
    """Which volume, from which snapshot."""

    app: str | None = Field(
        None, min_length=1, description="The Fly app, or its host in the inventory; the only selected one if omitted."
    )
    volume: str = Field(
        min_length=1,
        description="The volume that is lost or holds the wrong content: its id, or its name if that is one's alone.",
    )
    snapshot: str = Field(
        "newest",
        description="Which snapshot: newest, an id (vs_…), or a moment (2026-01-31T10:00:00Z): the last of before it.",
    )
    region: str | None = Field(None, description="Region of the new volume and machine; the volume's own if omitted.")
    confirm: str | None = Field(
        None,
        description="The volume once more, as it was named: what was written since the snapshot is not on the new one.",
    )


class VolumeRefused(HotopsError):
    """Not confirmed, or it is not clear which volume is meant; nothing was written."""

    code = "volume_refused"
    exit_code = ExitCode.APPROVAL


class NothingToCopy(HotopsError):
    """No machine is left whose configuration the new one could have."""

    code = "nothing_to_copy"


@dataclass(frozen=True)
class Seen:
    """The volume, what it comes back from, who had it, and what an earlier run made already."""

    app: App
    volume: Volume
    snapshot: Snapshot
    config: MachineConfig
    former: Machine | None
    made: Volume | None
    machine: Machine | None

    @property
    def region(self) -> str:
        return self.volume.region


class RestoreVolume(Operation[VolumeWanted, Seen]):
    """Bring a volume back from a snapshot: a new volume, and a new machine on it in the place of the one that had it.

    A machine's volume can't be exchanged (Machines API), so both are new. The former machine is taken out of rotation
    and stopped before the new one starts, so that never two write; it and its volume are kept.
    Raises VolumeRefused, NoSnapshot, NothingToCopy, NoCapacity, MachineUnhealthy; RolledBack, NotRestored.
    """

    name = "restore_volume"
    Want = VolumeWanted
    undoes = True
    needs_environment = True
    docs = DOCS

    def __init__(self, want: VolumeWanted, context: Context) -> None:
        super().__init__(want, context)
        self._environment: Environment = context.environment

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    def observe(self) -> Seen:
        app = self._app()
        volume = self._volume(app)
        look = f"fly volumes snapshots list {volume.id}    # of app {app.app}"
        snapshots = self.fly.volumes.snapshots(app.app, volume.id)
        of = f"Volume {volume.name} ({volume.id}) of {app.app}"
        snapshot = chosen_snapshot(snapshots, self.want.snapshot, of=of, look=look)
        machines = [machine for machine in self.fly.machines.list(app.app) if is_alive(machine)]
        former = next((machine for machine in machines if _mounts(machine, volume.id)), None)
        name = restored_name(app.app, volume.id, snapshot.id)
        self._seen = Seen(
            app, volume, snapshot, _config_like(former, machines, volume, app.app), former,
            next((each for each in self.fly.volumes.list(app.app) if each.name == name), None),
            next((each for each in machines if each.metadata.get(CREATE_KEY) == _key(volume, snapshot)), None),
        )  # fmt: skip
        return self._seen

    def plan(self, state: Seen) -> Plan:
        app, volume, snapshot = state.app.app, state.volume, state.snapshot
        region, taken_at = self.want.region or volume.region, rfc3339(snapshot.created_at or 0.0)
        steps = []
        if state.made is None:
            after: Mapping[str, object] = {"from": f"{snapshot.id} of {taken_at}", "region": region}
            steps.append(Step(f"{app}/{VOLUME}", f"like {volume.id}", "create", {}, after, phase=VOLUME))
        former = state.former
        if former is not None and can_be_asked(former) and not is_retired(former):
            before, after = {"machine": former.state}, {"machine": "stopped, out of rotation, kept with its volume"}
            steps.append(Step(f"{app}/{FORMER}", former.id, "update", before, after, phase=FORMER))
        is_left = former is None or marks.LEFT_FOR not in former.metadata
        if state.machine is None or not _is_well(state.machine) or not is_left:
            after = {"group": state.config.process_group, "region": region, "volume": f"from {snapshot.id}"}
            steps.append(
                Step(f"{app}/{MACHINE}", f"like {former.id if former else app}", "create", {}, after, phase=MACHINE)
            )
        if steps and not self.context.check:
            self._confirmed(volume)
        title = (
            f"volume {volume.name} ({volume.id}) of {app} as it was at {taken_at}, {spoken_duration(self._loses())} ago"
        )
        decides = {"app": app, "volume": volume.id, "snapshot": snapshot.id, "region": region}
        return Plan(tuple(steps), title, decides, f"{volume.name} is restored from {snapshot.id} already")

    def prepare(self, plan: Plan) -> Fact:
        hold(self.context, self._environment)
        return {}

    def apply(self, step: Step, done: Done) -> Fact:
        state, app = self._seen, self._seen.app.app
        if step.phase == FORMER:
            self._former(step.target).retire()
            return {"machine": step.target}
        region = self.want.region or state.region
        if step.phase == VOLUME:
            name = restored_name(app, state.volume.id, state.snapshot.id)
            made = restored_volume(self.context, app, state.snapshot, name=name, region=region)
            return {"volume": made.id, "name": made.name}
        volume_id = state.made.id if state.made else str(done[f"{app}/{VOLUME}"]["volume"])
        machine = self.fly.machines.create(
            app, _on(state.config, volume_id), key=_key(state.volume, state.snapshot), region=region
        )
        self._roller().wait_until_healthy(machine.id, machine.instance_id, state.app.wait_timeout_s)
        if state.former is not None and can_be_asked(state.former):
            self._former(state.former.id).leave()
        return {"machine": machine.id, "instance": machine.instance_id}

    def verify(self, plan: Plan, done: Done) -> None:
        state, app = self._seen, self._seen.app.app
        machine, volume = self._machine_made(), self._volume_made()
        wrong = []
        if machine is None or volume is None:
            wrong.append("the new volume or its machine is not there")
        else:
            wrong += [] if _is_well(machine) else [f"{machine.id} is {machine.state}"]
            wrong += [] if _mounts(machine, volume.id) else [f"{machine.id} does not mount {volume.id}"]
        if state.former is not None and can_be_asked(state.former):
            former = self.fly.machines.get(app, state.former.id)
            wrong += [] if is_retired(former) else [f"{former.id}, which had the volume, is {former.state}"]
        self._refuse(wrong)
        let_go(self.context, self._environment)

    def undo(self, step: Step, done: Done) -> None:
        """Take the new machine and volume away; the former machine serves again."""
        state, app = self._seen, self._seen.app.app
        if step.phase == MACHINE and state.machine is None:
            machine = self._machine_made()
            if machine is not None:
                self.fly.machines.destroy(app, machine.id, force=True)
        elif step.phase == FORMER and state.former is not None:
            former = self._former(step.target)
            former.bring_back(former.mark_of(state.former))
        elif step.phase == VOLUME:
            self._take_volume_away()

    def verify_undone(self, plan: Plan, done: Done) -> None:
        state, app = self._seen, self._seen.app.app
        wrong = []
        if state.made is None and self._volume_made() is not None:
            wrong.append("the new volume is still there")
        if state.machine is None and self._machine_made() is not None:
            wrong.append("the new machine is still there")
        former = state.former
        if former is not None and can_be_asked(former) and _is_well(former):
            now = self.fly.machines.get(app, former.id)
            same = _is_well(now) and now.cordoned == former.cordoned
            wrong += [] if same else [f"{former.id} is {now.state}{', out of rotation' if now.cordoned else ''}"]
        self._refuse(wrong)
        let_go(self.context, self._environment)

    def report(self, state: Seen, plan: Plan, done: Done) -> dict[str, Any]:
        app = state.app.app
        volume = done.get(f"{app}/{VOLUME}", {}).get("volume") or (state.made.id if state.made else None)
        machine = done.get(f"{app}/{MACHINE}", {}).get("machine") or (state.machine.id if state.machine else None)
        taken_at, lost = rfc3339(state.snapshot.created_at or 0.0), spoken_duration(self._loses())
        lines, warnings = [], []
        if done:
            lines = [
                f"{app}: machine {machine} runs on volume {volume}, as of {taken_at}; {lost} of writes are not on it"
            ]
        former = state.former
        if former is not None and not can_be_asked(former):
            warnings.append(
                f"Machine {former.id} is on a host that does not answer: with the host it comes back, on the former"
                f" volume. fly machine destroy {former.id} --force -a {app}"
            )
        result: dict[str, Any] = {
            "app": app, "volume": volume, "machine": machine, "snapshot": state.snapshot.id, "taken_at": taken_at,
            "loses_s": round(self._loses(), 1), "warnings": warnings,
            "hotops_screen": [*lines, *warnings] if done else [],
            "former": {"volume": state.volume.id, "machine": former.id if former else None},
        }  # fmt: skip
        if done and former is not None and can_be_asked(former):
            result["next"] = f"fly machine destroy {former.id} -a {app}    # once {state.volume.id} is not missed"
        return result

    # --- reading ------------------------------------------------------------------------------------------------------

    def _app(self) -> App:
        apps, selected = self._environment.apps, self.context.selection
        if self.want.app is None:
            chosen = [app for app in apps.values() if not selected or app.host in selected]
            if len(chosen) == 1:
                return chosen[0]
            raise UsageError(
                f"Which app? {len(chosen)} are selected: {', '.join(app.host for app in chosen)}. Nothing was written.",
                remedy=f"Name it: -l {chosen[0].host}" if chosen else "",
            )
        for app in apps.values():
            if self.want.app in (app.app, app.host):
                return app
        meant = nearest(self.want.app, [app.app for app in apps.values()])
        raise UsageError(
            f"{self._environment.name} has no app {self.want.app}.",
            remedy=f"Did you mean {meant}?" if meant else f"It has {', '.join(app.app for app in apps.values())}.",
        )

    def _volume(self, app: App) -> Volume:
        """The volume that is meant, also one that was destroyed lately. Raises VolumeRefused."""
        found = self.fly.volumes.list(app.app, include_destroyed=True)
        meant = [each for each in found if self.want.volume in (each.id, each.name)]
        if len(meant) == 1:
            return meant[0]
        told = [
            f"{each.id} ({each.name}, {each.region}, {each.attached_machine_id or 'on no machine'})" for each in found
        ]
        how = "has several volumes" if meant else "has no volume"
        raise VolumeRefused(
            f"{app.app} {how} {self.want.volume}: {'; '.join(told) or 'it has none'}. Nothing was written.",
            remedy="-e volume=ID as listed." if told else f"fly volumes list -a {app.app}",
        )

    def _loses(self) -> float:
        return max(0.0, self.context.clock.now() - (self._seen.snapshot.created_at or 0.0))

    def _confirmed(self, volume: Volume) -> None:
        if self.want.confirm != self.want.volume:
            raise VolumeRefused(
                f"{spoken_duration(self._loses())} of writes to volume {volume.name} of {self._seen.app.app} would not"
                " be on the new one; it has to be named twice. Nothing was written.",
                remedy=f"-e volume={self.want.volume} -e confirm={self.want.volume} if that is the volume you mean.",
            )

    def _machine_made(self) -> Machine | None:
        key = _key(self._seen.volume, self._seen.snapshot)
        found = self.fly.machines.list(self._seen.app.app, metadata={CREATE_KEY: key})
        return next((machine for machine in found if is_alive(machine)), None)

    def _volume_made(self) -> Volume | None:
        name = restored_name(self._seen.app.app, self._seen.volume.id, self._seen.snapshot.id)
        return next((each for each in self.fly.volumes.list(self._seen.app.app) if each.name == name), None)

    # --- writing ------------------------------------------------------------------------------------------------------

    def _take_volume_away(self) -> None:
        app = self._seen.app.app
        if self._volume_made() is None:
            return
        free = wait_for(
            lambda volume: volume is None or not volume.attached_machine_id,
            self._volume_made,
            clock=self.context.clock,
            timeout_s=DETACHED_WITHIN_S,
            what=f"The new volume of {app} without its machine",
            describe=lambda volume: volume.attached_machine_id if volume else "gone",
        )
        if free is not None:
            self.fly.volumes.destroy(app, free.id)

    def _roller(self) -> MachineRoller:
        return MachineRoller(self.fly, self._seen.app.app, self.context.run, self.context.clock, doing="restoring")

    def _former(self, machine_id: str) -> Former:
        return Former(self._roller(), machine_id, self._seen.app.wait_timeout_s)

    def _refuse(self, wrong: Sequence[str]) -> None:
        if wrong:
            app = self._seen.app.app
            raise VerifyFailed(f"{app} is not as planned: {'; '.join(wrong)}.", remedy=f"fly machine list -a {app}")


def _key(volume: Volume, snapshot: Snapshot) -> str:
    """The same for every run: what an earlier one made is found again."""
    return f"restore/{volume.id}/{snapshot.id}"


def _mounts(machine: Machine, volume_id: str) -> bool:
    return any(mount.volume == volume_id for mount in machine.known_config.mounts)


def _is_well(machine: Machine) -> bool:
    return is_started(machine) and checks_pass(machine)


def _config_like(former: Machine | None, machines: Sequence[Machine], volume: Volume, app: str) -> MachineConfig:
    """The configuration of the machine that had the volume, else of one with a volume of that name.

    Raises NothingToCopy. A host that does not answer tells what it knows of a configuration: better than none.
    """
    if former is not None and is_reachable(former) and former.config is not None:
        return former.config
    for machine in machines:
        named = any(mount.name == volume.name for mount in machine.known_config.mounts)
        if machine is not former and is_managed(machine) and machine.config is not None and named:
            return machine.config
    if former is not None and former.known_config.raw.get("image"):
        return former.known_config
    raise NothingToCopy(
        f"No machine of {app} is left that had {volume.name}, so there is no configuration to copy.",
        remedy=f"fly volumes create {volume.name} --snapshot-id ID -a {app}; fly deploy -a {app} makes the machine.",
    )


def _on(config: MachineConfig, volume_id: str) -> MachineConfig:
    """The configuration on another volume; a machine has one at most (Fly docs, volumes)."""
    mounts = [{**mount, "volume": volume_id} for mount in config.raw.get("mounts") or []]
    return config.with_keys(mounts=mounts).with_metadata(dict.fromkeys(_NOT_COPIED))
