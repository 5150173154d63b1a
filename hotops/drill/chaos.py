"""The drill's activities as functions of the Chaos Toolkit: `chaos run hotops/drill/scenarios/machine_lost.json`.

The inventory is named by HOTOPS_DRILL_INVENTORY; what is measured is kept in HOTOPS_DRILL_RECORD, if set.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hotops.core.context import Context
from hotops.core.errors import UsageError
from hotops.core.world import World
from hotops.drill.exercise import Exercise
from hotops.drill.provided import ACTIVITIES, ON_LIVE, Activity
from hotops.drill.record import Record
from hotops.drill.worlds import FaultRefused
from hotops.inventory.listing import load_environment

INVENTORY_VARIABLE = "HOTOPS_DRILL_INVENTORY"
RECORD_VARIABLE = "HOTOPS_DRILL_RECORD"


@functools.lru_cache(maxsize=1)
def exercise_of(inventory: str, record: str | None) -> Exercise:
    """The drill on an inventory: one for the process, since its beats live in it."""
    environment = load_environment(inventory)
    context = Context(world=World.of(environment.env_kind), environment=environment)
    kept = Record(context.clock, Path(record) if record else None)
    return Exercise(context, environment, tuple(environment.in_order()), kept)


def _provided(activity: Activity) -> Callable[..., Any]:
    """An activity without its first parameter, which the process has."""
    signature = inspect.signature(activity)
    own = [parameter for name, parameter in signature.parameters.items() if name != "exercise"]

    @functools.wraps(activity)
    def call(**arguments: Any) -> Any:
        inventory = os.environ.get(INVENTORY_VARIABLE)
        if not inventory:
            raise UsageError(f"{INVENTORY_VARIABLE} is not set.", remedy="export it: the inventory to drill on.")
        exercise = exercise_of(inventory, os.environ.get(RECORD_VARIABLE))
        if exercise.environment.env_kind == "live" and activity.__name__ not in ON_LIVE:
            raise FaultRefused(
                f"{activity.__name__} is not done on live clouds.",
                remedy="Run this experiment on a sandbox inventory; backup_restored is the one for live clouds.",
            )
        return activity(exercise, **arguments)

    call.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
    return call


globals().update({name: _provided(activity) for name, activity in ACTIVITIES.items()})
