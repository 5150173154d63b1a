"""Simulated releases: visitors who come at random, errors alone or in bursts, one release after or beside another."""

from __future__ import annotations

import math
import random
import statistics
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from hotops.health.answers import Answers, Count, Second
from hotops.health.errors_compared import ErrorsAfter, ErrorsBeside
from hotops.health.times_compared import TimesCompared

#: The levels that the parts of a verdict get of its 1 %, and what the inventory tolerates by default.
ANSWERS_LEVEL, TIMES_LEVEL, TOLERATED = 0.005, 0.003, 0.01
#: What the gates read of the log: so many answers, no further back than six hours.
MOST_ANSWERS, LONGEST_S = 3000, 6 * 3600
GOOD, BAD = 0.003, 0.03


@dataclass(frozen=True)
class Traffic:
    """Visitors a minute; errors come `burst` at once, within `within_s`, each retry anywhere or (sticky) where the
    first was."""

    rpm: int
    burst: int = 1
    within_s: float = 0.8
    sticky: bool = False


def seconds(
    rng: random.Random,
    traffic: Traffic,
    error_share: Callable[[bool], float],
    *,
    length_s: float,
    new_share: float = 1.0,
) -> Iterator[Second]:
    """What is seen of so long a time, second by second."""
    answers = Answers()
    rate = traffic.rpm / 60
    law = list(accumulate(math.exp(-rate + k * math.log(rate) - math.lgamma(k + 1)) for k in range(int(rate * 4) + 20)))
    until_error = {is_new: _answers_until_error(rng, error_share(is_new) / traffic.burst) for is_new in (True, False)}
    last_error = -10
    for at in range(int(length_s)):
        count = bisect(law, rng.random())
        on_new = count if new_share == 1.0 else sum(rng.random() < new_share for _ in range(count))
        failed_on = []
        for is_new, number in ((True, on_new), (False, count - on_new)):
            until_error[is_new] -= number
            while until_error[is_new] < 0:
                until_error[is_new] += 1 + _answers_until_error(rng, error_share(is_new) / traffic.burst)
                failed_on.append(is_new)
        if not failed_on and at > last_error + 3:
            if count:
                yield Second(at, new=on_new, old=count - on_new)
            continue
        last_error = at if failed_on else last_error
        answers.add(at, is_new=True, is_error=False, count=on_new - failed_on.count(True))
        answers.add(at, is_new=False, is_error=False, count=count - on_new - failed_on.count(False))
        for is_new in failed_on:
            begin = at + rng.random()
            for retry in range(traffic.burst):
                elsewhere = retry and not traffic.sticky and new_share < 1.0
                where = rng.random() < new_share if elsewhere else is_new
                answers.add(begin + retry * traffic.within_s / traffic.burst, is_new=where, is_error=True)
        # Retries may fall into the next second, which is not over then.
        yield from answers.settle(at if at <= last_error + 2 else at + 1)
    yield from answers.settle()


def _answers_until_error(rng: random.Random, share: float) -> int:
    """How many answers are good before the next error."""
    return int(math.log(1 - rng.random()) / math.log1p(-share))


def counted(rng: random.Random, traffic: Traffic) -> Count:
    """What the gates know of the old release."""
    count = Count()
    length_s = min(LONGEST_S, MOST_ANSWERS / (traffic.rpm / 60))
    for second in seconds(rng, traffic, lambda _: GOOD, length_s=length_s):
        count.take(second.new, second.new_failed, follows=second.follows)
    return count


def after(seed: int, traffic: Traffic, share: float, watch_s: float) -> tuple[float | None, bool]:
    """A release that serves alone, looked at every second.

    Returns when it was called bad (s; None if never), and whether the evidence alone ever said so.
    """
    rng = random.Random(seed)
    errors = ErrorsAfter(counted(rng, traffic), TOLERATED, ANSWERS_LEVEL)
    for second in seconds(rng, traffic, lambda _: share, length_s=watch_s):
        errors.take(second)
        if second.new_failed and errors.opinion().kind == "bad":
            return second.at + 1, True
    return None, errors.evidence >= errors.log_needed


def beside(seed: int, traffic: Traffic, share: float, watch_s: float, new_share: float) -> tuple[float | None, bool]:
    """As `after`, for a release that gets a share of the answers while the old one goes on."""
    rng = random.Random(seed)
    errors = ErrorsBeside(TOLERATED, ANSWERS_LEVEL)
    for second in seconds(
        rng, traffic, lambda is_new: share if is_new else GOOD, length_s=watch_s, new_share=new_share
    ):
        errors.take(second)
        if errors.evidence >= errors.log_needed and errors.opinion().kind == "bad":
            return second.at + 1, True
    return None, errors.evidence >= errors.log_needed


def times(seed: int, *, slower: float, before: int, requests: int, spread: float) -> tuple[int | None, bool]:
    """Answer times (log-normal, median 150 ms), looked at after each; returns at which one they were called slower."""
    rng = random.Random(seed)
    compared = TimesCompared([150 * rng.lognormvariate(0, spread) for _ in range(before)], 2.0, TIMES_LEVEL)
    for number in range(1, requests + 1):
        compared.take(150 * slower * rng.lognormvariate(0, spread))
        if compared.evidence >= compared.log_needed:
            opinion = compared.opinion()
            if slower == 1.0 or (opinion is not None and opinion.kind == "bad"):
                return number, True
    return None, False


def share_of(values: Sequence[object]) -> float:
    """How many of them are true."""
    return sum(map(bool, values)) / len(values)


def median_of(found: Sequence[float | None]) -> float:
    """The median, where None is never."""
    return statistics.median(math.inf if value is None else value for value in found)
