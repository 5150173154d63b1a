"""How far a long step is, on stderr: a line that is written over on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from hotops.core.clock import rfc3339, spoken_duration

_CELLS = 24
_EVERY_S = 0.2
_PLAIN_EVERY_S = 10.0
#: Sooner than this nothing is known of the rate.
_KNOWN_AFTER_S = 1.0


class Bar:
    """Call it with bytes done, bytes there are, and seconds so far; from any thread, as often as one likes."""

    def __init__(self, file: TextIO | None = None, now: Callable[[], float] = time.time) -> None:
        self._file = sys.stderr if file is None else file
        self._now = now
        self._lock = threading.Lock()
        self._next = 0.0
        self._open = False
        bare = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
        self._over = self._file.isatty() and not bare

    def __call__(self, done: int, total: int, seconds: float) -> None:
        with self._lock:
            ended = done >= total
            if seconds < self._next and not ended:
                return
            if ended and not self._over and not self._next:
                return  # it was over before a line was due
            self._next = seconds + (_EVERY_S if self._over else _PLAIN_EVERY_S)
            line = shown(done, total, seconds)
            if self._over:
                self._file.write(f"\r\x1b[K{line}" + ("\n" if ended else ""))
                self._open = not ended
            elif seconds >= _KNOWN_AFTER_S:
                self._file.write(f"{rfc3339(self._now())} {line}\n")
            self._file.flush()

    def end(self) -> None:
        """What comes next begins on a line of its own, also where the step did not come to its end."""
        with self._lock:
            if self._open:
                self._file.write("\n")
                self._open = False


def shown(done: int, total: int, seconds: float) -> str:
    """`[######------]  42 %  1.2 of 2.9 GB, 180 MB/s, 9 s left`."""
    share = min(1.0, done / total) if total else 1.0
    cells = round(share * _CELLS)
    unit, size = ("GB", 1e9) if total >= 1e9 else ("MB", 1e6)
    text = f"[{'#' * cells}{'-' * (_CELLS - cells)}] {share:4.0%}  {done / size:.1f} of {total / size:.1f} {unit}"
    if seconds < _KNOWN_AFTER_S or not done:
        return text
    rate = done / seconds
    left = f", {spoken_duration((total - done) / rate)} left" if done < total else f", in {spoken_duration(seconds)}"
    return f"{text}, {rate / 1e6:.0f} MB/s{left}"
