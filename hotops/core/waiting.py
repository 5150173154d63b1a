"""The one wait loop: a predicate over what is observed, a clock, a pace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hotops.core.clock import Clock
from hotops.core.errors import WaitTimeout

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How fast to look again: the first pause, its growth, its cap. A value, so that tests inject their own."""

    first_s: float = 0.25
    factor: float = 1.5
    cap_s: float = 2.0

    def pause_s(self, attempt: int) -> float:
        return float(min(self.first_s * self.factor**attempt, self.cap_s))


PACE = Pace()


def wait_for(
    is_so: Callable[[T], bool],
    observe: Callable[[], T],
    *,
    clock: Clock,
    timeout_s: float,
    what: str,
    pace: Pace = PACE,
    remedy: str = "",
    describe: Callable[[T], object] = lambda seen: seen,
) -> T:
    """Observe until `is_so`, and return what was seen then.

    Raises WaitTimeout, whose message holds `what` and what was seen last, after `timeout_s` seconds of `clock`.
    """
    deadline = clock.now() + timeout_s
    attempt = 0
    while True:
        seen = observe()
        if is_so(seen):
            return seen
        left_s = deadline - clock.now()
        if left_s <= 0:
            last = describe(seen)
            raise WaitTimeout(
                f"{what} did not come within {timeout_s:g} s; last seen: {last}.", last=last, remedy=remedy
            )
        clock.sleep(min(pace.pause_s(attempt), left_s))
        attempt += 1
