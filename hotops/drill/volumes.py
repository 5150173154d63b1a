"""A volume that comes back from its newest snapshot, on a machine of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from hotops.drill import machines as fleet
from hotops.drill.exercise import Exercise
from hotops.drill.machines import Was
from hotops.fly import Fly
from hotops.volumes.snapshots import chosen_snapshot, restored_volume


@dataclass(frozen=True)
class Restored:
    """What was made of which snapshot; `taken_at` in unix seconds."""

    volume: str
    machine: str
    snapshot: str
    taken_at: float


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
    of = f"Volume {volume_id} of {was.app}"
    snapshots = fly.volumes.snapshots(was.app, volume_id)
    newest = chosen_snapshot(snapshots, "newest", of=of, look=f"fly volumes list -a {was.app}")
    taken_at = newest.created_at or 0.0
    record.mark("decided")
    name = restored_name(exercise, was.id)
    made = restored_volume(exercise.context, was.app, newest, name=name, region=region or was.region)
    record.mark("fetched")
    config = exercise.configs_before[was.app, was.group]
    mounts = [{**mount, "volume": made.id} for mount in config.raw.get("mounts") or []]
    copied = {(was.app, was.group): config.with_keys(mounts=mounts)}
    (machine_id,) = fleet.put_back(exercise.context, [was], copied, region=region)
    fault = record.at("fault")
    if fault is not None:
        record.note(loss_s=max(record.facts.get("loss_s") or 0.0, fault - taken_at))
    return Restored(made.id, machine_id, newest.id, taken_at)
