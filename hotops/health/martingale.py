"""Evidence that may be looked at as often as one likes: mixtures of likelihood ratios, and what they prove.

A likelihood ratio against "nothing changed" is a fair game: whoever bets on every observation and stops when he wants
has made X times his stake with a chance of at most 1 in X (Ville's inequality). So "evidence of 200" reached at any
look is a proof at 0.5 %, however many looks there were. Which change to bet on is not known, so the stake is spread
over several (a mixture); that costs a factor of their number at most (Johari and others, "Always valid inference";
Ramdas and others, "Game-theoretic statistics and safe anytime-valid inference").
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

#: More than this is not told apart: nobody reads "1 in 10^40".
MOST_EVIDENCE = 1e9
#: Nobody waits for so many.
FOREVER = 10**9


class Stakes:
    """A stake spread evenly over several alternatives: their likelihood ratios so far, and the highest mixture seen.

    `log_now` is the natural logarithm of the mixture; `log_highest` the highest it ever was: by Ville's inequality
    that one may be compared with 1/level.
    """

    def __init__(self, alternatives: int) -> None:
        self._logs = [-math.log(alternatives)] * alternatives
        self.log_now = 0.0
        self.log_highest = 0.0

    def take(self, log_ratios: Iterable[float]) -> None:
        """One observation: the logarithm of each alternative's likelihood ratio for it."""
        self._logs = [log + more for log, more in zip(self._logs, log_ratios, strict=True)]
        self.log_now = log_sum(self._logs)
        self.log_highest = max(self.log_highest, self.log_now)

    def steps_to(self, log_wanted: float, gains: Sequence[float]) -> int | None:
        """Steps until there is so much evidence, if each adds these logarithms; None where that never comes."""
        if max(gains) <= 0:
            return None

        def log_after(steps: int) -> float:
            return log_sum([log + gain * steps for log, gain in zip(self._logs, gains, strict=True)])

        high = 1
        while log_after(high) < log_wanted:
            high *= 2
            if high > FOREVER:
                return None
        return 1 + bisect_left(range(1, high), log_wanted, key=log_after)


def log_sum(logs: Sequence[float]) -> float:
    """ln of the sum of the exponentials; -inf where all are."""
    top = max(logs)
    return top if math.isinf(top) else top + math.log(sum(math.exp(log - top) for log in logs))


def log_of_any(mean: float) -> float:
    """ln P(at least one event) of a Poisson count with that mean; -inf for a mean of 0."""
    return math.log(-math.expm1(-mean)) if mean > 0 else -math.inf


def log_beta(a: float, b: float) -> float:
    """ln of the Beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def highest_mean(count: int, level: float) -> float:
    """The mean that a Poisson count at most exceeds by chance: P(count or fewer) is `level` there (Garwood's bound).

    It bounds sums of independent yes-or-no events, too: their lower tail is lighter (Hoeffding 1956).
    """
    low, high = 0.0, 10.0 + 2.0 * count - 5.0 * math.log(level)
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(math.exp(i * math.log(middle) - middle - math.lgamma(i + 1)) for i in range(count + 1))
        low, high = (middle, high) if below > level else (low, middle)
    return high


def highest_rate(incidents: int, seconds: Mapping[int, int], level: float) -> float:
    """The highest rate of incidents an answer that fits what was seen, at `level`; inf where nothing is excluded.

    `seconds` tells how many seconds had how many answers; a second with n answers has an incident with probability
    1 - exp(-rate n), `incidents` of them had one.
    """
    mean = highest_mean(incidents, level)
    if sum(seconds.values()) <= mean:
        return math.inf

    def expected(rate: float) -> float:
        return sum(count * -math.expm1(-rate * answers) for answers, count in seconds.items())

    low, high = 0.0, 1.0
    while expected(high) < mean:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) < mean else (low, middle)
    return high


def chance(log_evidence: float) -> str:
    """What the evidence says in words, one significant figure: "1 in 10,000"."""
    value = math.exp(min(log_evidence, math.log(MOST_EVIDENCE)))
    if value < 2:
        return "no small"
    digits = 10 ** math.floor(math.log10(value))
    return f"1 in {int(value / digits) * digits:,}"
