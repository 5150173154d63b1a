"""The client's side of the clouds' rate limits, shared by all processes of this machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hotops.core.clock import Clock
from hotops.core.state import private_folder

_TIME = struct.Struct("<d")


@dataclass(frozen=True)
class Rate:
    """So many requests a second, and so many at once after a rest."""

    per_s: float
    burst: int


class Limiter(Protocol):
    """Waits until a request of this bucket may go out."""

    def take(self, bucket: str, rate: Rate) -> None: ...


class NoLimiter:
    """For the fast paths of tests that have no limits to keep."""

    def take(self, bucket: str, rate: Rate) -> None:
        return None


def reserve(arrival: float, now: float, rate: Rate) -> tuple[float, float]:
    """The generic cell rate algorithm: (new theoretical arrival time, seconds to wait) for one request.

    One number per bucket says all: the time at which the bucket would be full again.
    """
    interval = 1.0 / rate.per_s
    arrival = max(arrival, now)
    wait_s = max(0.0, arrival - (rate.burst - 1) * interval - now)
    return arrival + interval, wait_s


class MemoryLimiter:
    """Limits within one process, on any clock (an injected one too)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrivals: dict[str, float] = {}
        self._guard = threading.Lock()

    def take(self, bucket: str, rate: Rate) -> None:
        with self._guard:
            now = self._clock.now()
            self._arrivals[bucket], wait_s = reserve(self._arrivals.get(bucket, 0.0), now, rate)
        self._clock.sleep(wait_s)


class FileLimiter:
    """A locked file of eight bytes per (cloud, identity, bucket): tasks are processes of their own, the limit is one.

    `identity` is whatever the cloud counts by (a token); only a hash of it is in the file's name.
    """

    def __init__(self, folder: Path, cloud: str, identity: str, clock: Clock) -> None:
        name = hashlib.sha256(identity.encode()).hexdigest()[:12]
        self._folder = private_folder(private_folder(folder) / f"{cloud}-{name}")
        self._clock = clock

    def take(self, bucket: str, rate: Rate) -> None:
        path = self._folder / hashlib.sha256(bucket.encode()).hexdigest()[:20]
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            now = self._clock.now()
            written = os.pread(handle, _TIME.size, 0)
            arrival = _TIME.unpack(written)[0] if len(written) == _TIME.size else 0.0
            # A clock that was set back must not hold everyone up for hours.
            arrival = min(arrival, now + 2 * rate.burst / rate.per_s + 60)
            arrival, wait_s = reserve(arrival, now, rate)
            os.pwrite(handle, _TIME.pack(arrival), 0)
        finally:
            os.close(handle)
        self._clock.sleep(wait_s)
