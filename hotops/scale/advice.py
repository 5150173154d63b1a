"""How much memory a group should have, by what it used: a decaying percentile, a margin, more after a memory kill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from hotops.scale.sizes import Size, at_least

DAY_S = 86400.0
#: Unix seconds, and what was used then in MiB.
Used = tuple[float, float]


@dataclass(frozen=True)
class Policy:
    """The numbers of advice.json."""

    window_days: int
    step_s: float
    percentile: float
    half_life_s: float
    margin: float
    oom_factor: float
    oom_least_mb: float
    least_samples: int


@cache
def policy() -> Policy:
    """What the data file says."""
    data = json.loads((files("hotops.scale") / "advice.json").read_text(encoding="utf-8"))
    return Policy(**{name: data[name] for name in Policy.__dataclass_fields__})


@dataclass(frozen=True)
class Advice:
    """The size to have. `why` says what it is made of; None where too little is known."""

    size: Size | None
    why: str
    peak_mb: float | None = None
    wanted_mb: float | None = None


@dataclass(frozen=True)
class BackTest:
    """The same rule asked at the end of each day but the last: on how many the next day stayed within its advice."""

    held: int
    days: int

    def __str__(self) -> str:
        return f"would have held on {self.held} of {self.days} days" if self.days else "too little to test it on"


def advise(
    used: Sequence[Used], size: Size, *, ooms: int = 0, floor_mb: int = 0, now: float, rule: Policy | None = None
) -> Advice:
    """The next size up from what was needed, never below a declared floor.

    Needed is the percentile of what was used, older samples counting less by half each half-life, plus the margin. A
    memory kill at this size says that more than all of it was needed, whatever the samples show.
    """
    rule = rule or policy()
    if len(used) < rule.least_samples and not ooms:
        return Advice(None, f"{len(used)} samples are too few: {rule.least_samples} are wanted")
    needed = _percentile(used, rule, now) * (1 + rule.margin) if used else 0.0
    peak = max((value for _, value in used), default=None)
    why = f"{rule.percentile:.0%} of what was used, plus {rule.margin:.0%}"
    if ooms:
        killed_at = max(size.memory_mb * rule.oom_factor, size.memory_mb + rule.oom_least_mb)
        if killed_at > needed:
            needed, why = killed_at, f"{ooms} memory kills at {size.memory_mb} MB"
    if floor_mb > needed:
        needed, why = float(floor_mb), f"the declared floor of {floor_mb} MB"
    return Advice(at_least(size, round(needed)), why, peak, needed)


def back_test(used: Sequence[Used], size: Size, *, rule: Policy | None = None) -> BackTest:
    """Ask the rule at the end of each day with what was known then, and look at the day after."""
    rule = rule or policy()
    if not used:
        return BackTest(0, 0)
    first, last = used[0][0], used[-1][0]
    held = days = 0
    at = first + DAY_S
    while at + DAY_S <= last + rule.step_s:
        known = [sample for sample in used if sample[0] < at]
        after = [value for moment, value in used if at <= moment < at + DAY_S]
        advised = advise(known, size, now=at, rule=rule).size
        if advised is not None and after:
            days += 1
            held += max(after) <= advised.memory_mb
        at += DAY_S
    return BackTest(held, days)


def _percentile(used: Sequence[Used], rule: Policy, now: float) -> float:
    """The smallest value below which lies the wanted share of all weight."""
    weighed = sorted((value, 0.5 ** (max(0.0, now - at) / rule.half_life_s)) for at, value in used)
    wanted = rule.percentile * sum(weight for _, weight in weighed)
    reached = 0.0
    for value, weight in weighed:
        reached += weight
        if reached >= wanted:
            return value
    return weighed[-1][0]
