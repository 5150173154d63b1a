"""What scaling tells: the change of each group, what it costs, what it does besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hotops.core.operation import Plan
from hotops.deploy import marks
from hotops.deploy.groups import groups_of, size_of
from hotops.deploy.roll import describe_health
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_started
from hotops.scale.prices import prices, yearly_usd
from hotops.scale.sizes import Size
from hotops.scale.steps import MOVE, app_of, group_of
from hotops.scale.wanted import Wish


def told(wish: Wish, machines: Sequence[Machine]) -> dict[str, Any]:
    """An app's groups with their sizes and numbers, before and after."""
    return {
        group: {
            "before": sorted({size_of(machine) for machine in members}),
            "after": sorted({str(wish.size(group, Size.of(machine.known_config.guest))) for machine in members}),
            "machines_before": len(members),
            "machines": wish.of(group).count or len(members),
            "rest": wish.of(group).rest(),
        }
        for group, members in groups_of(machines).items()
    }


def added_usd(wish: Wish, machines: Sequence[Machine]) -> float:
    """What the change adds to a year's bill, if all machines always run."""
    added = 0.0
    for group, members in groups_of(machines).items():
        now = [(Size.of(machine.known_config.guest), machine.region) for machine in members]
        then = [(wish.size(group, size), region) for size, region in now]
        count = wish.of(group).count or len(members)
        then = then[:count] + [then[0]] * (count - len(members))
        added += sum(yearly_usd(*item) for item in then) - sum(yearly_usd(*item) for item in now)
    return added


def warnings_of(wish: Wish, machines: Sequence[Machine], staged: Sequence[str], plan: Plan) -> list[str]:
    """What scaling an app does besides, and what does not look well."""
    said = []
    if staged:
        said.append(f"{wish.app}: secrets that wait for a deploy reach its machines with this: {', '.join(staged)}.")
    moving = {step.target: step for step in plan.steps if step.phase.startswith(MOVE) and app_of(step) == wish.app}
    said += [
        f"{wish.app}/{group_of(step)} runs one machine: it is away while it is replaced."
        for step in moving.values()
        if step.before.get("runs") and not step.before.get("has_others")
    ]
    said += [
        f"{wish.app} {machine.id} is not well: {describe_health(machine)}."
        for machine in machines
        if machine.id not in moving and marks.should_run(machine)
        if not (is_started(machine) and checks_pass(machine))
    ]
    return said


def screen(apps: Mapping[str, Any], plan: Plan, cost: float, warnings: Sequence[str], *, written: bool) -> list[str]:
    """What an operator reads: the plan, or what was done; the cost; the warnings."""
    if written:
        lines = [
            f"{app}/{group}: {change}"
            for app, groups in apps.items()
            for group, found in groups.items()
            if (change := _change(found))
        ]
    else:
        lines = plan.render().splitlines()
    if abs(cost) >= 0.01:
        lines.append(f"Cost: {cost:+,.2f} USD a year if all of them run (prices of {prices()['as_of']}).")
    return [*lines, *(f"warning: {text}" for text in warnings)]


def _change(found: Mapping[str, Any]) -> str:
    parts = []
    if found["before"] != found["after"]:
        parts.append(f"{', '.join(found['before'])} → {', '.join(found['after'])}")
    if found["machines_before"] != found["machines"]:
        parts.append(f"{found['machines_before']} → {found['machines']} machines")
    if found["rest"]:
        parts.append(", ".join(f"{name} {value}" for name, value in found["rest"].items()))
    return "; ".join(parts)
