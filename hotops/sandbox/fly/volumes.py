"""Volumes and their snapshots (Machines API, volumes): made, restored, attached to machines, lost with their hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hotops.sandbox.fly.errors import invalid, json_reply, not_found, unmet
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.wire import Response

if TYPE_CHECKING:
    from hotops.sandbox.fly.machine import Machine
    from hotops.sandbox.fly.world import App, World

routes = Routes()
VOLUMES = "/v1/apps/{app}/volumes"
VOLUME = VOLUMES + "/{volume}"
GB = 2**30
DAY_S = 86_400.0
DEFAULT_SIZE_GB = 3
DEFAULT_RETENTION_DAYS = 5
_NAME = re.compile(r"^[a-z0-9_]{1,30}$")


@dataclass
class Snapshot:
    """One day's copy of a volume's blocks."""

    id: str
    created_at: float
    size: int
    volume_size: int

    def shown(self) -> dict[str, Any]:
        """The snapshot as the API shows it."""
        return {
            "id": self.id,
            "created_at": _stamp(self.created_at),
            "digest": "",
            "retention_days": DEFAULT_RETENTION_DAYS,
            "size": self.size,
            "status": "created",
            "volume_size": self.volume_size,
        }


@dataclass
class Volume:
    """A volume lives on one host: where the host is gone, it is. `used` is in bytes."""

    id: str
    name: str
    region: str
    size_gb: int
    created_at: float
    used: int = 0
    state: str = "created"
    host_status: str = "ok"
    machine_id: str = ""
    snapshots: list[Snapshot] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """The volume as the API shows it."""
        blocks = self.size_gb * GB // 4096
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "size_gb": self.size_gb,
            "region": self.region,
            "zone": "a1b2",
            "encrypted": True,
            "attached_machine_id": self.machine_id or None,
            "attached_alloc_id": None,
            "created_at": _stamp(self.created_at),
            "fstype": "ext4",
            "type": "local",
            "host_status": self.host_status,
            "snapshot_retention": DEFAULT_RETENTION_DAYS,
            "auto_backup_enabled": True,
            "block_size": 4096,
            "blocks": blocks,
            "blocks_free": blocks - self.used // 4096,
            "blocks_avail": blocks - self.used // 4096,
            "bytes_used": self.used,
            "bytes_total": self.size_gb * GB,
        }


def plant(world: World, app: App, wanted: dict[str, Any], region: str, now: float) -> Volume:
    """A seeded volume with a snapshot a day; `snapshot_age_s` is how old the newest is."""
    size_gb = int(wanted.get("size_gb") or DEFAULT_SIZE_GB)
    volume = Volume(world.ids.short("vol_"), str(wanted.get("name") or "data"), region, size_gb, now - 30 * DAY_S)
    volume.used = size_gb * GB // 3
    newest = now - float(wanted.get("snapshot_age_s") or DAY_S / 4)
    for day in range(DEFAULT_RETENTION_DAYS):
        taken_at = newest - day * DAY_S
        volume.snapshots.append(Snapshot(world.ids.short("vs_"), taken_at, volume.used // 10, size_gb * GB))
    app.volumes[volume.id] = volume
    return volume


def attach(app: App, machine: Machine) -> None:
    """Give a new machine the volumes that its config mounts; raises 400 and 412 as the platform refuses them."""
    for mount in machine.config.get("mounts") or []:
        volume = app.volumes.get(str(mount.get("volume") or ""))
        if volume is None or volume.state != "created":
            raise invalid(f"volume {mount.get('volume')} not found")
        if volume.machine_id:
            raise unmet(f"volume {volume.id} is already attached to machine {volume.machine_id}")
        if volume.region != machine.region:
            raise invalid(f"volume {volume.id} is in region {volume.region}, the machine in {machine.region}")
        if volume.host_status != "ok":
            raise unmet(f"volume {volume.id}: its host is unreachable")
        volume.machine_id = machine.id


def release(app: App, machine_id: str) -> None:
    """A machine is gone: its volumes are free."""
    for volume in app.volumes.values():
        if volume.machine_id == machine_id:
            volume.machine_id = ""


def follow_host(app: App, machine: Machine) -> None:
    """What happens to a machine's host happens to the volumes on it."""
    for volume in app.volumes.values():
        if volume.machine_id == machine.id:
            volume.host_status = machine.host_status


@routes.on("GET", VOLUMES, action="volumes_list")
def list_volumes(call: Call) -> Response:
    """Volumes of an app, also those that are on their way out."""
    return json_reply([volume.shown() for volume in call.app.volumes.values()])


@routes.on("POST", VOLUMES, action="volume_create")
def create_volume(call: Call) -> Response:
    """A new volume, empty or from a snapshot; names are not unique."""
    payload, app = call.payload, call.app
    name = str(payload.get("name") or "")
    if not _NAME.match(name):
        raise invalid("name: must be 1 to 30 lower-case letters, digits or underscores")
    size_gb = int(payload.get("size_gb") or DEFAULT_SIZE_GB)
    volume = Volume(
        call.world.ids.short("vol_"), name, str(payload.get("region") or app.primary_region), size_gb, call.now
    )
    wanted = payload.get("snapshot_id")
    if wanted:
        source = next((each for other in app.volumes.values() for each in other.snapshots if each.id == wanted), None)
        if source is None:
            raise not_found("snapshot")
        if size_gb * GB < source.volume_size:
            raise invalid(
                f"volume size ({size_gb} GiB) is smaller than the snapshot size ({source.volume_size // GB} GiB)"
            )
        volume.used = source.volume_size // 3
    app.volumes[volume.id] = volume
    return json_reply(volume.shown())


@routes.on("GET", VOLUME, action="volume_get")
def get_volume(call: Call) -> Response:
    """One volume."""
    return json_reply(_volume(call).shown())


@routes.on("DELETE", VOLUME, action="volume_destroy")
def destroy_volume(call: Call) -> Response:
    """Destroy a volume that no machine has; its snapshots stay reachable by its id."""
    volume = _volume(call)
    if volume.machine_id:
        raise unmet(f"volume {volume.id} is attached to machine {volume.machine_id}")
    volume.state = "pending_destroy"
    return json_reply(volume.shown())


@routes.on("GET", VOLUME + "/snapshots", action="volume_snapshots")
def list_snapshots(call: Call) -> Response:
    """Snapshots of a volume, newest first, also of one that is gone."""
    return json_reply([snapshot.shown() for snapshot in _volume(call).snapshots])


def _volume(call: Call) -> Volume:
    volume = call.app.volumes.get(call.params["volume"])
    if volume is None:
        raise not_found("volume")
    return volume


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
