"""What machines cost a year, by a dated price table: good for comparing sizes, not for checking a bill."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from hotops.scale.sizes import Size

MONTHS = 12


@cache
def prices() -> Mapping[str, Any]:
    """The price table, with the day it is of and its sources."""
    data: dict[str, Any] = json.loads((files("hotops.scale") / "prices.json").read_text(encoding="utf-8"))
    return data


def monthly_usd(size: Size, region: str = "") -> float:
    """A machine of this size that always runs, in US dollars a month."""
    table = prices()
    included_mb = table["memory_mb_per_cpu"][size.cpu_kind] * size.cpus
    extra_gb = max(0, size.memory_mb - included_mb) / 1024
    base = table["monthly_per_cpu"][size.cpu_kind] * size.cpus + table["monthly_per_extra_gb"] * extra_gb
    return float(base * table["region_factor"].get(region, 1.0))


def yearly_usd(size: Size, region: str = "") -> float:
    """The same for a year."""
    return MONTHS * monthly_usd(size, region)
