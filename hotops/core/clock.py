"""One clock for everything that waits or stamps, so that tests own the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Unix seconds now, and sleeping. A test's clock moves when it is slept on."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


def rfc3339(unix_s: float, *, millis: bool = False) -> str:
    """`2026-01-31T10:00:00Z`, or with milliseconds."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.isoformat(timespec="milliseconds" if millis else "seconds").replace("+00:00", "Z")


def basic_stamp(unix_s: float) -> str:
    """`20260131T100000Z`: sortable and safe in file names."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y%m%dT%H%M%SZ")


def parse_rfc3339(text: str) -> float:
    """Unix seconds of an RFC 3339 time; raises ValueError on anything else."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.timestamp()


def spoken_duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h`, `8 d`: as an operator says it."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def measured_duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2.5 h`: what was measured and is compared, so more exact than it is spoken."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes / 60:.1f} h"
