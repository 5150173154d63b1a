"""A machine as the API shows it: whole, in a list, as a summary, and in an organisation's list."""

from __future__ import annotations

import copy
from typing import Any

from hotops.sandbox.fly import checks
from hotops.sandbox.fly.ids import rfc3339
from hotops.sandbox.fly.machine import Machine
from hotops.sandbox.fly.world import World

SHOWN_EVENTS = 20
LEFT_OUT_OF_SUMMARY = ("config", "checks", "events", "host_status", "incomplete_config", "cordoned")


def shown(world: World, machine: Machine, now: float) -> dict[str, Any]:
    """A machine (Machines API, Machine). Never its lease's nonce: a client would believe that it holds the lease.

    On a host that cannot be reached the config is null and `incomplete_config` holds it (flyctl).
    """
    version = machine.current
    reachable = machine.host_status == "ok"
    config = copy.deepcopy(version.config)
    return {
        "id": machine.id,
        "name": machine.name,
        "state": machine.state,
        "region": machine.region,
        "instance_id": version.instance_id,
        "version": version.instance_id,
        "private_ip": machine.private_ip,
        "created_at": rfc3339(machine.created_at),
        "updated_at": rfc3339(max(machine.updated_at, machine.events[-1].at if machine.events else 0.0)),
        "image_ref": version.image.ref(),
        "config": config if reachable else None,
        "incomplete_config": None if reachable else config,
        "events": [event.shown() for event in reversed(machine.events[-SHOWN_EVENTS:])],
        "checks": checks.rows(world, machine, now) if reachable else [],
        "host_status": machine.host_status,
        "cordoned": machine.cordoned,
    }


def summary(world: World, machine: Machine, now: float) -> dict[str, Any]:
    """A machine in a list asked for with `summary=true`."""
    whole = shown(world, machine, now)
    return {key: value for key, value in whole.items() if key not in LEFT_OUT_OF_SUMMARY}


def in_org(machine: Machine) -> dict[str, Any]:
    """A machine in the list of an organisation (Machines API, OrgMachine)."""
    config = machine.config
    return {
        "id": machine.id,
        "name": machine.name,
        "app_name": machine.app_name,
        "state": machine.state,
        "region": machine.region,
        "version": machine.current.instance_id,
        "instance_id": machine.current.instance_id,
        "private_ip": machine.private_ip,
        "created_at": rfc3339(machine.created_at),
        "updated_at": rfc3339(machine.updated_at),
        "config": {
            "image": config["image"],
            "guest": dict(config["guest"]),
            "metadata": dict(config.get("metadata") or {}),
        },
    }
