"""Process groups: an app's machines by what they run, in a stable order, and how many may be away."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hotops.fly.models import Machine


def groups_of(machines: Sequence[Machine]) -> dict[str, list[Machine]]:
    """Machines by process group, both in a stable order."""
    groups: dict[str, list[Machine]] = {}
    for machine in sorted(machines, key=lambda m: (m.process_group, m.created_at or 0.0, m.id)):
        groups.setdefault(machine.process_group, []).append(machine)
    return groups


def size_of(machine: Machine) -> str:
    """A machine's size as an approver reads it: `shared-1x 1024 MB`."""
    guest = machine.known_config.guest
    return f"{guest.cpu_kind}-{guest.cpus}x {guest.memory_mb} MB"


def batch_size(members: int, max_unavailable: float) -> int:
    """How many machines of a group may be away at once: a share below 1 (at least one machine), else a number."""
    if max_unavailable >= 1:
        return int(max_unavailable)
    return max(1, math.floor(members * max_unavailable))
