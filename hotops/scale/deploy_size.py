"""What size the next deploy gives a process group: fly.toml's [[vm]] as flyctl reads it. Pure, on plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hotops.scale.sizes import Size, kinds

#: What a machine gets where a [[vm]] says nothing (flyctl, compute: a partial [[vm]] resets the rest).
DEFAULT = Size("shared", 1, 256)
_PRESET = re.compile(r"(?P<kind>[a-z]+)(?:-cpu)?-(?P<cpus>\d+)x")
_MEMORY = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?)i?b?\s*", re.IGNORECASE)
_UNIT_MB = {"": 1.0, "k": 1 / 1024, "m": 1.0, "g": 1024.0, "t": 1024.0 * 1024}


class UnreadableSize(ValueError):
    """A [[vm]] that flyctl would refuse; the text says why."""


def groups_in(config: Mapping[str, Any]) -> list[str]:
    """The process groups of a fly.toml; without [processes] there is one, `app`."""
    return list(config.get("processes") or {}) or ["app"]


def vm_entries(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The [[vm]] tables; a single [vm] is read as one, and `compute` is an older name."""
    found = config.get("vm", config.get("compute"))
    entries: Sequence[Any] = found if isinstance(found, Sequence) and not isinstance(found, str) else [found]
    return [entry for entry in entries if isinstance(entry, Mapping)]


def entry_of(config: Mapping[str, Any], group: str) -> int | None:
    """Which [[vm]] is a group's: one that names it, else the first that names none."""
    entries = vm_entries(config)
    for wanted in ([group], []):
        for index, entry in enumerate(entries):
            named = list(entry.get("processes") or [])
            if group in named if wanted else not named:
                return index
    return None


def deployed_size(config: Mapping[str, Any], group: str) -> Size | None:
    """The size that a deploy of this fly.toml gives a group, None where it leaves the machines as they are.

    Raises UnreadableSize.
    """
    index = entry_of(config, group)
    return None if index is None else size_of_entry(vm_entries(config)[index])


def size_of_entry(entry: Mapping[str, Any]) -> Size:
    """One [[vm]]: first `size` (or shared-cpu-1x), then `memory`, then each key of the guest. Raises UnreadableSize."""
    size = preset(str(entry["size"])) if entry.get("size") else DEFAULT
    memory_mb = size.memory_mb
    if entry.get("memory") is not None:
        memory_mb = memory_in_mb(entry["memory"])
    if entry.get("memory_mb") is not None:
        memory_mb = memory_in_mb(entry["memory_mb"])
    return Size(str(entry.get("cpu_kind") or size.cpu_kind), int(entry.get("cpus") or size.cpus), memory_mb)


def preset(name: str) -> Size:
    """A named size: `shared-cpu-2x`, `performance-1x`. Raises UnreadableSize."""
    found = _PRESET.fullmatch(name)
    if not found or found["kind"] not in kinds():
        raise UnreadableSize(f"there is no size {name!r}")
    cpus = int(found["cpus"])
    return Size(found["kind"], cpus, kinds()[found["kind"]].least_mb_per_cpu * cpus)


def memory_in_mb(value: object) -> int:
    """`1gb`, `2048mb`, `"512"` or 512 in MiB. Raises UnreadableSize."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnreadableSize(f"memory {value!r} is no size")
    found = _MEMORY.fullmatch(str(value))
    if not found:
        raise UnreadableSize(f"memory {value!r} is no size")
    return round(float(found["number"]) * _UNIT_MB[found["unit"].lower()])


def services_of(config: Mapping[str, Any], group: str) -> list[tuple[str, int | None]]:
    """Where a group's services stand: (`http_service`, None) or (`services`, index)."""
    found: list[tuple[str, int | None]] = []
    http = config.get("http_service")
    if isinstance(http, Mapping) and _is_for(http, group):
        found.append(("http_service", None))
    for index, service in enumerate(config.get("services") or []):
        if isinstance(service, Mapping) and _is_for(service, group):
            found.append(("services", index))
    return found


def _is_for(section: Mapping[str, Any], group: str) -> bool:
    named = list(section.get("processes") or [])
    return not named or group in named
