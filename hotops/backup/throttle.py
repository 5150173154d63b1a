"""How many workers may read at once: fewer as soon as the server suffers, more again when it is well."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

#: A statement that does nothing takes this long at least before anything is called suffering.
SUFFERING_S = 0.25
#: … and this many times what it took in the beginning.
SUFFERING_TIMES = 8.0
LAG_S = 30.0
CALM_LOOKS = 3


@dataclass
class Throttle:
    """Told what a look at the server found, it says how many workers may go on; at least one always may."""

    most: int
    allowed: int = 0
    baseline_s: float = 0.0
    slowed: int = 0
    _calm: int = 0
    _running: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def __post_init__(self) -> None:
        self.allowed = self.most

    def observe(self, answer_s: float, lag_s: float = 0.0, waiting: int = 0) -> int:
        """Take one look: how long a trivial statement took, the worst replica's lag, sessions that wait for a lock on us."""
        with self._changed:
            self.baseline_s = min(self.baseline_s or answer_s, answer_s)
            slow = answer_s > max(SUFFERING_S, self.baseline_s * SUFFERING_TIMES)
            if slow or lag_s > LAG_S or waiting > 0:
                self._calm = 0
                if self.allowed > 1:
                    self.slowed += 1
                self.allowed = max(1, self.allowed - 1)
            else:
                self._calm += 1
                if self._calm >= CALM_LOOKS and self.allowed < self.most:
                    self.allowed, self._calm = self.allowed + 1, 0
            self._changed.notify_all()
            return self.allowed

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._running < self.allowed)
            self._running += 1

    def __exit__(self, *exc: object) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
