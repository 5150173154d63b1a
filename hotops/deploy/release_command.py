"""An app's release command: as its stored definition has it, and the configuration of the machine that runs it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hotops.core.errors import UsageError
from hotops.deploy.groups import groups_of
from hotops.fly.config import PLATFORM_VERSION, PROCESS_GROUP, MachineConfig
from hotops.fly.durations import seconds_of
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine
from hotops.health.foreign import safe

#: The reserved process group of its machine (flyctl, machine process groups): deploys and statuses leave it alone.
GROUP = "fly_app_release_command"
#: Fly's own patience where fly.toml names none (flyctl, release_command_timeout).
TIMEOUT_S = 300.0
_PRESET = re.compile(r"(shared-cpu|performance)-(\d+)x")
_MEMORY = re.compile(r"(\d+)\s*(mb|mib|m|gb|gib|g)?", re.IGNORECASE)
_PRESET_MB = {"shared": 256, "performance": 2048}
#: What a command takes from the app's machines: it serves nobody, mounts nothing, and is never restarted.
_KEPT, _KEPT_OF_INIT = ("files", "stop_config"), ("entrypoint", "swap_size_mb")


class ReleaseCommandInvalid(UsageError):
    """The release command in the app's stored definition can't be run as it is written; nothing was changed."""

    code = "release_command_invalid"


@dataclass(frozen=True)
class ReleaseCommand:
    """What is to be run before a release, and on what; `guest` is None where the app's own size will do."""

    text: str
    words: tuple[str, ...]
    timeout_s: float = TIMEOUT_S
    guest: Mapping[str, Any] | None = None

    @property
    def shown(self) -> str:
        """The command for eyes: what might be a secret in it is masked."""
        return safe(self.text)

    def model_of(self, machines: Sequence[Machine]) -> Machine:
        """The machine that it is made like: the largest of the default group (flyctl, release command guest)."""
        groups = groups_of(machines)
        members = groups.get("app") or next(iter(groups.values()))
        return max(members, key=lambda machine: machine.known_config.guest.memory_mb)

    def config(self, model: Machine, image: ImageRef, metadata: Mapping[str, str | None]) -> MachineConfig:
        """The configuration of its machine: the app's environment and files, no service, gone when it has ended."""
        own = model.known_config.raw
        kept = {key: own[key] for key in _KEPT if own.get(key)}
        init = {key: value for key, value in (own.get("init") or {}).items() if key in _KEPT_OF_INIT}
        config = {
            **kept,
            "image": str(image),
            "init": {**init, "cmd": list(self.words)},
            "env": {**(own.get("env") or {}), "RELEASE_COMMAND": "1", "FLY_PROCESS_GROUP": GROUP},
            "guest": dict(self.guest or own.get("guest") or {}),
            "restart": {"policy": "no"},
            "auto_destroy": True,
            "dns": {"skip_registration": True},
            "metadata": {PLATFORM_VERSION: "v2", PROCESS_GROUP: GROUP},
        }
        return MachineConfig(config).with_metadata(metadata)


def release_command_in(app: str, definition: Mapping[str, Any]) -> ReleaseCommand | None:
    """The release command of an app config (fly.toml as JSON), None where it has none.

    Raises ReleaseCommandInvalid.
    """
    deploy = dict(definition.get("deploy") or {})
    text = str(deploy.get("release_command") or "").strip()
    if not text:
        return None
    try:
        words = tuple(shlex.split(text))
        timeout = deploy.get("release_command_timeout")
        vm = deploy.get("release_command_vm")
        return ReleaseCommand(
            text,
            words,
            timeout_s=seconds_of(timeout) if timeout else TIMEOUT_S,
            guest=_guest(vm) if vm else None,
        )
    except ValueError as error:
        raise ReleaseCommandInvalid(
            f"{app}: the release command of its stored definition can't be read: {error}.",
            remedy="Correct [deploy] in its fly.toml, and deploy once with fly deploy.",
        ) from error


def _guest(vm: Mapping[str, Any]) -> dict[str, Any]:
    """A size as fly.toml says it: a preset (the smallest if none), then `memory`, then the guest's own keys."""
    preset = _PRESET.fullmatch(str(vm.get("size") or "shared-cpu-1x"))
    if preset is None:
        raise ValueError(f"release_command_vm: there is no size {vm['size']!r}")
    kind, cpus = preset[1].removesuffix("-cpu"), int(preset[2])
    guest = {"cpu_kind": kind, "cpus": cpus, "memory_mb": _PRESET_MB[kind] * cpus}
    if vm.get("memory"):
        guest["memory_mb"] = _megabytes(vm["memory"])
    named = ("cpu_kind", "cpus", "memory_mb", "kernel_args", "gpus", "gpu_kind", "host_dedication_id")
    return {**guest, **{key: vm[key] for key in named if vm.get(key)}}


def _megabytes(memory: object) -> int:
    found = _MEMORY.fullmatch(str(memory).strip())
    if found is None:
        raise ValueError(f"release_command_vm: {memory!r} is no size of memory")
    return int(found[1]) * (1024 if (found[2] or "m").lower().startswith("g") else 1)
