"""Where each value of an inventory comes from: a flag, a file and its line, what was observed, or a default."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from hotops.fly.models import Machine
from hotops.fly.states import is_managed
from hotops.health.routes import observed_checks
from hotops.inventory.locate import locate
from hotops.inventory.run_vars import APP_KEYS, ENVIRONMENT_KEYS
from hotops.inventory.schema import App, Environment

Origin = Literal["flag", "host_vars", "group_vars", "inventory", "observed", "default", "follows"]
#: Keys that follow from others where they are not declared, and from which.
_FOLLOWS: Mapping[str, str] = {
    "app": "the host's name",
    "url": "app",
    "source_url": "promote_from",
    "source_org": "fly_org",
    "env_name": "the inventory's folder",
}


@dataclass(frozen=True)
class Value:
    """A key's effective value, where it comes from, and the place (file and line) or what it follows from."""

    key: str
    value: Any
    origin: Origin
    where: str = ""

    @property
    def is_declared(self) -> bool:
        """Whether somebody wrote it."""
        return self.origin in ("flag", "host_vars", "group_vars", "inventory")

    def as_row(self) -> dict[str, Any]:
        """The value as plain data."""
        return {"key": self.key, "value": self.value, "origin": self.origin, "where": self.where}

    @property
    def told(self) -> str:
        """The value in one line of JSON, as it would be written."""
        if isinstance(self.value, str):
            return self.value
        return json.dumps(self.value, ensure_ascii=False)


def environment_values(environment: Environment, flags: Iterable[str]) -> list[Value]:
    """The keys of the whole environment, by name."""
    given = set(flags)
    return [
        _value(environment, key, _attribute(environment, "name" if key == "env_name" else key), None, given)
        for key in sorted(ENVIRONMENT_KEYS - APP_KEYS)
    ]


def app_values(
    environment: Environment, app: App, flags: Iterable[str], machines: tuple[Machine, ...] | None
) -> list[Value]:
    """The keys of an app, by name. Of `machines` comes what is observed; None where they were not read."""
    given = set(flags)
    found = [_value(environment, key, _attribute(app, key), app.host, given) for key in sorted(APP_KEYS)]
    if machines is None:
        return found
    seen = observed(app, tuple(machine for machine in machines if is_managed(machine)))
    return [_with_observed(value, seen) for value in found]


def observed(app: App, machines: tuple[Machine, ...]) -> dict[str, Any]:
    """What the running machines say about keys that need not be declared."""
    groups: dict[str, list[Machine]] = {}
    for machine in machines:
        groups.setdefault(machine.process_group, []).append(machine)
    return {
        "process_groups": {
            name: {
                "count": len(members),
                "memory_mb": sorted({machine.known_config.guest.memory_mb for machine in members}),
                "cpus": sorted({machine.known_config.guest.cpus for machine in members}),
            }
            for name, members in sorted(groups.items())
        },
        "health": [check.url for check in observed_checks(app.url, machines)],
    }


def _with_observed(value: Value, seen: Mapping[str, Any]) -> Value:
    if value.origin != "default" or not seen.get(value.key):
        return value
    return Value(value.key, seen[value.key], "observed", "Fly, machines")


def _value(environment: Environment, key: str, value: Any, host: str | None, flags: set[str]) -> Value:
    if key in flags:
        return Value(key, value, "flag", f"-e {key}=…")
    place = locate(environment.inventory, (key,), host=host) if environment.inventory is not None else None
    if place is not None:
        folders = place.file.split("/")
        for kind in ("host_vars", "group_vars"):
            if kind in folders:
                return Value(key, value, kind, str(place))
        return Value(key, value, "inventory", str(place))
    if key in _FOLLOWS and value is not None:
        return Value(key, value, "follows", _FOLLOWS[key])
    return Value(key, value, "default")


def _attribute(owner: BaseModel, key: str) -> Any:
    """The value as plain data."""
    return owner.model_dump(mode="json", include={key}).get(key)
