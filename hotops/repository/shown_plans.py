"""Plans that were shown on this computer: what whoever runs hotops may approve, for how long, and by which runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hotops.core.context import Context
from hotops.core.state import private_folder, read_json, state_dir, write_atomically
from hotops.inventory.schema import Environment


@dataclass(frozen=True)
class ShownPlan:
    """A plan with when it was last shown, and the runs that carried it out since."""

    plan: str
    shown_at: float
    used_by: Sequence[str] = field(default_factory=tuple)


def show_plan(context: Context, environment: Environment, plan_id: str) -> None:
    """Note that it was shown now: whoever looks anew may decide anew."""
    _write(environment, ShownPlan(plan_id, context.clock.now()))


def shown_plan(environment: Environment, plan_id: str) -> ShownPlan | None:
    """What is known of a plan here, None where it was never shown."""
    found: Any = read_json(_file(environment, plan_id))
    return ShownPlan(**found) if isinstance(found, dict) else None


def use_plan(environment: Environment, plan: ShownPlan, run: str) -> None:
    """Note that a run carries it out."""
    if run not in plan.used_by:
        _write(environment, ShownPlan(plan.plan, plan.shown_at, (*plan.used_by, run)))


def _write(environment: Environment, plan: ShownPlan) -> None:
    write_atomically(_file(environment, plan.plan), json.dumps(asdict(plan)))


def _file(environment: Environment, plan_id: str) -> Path:
    folder = private_folder(state_dir() / "plans")
    return folder / f"{environment.env_kind}-{environment.fly_org}-{environment.name}-{plan_id}.json"
