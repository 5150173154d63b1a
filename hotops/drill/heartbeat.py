"""A row a second in the database: what is missing of them afterwards is what was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from hotops.core.clock import Clock
from hotops.core.errors import HotopsError

EVERY_S = 1.0


@dataclass(frozen=True)
class Beat:
    """One try: when it was sent, and whether the database said that it keeps it."""

    at: float
    kept: bool


class Heartbeat:
    """Writes beats from a thread of its own until it is stopped. `write` is given the moment (unix seconds)."""

    def __init__(self, write: Callable[[float], None], clock: Clock, every_s: float = EVERY_S) -> None:
        self._write = write
        self._clock = clock
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.beats: list[Beat] = []

    def start(self) -> None:
        """Begin; returns when the first beat is kept. Raises what the database said to it."""
        at = self._clock.now()
        self._write(at)
        self.beats.append(Beat(at, kept=True))
        self._thread.start()

    def stop(self) -> None:
        """End; safe to repeat."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def last_kept_before(self, moment: float) -> float | None:
        """The last beat that was kept before a moment."""
        return max((beat.at for beat in self.beats if beat.kept and beat.at <= moment), default=None)

    @property
    def outage_s(self) -> float:
        """Time for which beats were refused, from the first to the last refused one."""
        refused = [beat.at for beat in self.beats if not beat.kept]
        return max(refused) - min(refused) + self._every_s if refused else 0.0

    def _beat(self) -> None:
        while not self._ended.wait(self._every_s):
            at = self._clock.now()
            try:
                self._write(at)
            except HotopsError:
                self.beats.append(Beat(at, kept=False))  # that it is refused is what is measured
            else:
                self.beats.append(Beat(at, kept=True))
