"""Each effective value with its origin: what somebody wrote and where, what was observed, what is a default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.table import aligned
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.inventory.schema import App, Environment
from hotops.look.origins import Value, app_values, environment_values
from hotops.look.reading import Reading, read_all
from hotops.promote.pairs import environment_of
from hotops.selection import select

#: So much of a value fits beside its key and its place on 80 columns.
_WIDEST = 34


class ExplainWanted(Spec):
    """Which apps, and what came by a flag."""

    apps: tuple[str, ...] = Field((), description="Apps to explain; if omitted, the environment and what apps declare.")
    flags: tuple[str, ...] = Field((), description="Keys whose values were given as extra vars, by name.")
    observed: bool = Field(
        default=True, description="Whether to read the apps' machines, so that what is not declared is shown as it is."
    )


@dataclass(frozen=True)
class Explained:
    """The environment's values, each app's, and why an app's machines could not be read."""

    environment: tuple[Value, ...]
    apps: Mapping[str, tuple[Value, ...]]
    unread: Mapping[str, str]


class Explain(Operation[ExplainWanted, Explained]):
    """Explain an inventory: one call of Fly for each app, none without `observed`. Raises UsageError (unknown app)."""

    name = "explain"
    Want = ExplainWanted
    effect = "read"
    needs_environment = True
    keeps_evidence = False
    docs = Documented(
        short="Explain where each value of an inventory comes from",
        description=(
            "Shows each effective value with its origin: a flag, a file and its line, what was observed, or a default.",
            "A flag goes before host_vars, these before group_vars, these before what is observed, then defaults.",
            "What is not declared is observed, and only what is declared is checked for drift.",
        ),
        returns={
            "environment": {
                "description": "The values of the whole environment: key, value, origin, where.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
            "apps": {
                "description": "The values of each app, by host, in the same form.",
                "returned": "success",
                "type": "dict",
            },
            "unknown": {
                "description": "Why the machines of an app could not be read, by host.",
                "returned": "success",
                "type": "dict",
            },
        },
        examples="""
- name: Show where the values of an app come from
  hotops.core.explain:
    apps: [shop-production]
  run_once: true

- name: Only what the files say, without a call
  hotops.core.explain:
    observed: false
  run_once: true
""",
        see_also=("status", "why"),
    )

    def observe(self) -> Explained:
        environment = environment_of(self.context)
        hosts = select(environment, self.context.selection or environment.apps, apps=self.want.apps or None)
        apps = [environment.apps[host] for host in hosts]
        readings = self._machines(apps) if self.want.observed else [Reading[tuple[Machine, ...]]() for _ in apps]
        found = {
            app.host: tuple(app_values(environment, app, self.want.flags, _tuple(machines)))
            for app, machines in zip(apps, readings, strict=True)
        }
        unread = {app.host: machines.why_not for app, machines in zip(apps, readings, strict=True) if machines.why_not}
        return Explained(tuple(environment_values(environment, self.want.flags)), found, unread)

    def report(self, state: Explained, plan: Plan, done: Done) -> dict[str, Any]:
        environment = environment_of(self.context)
        return {
            "environment": [value.as_row() for value in state.environment],
            "apps": {host: [value.as_row() for value in values] for host, values in state.apps.items()},
            "unknown": dict(state.unread),
            "hotops_screen": page(state, environment, everything=self._is_about_some(state, environment)),
        }

    def _is_about_some(self, state: Explained, environment: Environment) -> bool:
        """Whether apps were named: then each of their keys is wanted."""
        return len(state.apps) == 1 or len(state.apps) < len(environment.apps)

    def _machines(self, apps: Sequence[App]) -> list[Reading[Any]]:
        fly = self.context.client(Fly)
        return read_all([partial(fly.machines.list, app.app) for app in apps])


def _tuple(reading: Reading[Any]) -> tuple[Machine, ...] | None:
    return None if reading.value is None else tuple(reading.value)


def page(state: Explained, environment: Environment, *, everything: bool) -> list[str]:
    """The environment, then each app: all of its keys where it was named, else what is not a default."""
    lines = [f"{environment.name}: what counts, and where it comes from", *_table(state.environment)]
    for host, values in state.apps.items():
        shown = [value for value in values if everything or value.origin != "default"]
        left = len(values) - len(shown)
        lines += ["", host, *_table(shown)]
        if host in state.unread:
            lines.append(f"  not observed: {state.unread[host]}")
        if left:
            lines.append(f"  and {left} defaults: hotops explain {environment.name} {host}")
    return lines


def _table(values: Sequence[Value]) -> list[str]:
    rows = [(value.key, value.told, _origin(value)) for value in values]
    return [f"  {line}" for line in aligned(rows, widest=_WIDEST)]


def _origin(value: Value) -> str:
    """The file and line where one wrote it, else the word."""
    if value.origin in ("host_vars", "group_vars", "inventory"):
        return value.where.removeprefix("inventories/")
    return f"{value.origin}: {value.where}" if value.where else value.origin
