"""Answer times of a new release against the old one's: is the new one slower, and when is that sure?

No distribution is assumed and none is estimated. Each new time is compared with some of the old ones (the highest, the
upper quarter, the median …). Had nothing changed, the number of new times above the k-th highest of n old ones would
follow a known law, the beta-binomial with k and n + 1 - k (as for any exchangeable numbers: order statistics), which
has the uncertainty of few old times in it. The likelihood ratio against that law is the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hotops.health.martingale import chance, log_beta, log_sum
from hotops.health.opinion import BETA, Opinion

#: Fewer old times than this are no baseline.
LEAST_BEFORE = 5
#: Fewer new times than this decide nothing.
LEAST_NOW = 5
#: Less than this many ms more is nothing that a user feels.
LEAST_SLOWDOWN_MS = 100.0
#: Old times that new ones are compared with, as the share of old times beyond them.
_BEYOND = (0.05, 0.25, 0.5)
#: Quantiles of which one has to be too slow for "bad", with the new times each needs.
_QUANTILES = ((0.5, LEAST_NOW), (0.75, 10), (0.95, 40))


class _Exceedances:
    """New values above chosen old ones, and the evidence that there are too many of them."""

    def __init__(self, before: Sequence[float], shares: Sequence[float]) -> None:
        self._size = len(before)
        ordered = sorted(before, reverse=True)
        ranks = sorted({max(1, round(share * self._size)) for share in shares})
        self._marks = [(rank, ordered[rank - 1]) for rank in ranks]
        self._above = [0] * len(ranks)
        self.count = 0

    def take(self, value: float) -> None:
        self.count += 1
        self._above = [above + (value > mark) for above, (_, mark) in zip(self._above, self._marks, strict=True)]

    def log_evidence(self, times: float = 1.0) -> float:
        """The evidence now; with `times`, if so many times as many values came that are as these are."""
        logs = [
            _log_mixture(rank, self._size + 1 - rank, above * times, self.count * times)
            for above, (rank, _) in zip(self._above, self._marks, strict=True)
        ]
        return log_sum(logs) - math.log(len(logs))


def _log_mixture(a: float, b: float, above: float, count: float) -> float:
    """ln of the likelihood ratio of `above` in `count`: alternatives that shift Beta(a, b) upwards, evenly mixed.

    Each alternative's density divided by the law's grows with the share, so that a release which is faster than the old
    one gives less evidence than one that is alike.
    """
    alternatives = [(a, b / 2), (a, b / 4), (a, min(1.0, b / 8))]
    null = log_beta(a + above, b + count - above) - log_beta(a, b)
    logs = [log_beta(x + above, y + count - above) - log_beta(x, y) - null for x, y in alternatives]
    return log_sum(logs) - math.log(len(logs))


class TimesCompared:
    """Answer times (ms) of a new release, against those measured before it.

    Bad needs both: it is proven that answers take longer than before, and they take so much longer that "`factor` times
    slower" is nearer than "unchanged" (more than its square root, and 100 ms) at the median, the upper quarter or the
    95th percentile. Good: it is sure (95 %) that they are not `factor` times (and 100 ms) slower.
    """

    def __init__(self, before_ms: Sequence[float], factor: float, level: float) -> None:
        self.before_ms = sorted(before_ms)
        self.now_ms: list[float] = []
        self._factor, self.log_needed = factor, -math.log(level)
        self._is_judged = len(self.before_ms) >= LEAST_BEFORE
        if self._is_judged:
            self._slower = _Exceedances(self.before_ms, _BEYOND)
            self._not_slow = _Exceedances([-value for value in self.before_ms], _BEYOND)

    def take(self, took_ms: float) -> None:
        """One answer time of the new release."""
        self.now_ms.append(took_ms)
        if self._is_judged:
            self._slower.take(took_ms)
            # Turned round: the time is one of `factor` times slower or more, unless it is below an old one after that.
            self._not_slow.take(-min(took_ms / self._factor, took_ms - LEAST_SLOWDOWN_MS))

    @property
    def evidence(self) -> float:
        """Natural logarithm of the evidence for "slower"."""
        return self._slower.log_evidence() if self._is_judged else 0.0

    def opinion(self) -> Opinion | None:
        """None where there are too few old times to compare with."""
        if not self._is_judged:
            return None
        if len(self.now_ms) < LEAST_NOW:
            return Opinion("too_thin", f"{len(self.now_ms)} answer times", LEAST_NOW - len(self.now_ms), "requests")
        slow = self._too_slow()
        at = slow if slow is not None else 0.5
        said = f"{_spoken(at)} {quantile(self.now_ms, at):.0f} ms against {quantile(self.before_ms, at):.0f} ms before"
        said += f" ({len(self.now_ms)} and {len(self.before_ms)} requests)"
        if slow is not None and self.evidence >= self.log_needed:
            return Opinion("bad", f"{said}: {chance(self.evidence)} chance if nothing had changed")
        if slow is None and self._not_slow.log_evidence() >= -math.log(BETA):
            return Opinion("good", said)
        if slow is not None:
            return Opinion("too_thin", said, self._needed(self._slower.log_evidence, self.log_needed), "requests")
        return Opinion("too_thin", said, self._needed(self._not_slow.log_evidence, -math.log(BETA)), "requests")

    def _too_slow(self) -> float | None:
        """The quantile at which the new times are nearer to `factor` times slower than to unchanged."""
        for share, least in _QUANTILES:
            if len(self.now_ms) >= least:
                before, now = quantile(self.before_ms, share), quantile(self.now_ms, share)
                if now > max(before * math.sqrt(self._factor), before + LEAST_SLOWDOWN_MS):
                    return share
        return None

    def _needed(self, log_evidence: Callable[[float], float], log_needed: float) -> int | None:
        times = 1.0
        while times < 1000:
            times *= 1.25
            if log_evidence(times) >= log_needed:
                return math.ceil((times - 1) * len(self.now_ms))
        return None


def quantile(ordered_or_not: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value that at least this share (0 to 1] does not exceed."""
    ordered = sorted(ordered_or_not)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def _spoken(share: float) -> str:
    return "median" if share == 0.5 else f"{share * 100:.0f}th percentile"
