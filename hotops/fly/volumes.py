"""Volumes and their snapshots: read."""

from __future__ import annotations

import builtins

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
        found = [Volume.model_validate(item) for item in answer.data or []]
        return [volume for volume in found if include_destroyed or volume.state not in _GONE]

    def snapshots(self, app: str, volume_id: str) -> builtins.list[Snapshot]:
        """A volume's snapshots; one under way has no id yet (Machines API, list snapshots)."""
        answer = self._surfaces.call(
            "volumes.snapshots", volume_id, "GET", path("apps", app, "volumes", volume_id, "snapshots")
        )
        return [Snapshot.model_validate(item) for item in answer.data or []]
