"""A machine's config: what is accepted, how it is written back, and which sizes exist."""

from __future__ import annotations

import copy
from typing import Any

from hotops.sandbox.fly.errors import RefusalError, invalid

# Top-level keys of fly.MachineConfig (Machines API); `volumes` and `spot` are flyctl's and missing in the document.
KNOWN_KEYS = frozenset(
    {
        *("auto_destroy", "cache_drive", "checks", "containers", "disable_machine_autostart", "dns", "env", "files"),
        *("guest", "image", "init", "metadata", "metrics", "mounts", "processes", "restart", "rootfs", "schedule"),
        *("services", "size", "standbys", "statics", "stop_config", "volumes", "spot"),
    }
)
SHARED_CPUS = (1, 2, 4, 6, 8)
PERFORMANCE_CPUS = (1, 2, 4, 6, 8, 10, 12, 14, 16, 32, 64, 128)
AUTOSTOP = {"off": False, "stop": True, "suspend": "suspend", False: False, True: True}
CHECK_TIMES = ("interval", "timeout", "grace_period")
RESTART_POLICIES = {"no", "on-failure", "always", "spot-price"}


def accepted(config: Any) -> dict[str, Any]:
    """A full config as the platform stores it; raises 400 for what it would refuse.

    Durations are written back as Go strings, `autostop` as false, true or "suspend" (Machines API replies), an absent
    guest becomes shared-cpu-1x with 256 MB, and keys that are not in the config's document are dropped.
    """
    if not isinstance(config, dict):
        raise invalid("config is required")
    stored = {key: value for key, value in copy.deepcopy(config).items() if key in KNOWN_KEYS and value is not None}
    if not stored.get("image"):
        raise invalid("config.image: image is required")
    stored["guest"] = _guest(stored.get("guest"), stored.pop("size", None))
    stored.setdefault("metadata", {})
    policy = (stored.get("restart") or {}).get("policy")
    if policy is not None and policy not in RESTART_POLICIES:
        raise invalid(f"config.restart.policy: unknown policy {policy!r}")
    for service in stored.get("services") or []:
        _normalize_service(service)
    for check in (stored.get("checks") or {}).values():
        _normalize_check(check)
    return stored


def _normalize_service(service: dict[str, Any]) -> None:
    if "internal_port" not in service:
        raise invalid("config.services: internal_port is required")
    if service.get("autostop") is not None:
        if service["autostop"] not in AUTOSTOP:
            raise invalid(f"config.services.autostop: unknown value {service['autostop']!r}")
        service["autostop"] = AUTOSTOP[service["autostop"]]
    for check in service.get("checks") or []:
        _normalize_check(check)


def _normalize_check(check: dict[str, Any]) -> None:
    for name in CHECK_TIMES:
        value = check.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            check[name] = go_duration(value)


def go_duration(nanoseconds: int) -> str:
    """Integer nanoseconds as a Go duration string, whole seconds or milliseconds."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{seconds}s" if not rest else f"{nanoseconds // 1_000_000}ms"


def _guest(guest: dict[str, Any] | None, size: Any) -> dict[str, Any]:
    asked = {key: value for key, value in (guest or {}).items() if value is not None}
    made = {"cpu_kind": "shared", "cpus": 1, **_of_size(size), **asked}
    cpus, kind = int(made["cpus"]), made["cpu_kind"]
    if kind not in {"shared", "performance"}:
        raise invalid(f"config.guest.cpu_kind: unknown kind {kind!r}")
    allowed = SHARED_CPUS if kind == "shared" else PERFORMANCE_CPUS
    if cpus not in allowed:
        raise invalid(f"config.guest.cpus: {cpus} is not one of {list(allowed)}")
    each, step, most = (256, 256, 2048) if kind == "shared" else (2048, 1024, 8192)
    made.setdefault("memory_mb", each * cpus)
    memory_mb = int(made["memory_mb"])
    if memory_mb < each * cpus:
        raise RefusalError(400, f"invalid config.guest.memory_mb, minimum required {each * cpus} MiB")
    if memory_mb > most * cpus or memory_mb % step:
        raise RefusalError(
            400, f"invalid config.guest.memory_mb, must be a multiple of {step} MiB and at most {most * cpus} MiB"
        )
    return made


def _of_size(size: Any) -> dict[str, Any]:
    """A preset such as shared-cpu-2x or performance-1x."""
    if not isinstance(size, str):
        return {}
    kind, _, count = size.rpartition("-")
    name = {"shared-cpu": "shared", "performance": "performance"}.get(kind)
    if name is None or not count.removesuffix("x").isdigit():
        raise invalid(f"config.size: unknown size {size!r}")
    return {"cpu_kind": name, "cpus": int(count.removesuffix("x"))}
