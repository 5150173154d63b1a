"""Errors of a new release against the old one: is the new one worse, and when is that sure?

Two designs. `ErrorsAfter`: the new release serves alone, the old one was counted before. `ErrorsBeside`: both serve at
the same time, so that whatever happens to both is nobody's fault. Both may be looked at after every second; the chance
that a release no worse than the old one is ever called bad stays below the level they were given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

from hotops.health.answers import Count, Second
from hotops.health.martingale import Stakes, chance, highest_rate, log_of_any
from hotops.health.opinion import BETA, Opinion

#: How many times worse: the alternatives on which the stake is spread.
WORSE = (2.0, 4.0, 8.0, 20.0)
#: How many times better than what would be clearly bad.
BETTER = (0.5, 0.2, 0.03)
#: This part of the level is spent on not knowing the old release's rate exactly.
BASELINE_PART = 0.25
#: This many times the tolerated share is clearly bad: a release is good when that is excluded.
CLEARLY = 3.0
#: A share of failed answers below this is not asked for: it takes too many answers to exclude.
LEAST_CLEARLY_BAD = 0.01
_LEAST_RATE = 1e-6


class ErrorsAfter:
    """Failed answers of a release that serves alone, against those counted before it and against what is tolerated.

    Bad needs both: it is proven that answers fail more often than before, and more of them fail than is tolerated. The
    old rate is taken as the highest that fits what was counted. Where too little was counted to say that it is below
    the tolerated share, the tolerated share stands for it; where the old release itself was above that, only "worse
    than before" counts. Good: it is sure (95 %) that the share is not clearly bad.
    """

    def __init__(self, before: Count, tolerated: float, level: float) -> None:
        self.before, self.tolerated, self.now = before, tolerated, Count()
        known = highest_rate(before.incidents, before.seconds, level * BASELINE_PART)
        allowed = max(_rate(tolerated), _LEAST_RATE)
        #: Whether the comparison is with what was counted before; else with what is tolerated.
        self.is_against_before = known <= allowed or (math.isfinite(known) and before.share > tolerated)
        self.rate = max(known, _LEAST_RATE) if self.is_against_before else allowed
        self.log_needed = -math.log(level * (1 - BASELINE_PART))
        self.clearly_bad = _rate(max(CLEARLY * tolerated, CLEARLY * before.share, LEAST_CLEARLY_BAD))
        self._worse, self._better = Stakes(len(WORSE)), Stakes(len(BETTER))

    def take(self, second: Second) -> None:
        """One complete second; answers of old machines are not looked at."""
        answers = self.now.take(second.new, second.new_failed, follows=second.follows)
        if answers:
            is_incident = second.new_failed > 0
            self._worse.take(_rate_ratios(WORSE, self.rate, answers, is_incident=is_incident))
            self._better.take(_rate_ratios(BETTER, self.clearly_bad, answers, is_incident=is_incident))

    @property
    def evidence(self) -> float:
        """The highest natural logarithm of the evidence for "worse"."""
        return self._worse.log_highest

    @property
    def is_too_many(self) -> bool:
        """Whether more answers failed than is tolerated, proven or not."""
        return self.now.share > self.tolerated

    def opinion(self) -> Opinion:
        now, before = self.now, self.before
        said = f"{_errors(now)} against {_errors(before)} before" if before.answers else _errors(now)
        if self.evidence >= self.log_needed and self.is_too_many:
            against = (
                "nothing had changed" if self.is_against_before else f"{self.tolerated:.1%} failed, as is tolerated"
            )
            return Opinion("bad", f"{said}: {chance(self.evidence)} chance if {against}")
        if self._better.log_highest >= -math.log(BETA) and not self.is_too_many:
            more = ", more than before but fewer than is tolerated" if self.evidence >= self.log_needed else ""
            return Opinion("good", said + more)
        return Opinion("too_thin", said, self._needed(), unit="answers")

    def _needed(self) -> int | None:
        """How many answers more would decide if things go on as now; None where they never would."""
        seen = self.now.incidents / max(self.now.exposed, 1)
        if self.is_too_many:
            return self._worse.steps_to(self.log_needed, _gains(WORSE, self.rate, seen))
        return self._better.steps_to(-math.log(BETA), _gains(BETTER, self.clearly_bad, seen))


class ErrorsBeside:
    """Failed answers while old and new machines serve at the same time: given an error, on which did it fall?

    If the new release is no worse, an error falls on it as often as any answer does. That share is counted, never
    taken from weights: answers are gathered into blocks of at least `BLOCK` (whole seconds), and within a block each
    second with an error is one observation: which part of its errors fell on new machines. Whatever hits both alike
    (a slow database, a crawler, the night) cancels out, and nothing needs to be known of before.
    """

    BLOCK = 20

    def __init__(self, tolerated: float, level: float) -> None:
        self.tolerated, self.log_needed = tolerated, -math.log(level)
        self.new, self.old = Count(), Count()
        self.clearly_bad = _rate(max(CLEARLY * tolerated, LEAST_CLEARLY_BAD))
        self._worse, self._better = Stakes(len(WORSE)), Stakes(len(BETTER))
        self._block: list[Second] = []

    def take(self, second: Second) -> None:
        """One complete second."""
        self.old.take(second.old, second.old_failed, follows=second.follows)
        answers = self.new.take(second.new, second.new_failed, follows=second.follows)
        if answers:
            ratios = _rate_ratios(BETTER, self.clearly_bad, answers, is_incident=second.new_failed > 0)
            self._better.take(ratios)
        self._block.append(second)
        if sum(one.new + one.old for one in self._block) >= self.BLOCK:
            self._close(self._block)
            self._block = []

    def _close(self, block: Iterable[Second]) -> None:
        seconds = list(block)
        new, old = sum(one.new for one in seconds), sum(one.old for one in seconds)
        if not new or not old:
            return  # where one of them had no answer, no error tells which is worse
        share = new / (new + old)
        for second in seconds:
            if second.failed and not second.follows:
                fell_on_new = second.new_failed / second.failed
                self._worse.take(_odds_ratios(WORSE, share, fell_on_new))

    @property
    def evidence(self) -> float:
        """The highest natural logarithm of the evidence for "worse"."""
        return self._worse.log_highest

    def opinion(self) -> Opinion:
        said = f"{_errors(self.new)} of the new release against {_errors(self.old)} of the old one beside it"
        is_too_many = self.new.share > self.tolerated
        if self.evidence >= self.log_needed and is_too_many:
            return Opinion("bad", f"{said}: {chance(self.evidence)} chance if both were alike")
        if self._better.log_highest >= -math.log(BETA) and not is_too_many:
            return Opinion("good", said)
        return Opinion("too_thin", said, self._needed(is_too_many=is_too_many), unit="answers")

    def _needed(self, *, is_too_many: bool) -> int | None:
        if not is_too_many:
            seen = self.new.incidents / max(self.new.exposed, 1)
            return self._better.steps_to(-math.log(BETA), _gains(BETTER, self.clearly_bad, seen))
        errors, answers = self.new.incidents + self.old.incidents, self.new.answers + self.old.answers
        if not self.old.answers:
            return None
        share, fell = self.new.answers / answers, self.new.incidents / errors
        gains = [(fell * at_new + (1 - fell) * at_old) * errors / answers for at_new, at_old in _both(WORSE, share)]
        return self._worse.steps_to(self.log_needed, gains)


def _rate(share: float) -> float:
    """The rate of a Poisson count that is not zero in this share of all cases."""
    return -math.log1p(-min(share, 0.999))


@lru_cache(maxsize=4096)
def _rate_ratios(ratios: tuple[float, ...], rate: float, answers: int, *, is_incident: bool) -> list[float]:
    """Log likelihood ratios of a second with so many answers: incidents come `ratio` times as often, or at `rate`."""
    if not is_incident:
        return [(1 - ratio) * rate * answers for ratio in ratios]
    base = log_of_any(rate * answers)
    return [log_of_any(ratio * rate * answers) - base for ratio in ratios]


def _odds_ratios(ratios: Iterable[float], share: float, fell_on_new: float) -> list[float]:
    """Log of the bet that errors fall on new machines with `ratio` times the odds.

    For one error it is the likelihood ratio; for several in a second (0 < fell_on_new < 1) it lies on the line between,
    so that its mean is 1 whatever the errors of that second have to do with each other.
    """
    return [
        math.log(fell_on_new * math.exp(at_new) + (1 - fell_on_new) * math.exp(at_old))
        for at_new, at_old in _both(ratios, share)
    ]


def _both(ratios: Iterable[float], share: float) -> list[tuple[float, float]]:
    """Log likelihood ratios of an error that fell on new, and of one that fell on old."""
    worse = ((ratio, 1 + (ratio - 1) * share) for ratio in ratios)
    return [(math.log(ratio / total), -math.log(total)) for ratio, total in worse]


def _gains(ratios: Iterable[float], rate: float, seen: float) -> list[float]:
    """What an answer adds to each alternative's logarithm, if incidents go on at `seen` an answer."""
    return [seen * math.log(ratio) - (ratio - 1) * rate for ratio in ratios]


def _errors(count: Count) -> str:
    return f"{count.failed:,} error{'' if count.failed == 1 else 's'} in {count.answers:,} answers"
