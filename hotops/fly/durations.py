"""Go's durations, which Fly writes as text (`1m30s`) and also takes as whole nanoseconds."""

from __future__ import annotations

import re

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def seconds_of(value: object) -> float:
    """Seconds of `"1m30s"` or of 90000000000 (Machines API, durations). Raises ValueError on anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return round(value * 1e-9, 9)
    text = str(value).strip()
    if text == "0":
        return 0.0
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{value!r} is no duration; it looks like 15s, 1m30s or 500ms")
    return round(sum(float(number) * _UNITS_S[unit] for number, unit in parts), 9)


def go_duration(seconds: float) -> str:
    """`15s`, `1.5s`, `90s`: seconds as Go reads them."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"
