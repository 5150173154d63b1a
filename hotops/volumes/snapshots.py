"""Snapshots of a volume: which one is meant, and a new volume that holds its content."""

from __future__ import annotations

import hashlib
import math

from hotops.core.clock import parse_rfc3339, rfc3339
from hotops.core.context import Context
from hotops.core.errors import ExitCode, HotopsError, UsageError
from hotops.core.waiting import wait_for
from hotops.fly import Fly
from hotops.fly.models import Snapshot, Volume

RESTORED_WITHIN_S = 1800.0
GB = 2**30


class NoSnapshot(HotopsError):
    """The volume has no snapshot that could be restored."""

    code = "no_snapshot"
    exit_code = ExitCode.NO_GO


def newest_snapshot(snapshots: list[Snapshot]) -> Snapshot | None:
    """The youngest that is complete; one under way has no id yet."""
    ready = [each for each in snapshots if each.id and each.status == "created" and each.created_at is not None]
    return max(ready, key=lambda each: each.created_at or 0.0, default=None)


def chosen_snapshot(snapshots: list[Snapshot], wanted: str, *, of: str, look: str) -> Snapshot:
    """`newest`, a snapshot's id, or the newest from before a moment. Raises NoSnapshot, which names what there is."""
    if wanted == "newest":
        found = newest_snapshot(snapshots)
    elif wanted.startswith("vs_"):
        found = newest_snapshot([each for each in snapshots if each.id == wanted])
    else:
        try:
            until = parse_rfc3339(wanted)
        except ValueError as error:
            raise UsageError(
                f"snapshot is {wanted!r}: {error}.", remedy="newest, an id (vs_…), or 2026-01-31T10:00:00Z."
            ) from error
        found = newest_snapshot([each for each in snapshots if (each.created_at or math.inf) <= until])
    if found is None:
        times = [rfc3339(each.created_at) for each in snapshots if each.id and each.created_at is not None]
        there = f"It has those of {', '.join(sorted(times))}." if times else "It has none."
        raise NoSnapshot(f"{of} has no such snapshot ({wanted}). {there}", remedy=look)
    return found


def restored_name(app: str, volume_id: str, snapshot_id: str) -> str:
    """The name of the volume that is made of a snapshot: the same for every run, so that it is found again."""
    return f"r{hashlib.sha256('/'.join((app, volume_id, snapshot_id)).encode()).hexdigest()[:12]}"


def restored_volume(context: Context, app: str, snapshot: Snapshot, *, name: str, region: str) -> Volume:
    """A new volume with the snapshot's content, once it is there; a second call finds it. Raises WaitTimeout."""
    fly = context.client(Fly)
    size_gb = max(1, math.ceil(snapshot.volume_size / GB))
    made = fly.volumes.restore(app, name=name, region=region, size_gb=size_gb, snapshot_id=snapshot.id)

    def seen() -> Volume | None:
        return next((volume for volume in fly.volumes.list(app) if volume.id == made.id), None)

    wait_for(
        lambda volume: volume is not None and volume.state in ("created", "hydrating"),
        seen,
        clock=context.clock,
        timeout_s=RESTORED_WITHIN_S,
        what=f"The restored volume {made.id} of {app}",
        describe=lambda volume: volume.state if volume else "gone",
    )
    return made
