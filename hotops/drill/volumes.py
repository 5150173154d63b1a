"""A volume that comes back from its newest snapshot, on a machine of its own."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from hotops.core.errors import ExitCode, HotopsError
from hotops.core.waiting import wait_for
from hotops.drill import machines as fleet
from hotops.drill.exercise import Exercise
from hotops.drill.machines import Was
from hotops.fly import Fly
from hotops.fly.models import Snapshot, Volume

RESTORED_WITHIN_S = 1800.0
GB = 2**30


class NoSnapshot(HotopsError):
    """The volume has no snapshot that could be restored."""

    code = "no_snapshot"
    exit_code = ExitCode.NO_GO


@dataclass(frozen=True)
class Restored:
    """What was made of which snapshot; `taken_at` in unix seconds."""

    volume: str
    machine: str
    snapshot: str
    taken_at: float


def newest_snapshot(snapshots: list[Snapshot]) -> Snapshot | None:
    """The youngest that is complete; one under way has no id yet."""
    ready = [each for each in snapshots if each.id and each.status == "created" and each.created_at is not None]
    return max(ready, key=lambda each: each.created_at or 0.0, default=None)


def restored_name(exercise: Exercise, machine_id: str) -> str:
    """What the volume is called that stands in for a lost machine's: by it what a killed run made is found."""
    return f"r{hashlib.sha256(f'{exercise.context.run}/{machine_id}'.encode()).hexdigest()[:12]}"


def take_away(exercise: Exercise, lost: Mapping[str, str]) -> None:
    """Destroy the volumes that this run restored for lost machines (app by id). Safe to repeat."""
    fly = exercise.context.client(Fly)
    names = {restored_name(exercise, machine_id) for machine_id in lost}
    for app in dict.fromkeys(lost.values()):
        for volume in fly.volumes.list(app):
            if volume.name in names:
                fly.volumes.destroy(app, volume.id)


def volume_of(exercise: Exercise, was: Was) -> str | None:
    """The volume that a machine has, by its id; None if it has none."""
    volumes = exercise.context.client(Fly).volumes.list(was.app)
    return next((volume.id for volume in volumes if volume.attached_machine_id == was.id), None)


def restored_from_snapshot(exercise: Exercise, was: Was, volume_id: str, *, region: str | None = None) -> Restored:
    """A new volume with the content of the lost one's newest snapshot, and an equal machine that mounts it.

    Both in the machine's region, or both in another: a volume can't be elsewhere than its machine. Keeps what was made
    for whoever tidies up, and how much was lost. Raises NoSnapshot, NoCapacity.
    """
    fly, record = exercise.context.client(Fly), exercise.record
    newest = newest_snapshot(fly.volumes.snapshots(was.app, volume_id))
    if newest is None or newest.created_at is None:
        raise NoSnapshot(f"Volume {volume_id} of {was.app} has no snapshot.", remedy=f"fly volumes list -a {was.app}")
    record.mark("decided")
    name = restored_name(exercise, was.id)
    size_gb = max(1, math.ceil(newest.volume_size / GB))
    made = fly.volumes.restore(was.app, name=name, region=region or was.region, size_gb=size_gb, snapshot_id=newest.id)

    def seen() -> Volume | None:
        return next((volume for volume in fly.volumes.list(was.app) if volume.id == made.id), None)

    wait_for(
        lambda volume: volume is not None and volume.state in ("created", "hydrating"),
        seen,
        clock=exercise.context.clock,
        timeout_s=RESTORED_WITHIN_S,
        what=f"The restored volume {made.id} of {was.app}",
        describe=lambda volume: volume.state if volume else "gone",
    )
    record.mark("fetched")
    config = exercise.configs_before[was.app, was.group]
    mounts = [{**mount, "volume": made.id} for mount in config.raw.get("mounts") or []]
    copied = {(was.app, was.group): config.with_keys(mounts=mounts)}
    (machine_id,) = fleet.put_back(exercise.context, [was], copied, region=region)
    fault = record.at("fault")
    if fault is not None:
        record.note(loss_s=max(record.facts.get("loss_s") or 0.0, fault - newest.created_at))
    return Restored(made.id, machine_id, newest.id, newest.created_at)
