"""Volumes and their snapshots: read, restored, destroyed."""

from __future__ import annotations

import builtins

from hotops.core.errors import NotFound, ServerError, WireError
from hotops.fly.models import Snapshot, Volume
from hotops.fly.surfaces import Surfaces, path

#: Destroyed volumes stay in the list for a day (Fly docs, volume states); flyctl hides these.
_GONE = frozenset({"scheduling_destroy", "fork_cleanup", "waiting_for_detach", "pending_destroy", "destroying"})


class Volumes:
    """Volumes of an app."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def list(self, app: str, *, include_destroyed: bool = False) -> builtins.list[Volume]:
        """The app's volumes, without those on their way out unless asked for (Machines API, list volumes)."""
        answer = self._surfaces.call("volumes.list", app, "GET", path("apps", app, "volumes"))
        found = [Volume.model_validate(item) for item in answer.items()]
        return [volume for volume in found if include_destroyed or volume.state not in _GONE]

    def restore(self, app: str, *, name: str, region: str, size_gb: int, snapshot_id: str) -> Volume:
        """A new volume with a snapshot's content; `size_gb` at least the volume's of which the snapshot is.

        Names are not unique for the platform; this one has to be the caller's own: a volume of this name that is there
        already is the answer, so that an unclear answer and a second call make no second volume.
        """
        there = next((volume for volume in self.list(app) if volume.name == name), None)
        if there is not None:
            return there
        body = {"name": name, "region": region, "size_gb": size_gb, "snapshot_id": snapshot_id}
        try:
            answer = self._surfaces.call("volumes.create", app, "POST", path("apps", app, "volumes"), body=body)
        except (ServerError, WireError):
            there = next((volume for volume in self.list(app) if volume.name == name), None)
            if there is None:
                raise
            return there
        return Volume.model_validate(answer.data)

    def destroy(self, app: str, volume_id: str) -> None:
        """Destroy a volume that no machine has; one that is gone already is fine. Its snapshots stay for a while."""
        try:
            self._surfaces.call("volumes.destroy", volume_id, "DELETE", path("apps", app, "volumes", volume_id))
        except NotFound:
            return

    def snapshots(self, app: str, volume_id: str) -> builtins.list[Snapshot]:
        """A volume's snapshots; one under way has no id yet (Machines API, list snapshots)."""
        answer = self._surfaces.call(
            "volumes.snapshots", volume_id, "GET", path("apps", app, "volumes", volume_id, "snapshots")
        )
        return [Snapshot.model_validate(item) for item in answer.items()]
