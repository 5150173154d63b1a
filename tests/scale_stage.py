"""What tests of scaling ask of a stage: a run of the operation, sizes, and an app of web and worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotops.core.driver import Outcome, drive
from hotops.deploy.groups import groups_of, size_of
from hotops.scale.scale import Scale
from hotops.scale.wanted import ScaleWant
from tests.documented import as_documented
from tests.stage import Stage
from tests.twin.stages import APP, FIRST, in_one_order

#: Two for the web, of which one rests, and a worker: each with half the memory that it needs.
GROUPS: Mapping[str, Any] = {
    "web": {"count": 2, "memory_mb": 512},
    "worker": {"count": 1, "memory_mb": 512, "service": "none", "health_path": None},
}


def apps_with(groups: Mapping[str, Any] = GROUPS, **declared: Any) -> dict[str, Any]:
    """One app with these groups in the sandbox, and whatever the inventory declares of it."""
    return {APP: {"sandbox": {"groups": groups}, **declared}}


def scale(stage: Stage, run: str = FIRST, *, check: bool = False, **want: Any) -> Outcome:
    """One run of the operation, its calls in one order."""
    with in_one_order(), stage.context(run, selection=tuple(stage.environment.apps), check=check) as context:
        return as_documented("fly_scale", drive(Scale(ScaleWant(**want), context), check=check))


def sizes(stage: Stage, app: str = APP) -> dict[str, list[str]]:
    """The sizes of an app's machines by process group."""
    groups = groups_of(stage.living_machines(app))
    return {group: [size_of(machine) for machine in members] for group, members in groups.items()}


def unwell(stage: Stage, app: str = APP, *, resting: int = 0) -> list[str]:
    """All that is not as it should be of an app that nobody works on any more."""
    machines = stage.living_machines(app)
    states = sorted(machine.state for machine in machines)
    found = {
        f"states are {states}": states == ["started"] * (len(states) - resting) + ["stopped"] * resting,
        "a machine is cordoned": not any(machine.cordoned for machine in machines),
        "a check does not pass": all(c.is_passing for m in machines if m.state == "started" for c in m.checks),
        "it does not answer": [stage.get(f"https://{app}.fly.dev/health") for _ in range(4)] == [200] * 4,
    }
    return [what for what, is_right in found.items() if not is_right]
