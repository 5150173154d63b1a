"""The app config that a seeded release stores: fly.toml as JSON, made of what the seed's machines are given.

A config and a machine say the same in different words (flyctl, appconfig: services, checks, restart), and a tool that
deploys without a fly.toml makes the machines anew out of the stored one. What is not in it, such a deploy takes away.
"""

from __future__ import annotations

from typing import Any

DEFAULT_GUEST = {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}
SERVICE_WORDS = {"autostop": "auto_stop_machines", "autostart": "auto_start_machines"}
POLICIES = {"no": "never", "always": "always", "on-failure": "on-failure"}


def of_seed(name: str, primary_region: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The config of an app of the seed. No image is in it: the seed's apps are built, as most are, by a Dockerfile."""
    groups: dict[str, Any] = wanted.get("groups") or {}
    config: dict[str, Any] = {
        "app": name,
        "primary_region": primary_region,
        "env": dict(wanted.get("env") or {}),
        "processes": {group: str(each.get("cmd") or "") for group, each in groups.items()},
        "services": [_service(each, group) for group, own in groups.items() for each in own.get("services") or []],
        "checks": {
            key: {**_check(each), "processes": [group]}
            for group, own in groups.items()
            for key, each in (own.get("checks") or {}).items()
        },
        "vm": [{**(own.get("guest") or DEFAULT_GUEST), "processes": [group]} for group, own in groups.items()],
        "restart": [
            {**_restart(own["restart"]), "processes": [group]}
            for group, own in groups.items()
            if (own.get("restart") or {}).get("policy") in POLICIES
        ],
        "deploy": {"release_command": str(wanted["release_command"])} if wanted.get("release_command") else {},
    }
    return {key: value for key, value in config.items() if value not in ({}, [])}


def _service(service: dict[str, Any], group: str) -> dict[str, Any]:
    """A machine's service as fly.toml's [[services]]: each kind of check has its own list."""
    config = {SERVICE_WORDS.get(key, key): value for key, value in service.items() if key != "checks"}
    for check in service.get("checks") or []:
        kept = {key: value for key, value in _check(check).items() if key not in {"type", "port"}}
        config.setdefault(f"{check.get('type') or 'tcp'}_checks", []).append(kept)
    return {**config, "processes": [group]}


def _check(check: dict[str, Any]) -> dict[str, Any]:
    """A machine's check as in fly.toml, where a header has one value."""
    headers = {str(each["name"]): str((each.get("values") or [""])[0]) for each in check.get("headers") or []}
    kept = {key: value for key, value in check.items() if key not in {"headers", "kind"}}
    return {**kept, "headers": headers} if headers else kept


def _restart(restart: dict[str, Any]) -> dict[str, Any]:
    retries = restart.get("max_retries")
    return {"policy": POLICIES[str(restart["policy"])], **({"retries": retries} if retries else {})}
