"""A machine's configuration: kept whole, read through typed views, changed by copies."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, RootModel, field_validator

from hotops.fly.durations import seconds_of
from hotops.fly.image import ImageRef
from hotops.fly.reply import Reply

#: Metadata that Fly's own tools read (flyctl, machine metadata keys).
PLATFORM_VERSION = "fly_platform_version"
PROCESS_GROUP = "fly_process_group"
RELEASE_ID = "fly_release_id"
RELEASE_VERSION = "fly_release_version"
FLYCTL_VERSION = "fly_flyctl_version"


class Guest(Reply):
    """The size of a machine (Machines API, MachineGuest): memory in MiB."""

    cpu_kind: str = "shared"
    cpus: int = 1
    memory_mb: int = 256
    max_memory_mb: int | None = None
    gpus: int = 0
    gpu_kind: str | None = None


class CheckConfig(Reply):
    """One health check as configured (Machines API, MachineCheck and MachineServiceCheck); durations in seconds."""

    type: str = ""
    port: int | None = None
    kind: str | None = None
    path: str | None = None
    method: str | None = None
    protocol: str | None = None
    interval_s: float | None = Field(None, alias="interval")
    timeout_s: float | None = Field(None, alias="timeout")
    grace_period_s: float | None = Field(None, alias="grace_period")
    headers: tuple[dict[str, Any], ...] = ()
    tls_skip_verify: bool = False
    tls_server_name: str | None = None

    @field_validator("interval_s", "timeout_s", "grace_period_s", mode="before")
    @classmethod
    def _seconds(cls, value: object) -> float | None:
        return None if value is None else seconds_of(value)


class Port(Reply):
    """A port that the proxy listens on for a service."""

    port: int | None = None
    start_port: int | None = None
    end_port: int | None = None
    handlers: tuple[str, ...] = ()
    force_https: bool = False


class Service(Reply):
    """What the proxy routes to the machine (Machines API, MachineService); `autostop` is off, stop or suspend."""

    protocol: str = "tcp"
    internal_port: int = 0
    ports: tuple[Port, ...] = ()
    checks: tuple[CheckConfig, ...] = ()
    autostop: Literal["off", "stop", "suspend"] = "off"
    autostart: bool | None = None
    min_machines_running: int = 0
    concurrency: dict[str, Any] = Field(default_factory=dict)

    @field_validator("autostop", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return autostop_word(value)


class Restart(Reply):
    """When flyd restarts the process (Machines API, MachineRestart)."""

    policy: str = "on-failure"
    max_retries: int | None = None


class Mount(Reply):
    """A volume in the machine's file system."""

    volume: str = ""
    path: str = ""
    name: str = ""
    size_gb: int | None = None


def autostop_word(value: object) -> object:
    """`off`, `stop` or `suspend`: replies still say false and true for the first two (Machines API, MachineService)."""
    if isinstance(value, bool):
        return "stop" if value else "off"
    return "off" if value is None else value


class MachineConfig(RootModel[dict[str, Any]]):
    """The whole config object as the API sent it, unknown keys and all.

    An update replaces the config (Machines API, update machine: "full config, no partial"), so nothing may be lost on
    the way through hotops. Read through the properties; change with the `with_…` methods, which return copies.
    """

    model_config = ConfigDict(frozen=True)

    @property
    def raw(self) -> dict[str, Any]:
        """A deep copy of everything, to send or to change."""
        return copy.deepcopy(self.root)

    @property
    def image(self) -> str:
        return str(self.root.get("image") or "")

    @property
    def image_ref(self) -> ImageRef | None:
        """The image taken apart, None where there is none."""
        return ImageRef.parse(self.image) if self.image else None

    @property
    def guest(self) -> Guest:
        return Guest.model_validate(self.root.get("guest") or {})

    @property
    def env(self) -> dict[str, str]:
        return dict(self.root.get("env") or {})

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self.root.get("metadata") or {})

    @property
    def services(self) -> tuple[Service, ...]:
        return tuple(Service.model_validate(item) for item in self.root.get("services") or [])

    @property
    def checks(self) -> dict[str, CheckConfig]:
        """Top-level checks by name: they gate deploys and route nothing."""
        return {name: CheckConfig.model_validate(item) for name, item in (self.root.get("checks") or {}).items()}

    @property
    def check_count(self) -> int:
        """How many checks must show in a machine's `checks`: the top-level ones and those of services."""
        return len(self.root.get("checks") or {}) + sum(len(service.checks) for service in self.services)

    @property
    def restart(self) -> Restart:
        return Restart.model_validate(self.root.get("restart") or {})

    @property
    def mounts(self) -> tuple[Mount, ...]:
        return tuple(Mount.model_validate(item) for item in self.root.get("mounts") or [])

    @property
    def standbys(self) -> tuple[str, ...]:
        """Machines that this one stands by for; such a machine is stopped on purpose."""
        return tuple(self.root.get("standbys") or ())

    @property
    def schedule(self) -> str:
        return str(self.root.get("schedule") or "")

    @property
    def auto_destroy(self) -> bool:
        return bool(self.root.get("auto_destroy"))

    @property
    def process_group(self) -> str:
        """The process group, `app` if nothing says another; the second key is an old one (flyctl, process groups)."""
        return self.metadata.get(PROCESS_GROUP) or self.metadata.get("process_group") or "app"

    @property
    def release_id(self) -> str:
        return self.metadata.get(RELEASE_ID, "")

    @property
    def release_version(self) -> int | None:
        """The release that last updated the machine, None where the metadata says none (a number)."""
        text = self.metadata.get(RELEASE_VERSION, "")
        return int(text) if text.isdigit() else None

    def with_image(self, image: ImageRef | str) -> MachineConfig:
        """The same config running another image."""
        return self.with_keys(image=str(image))

    def with_metadata(self, entries: Mapping[str, str | None]) -> MachineConfig:
        """The same config with these metadata entries added or changed; None removes one."""
        return self.with_keys(metadata=_merged(self.metadata, entries))

    def with_env(self, entries: Mapping[str, str | None]) -> MachineConfig:
        """The same config with these variables added or changed; None removes one."""
        return self.with_keys(env=_merged(self.env, entries))

    def with_guest(self, **entries: object) -> MachineConfig:
        """The same config with these keys of `guest` changed (`memory_mb=1024`); None removes one."""
        return self.with_keys(guest=_merged(self.root.get("guest") or {}, entries))

    def with_services(self, **entries: object) -> MachineConfig:
        """The same config with these keys of each of its services changed (`autostop="stop"`)."""
        services = [{**dict(service), **entries} for service in self.root.get("services") or []]
        return self.with_keys(services=services) if services and entries else self

    def with_keys(self, **entries: object) -> MachineConfig:
        """The same config with these top-level keys replaced."""
        return MachineConfig({**self.raw, **copy.deepcopy(entries)})


def _merged(before: Mapping[str, Any], entries: Mapping[str, object]) -> dict[str, Any]:
    return {key: value for key, value in {**before, **entries}.items() if value is not None}
