"""The verdict on a release: how often chance deceives it, how soon it finds what is bad, and what it says."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotops.health.answers import Answers, Count
from hotops.health.errors_compared import ErrorsAfter, ErrorsBeside
from hotops.health.martingale import highest_mean, highest_rate
from hotops.health.release_verdict import Before, ReleaseJudge
from hotops.health.times_compared import TimesCompared
from tests.unit.simulated_releases import BAD, GOOD, Traffic, after, beside, median_of, share_of, times

#: HOTOPS_SOAK=1 simulates ten thousand releases a cell, as the figures in the documentation; else a few.
LONG = bool(os.environ.get("HOTOPS_SOAK"))
GOOD_ONES, BAD_ONES = (10_000, 1000) if LONG else (40, 12)
WATCH_S = 1800 if LONG else 600
MOST_FALSE = 0.01 if LONG else 0.05
BURSTS = (Traffic(60), Traffic(60, burst=5), Traffic(60, burst=5, within_s=0.0))

Seen = list[tuple[float, bool, bool]]
soak = pytest.mark.soak if LONG else pytest.mark.timeout(60)
pytestmark = pytest.mark.timeout(7200 if LONG else 120)


def cells(rates: Sequence[int]) -> list[Traffic]:
    bursts = [Traffic(rate, burst, within_s) for rate in rates for burst, within_s in ((1, 0.0), (5, 0.0), (5, 0.8))]
    return bursts if LONG else bursts[:6]


@soak
@pytest.mark.parametrize("traffic", cells((20, 60, 600)), ids=str)
def test_a_release_no_worse_than_the_old_one_is_hardly_ever_called_bad(traffic: Traffic) -> None:
    runs = [after(seed, traffic, GOOD, WATCH_S) for seed in range(GOOD_ONES)]
    called, proven = share_of([at for at, _ in runs]), share_of([sure for _, sure in runs])
    print(f"good, after {traffic}: called bad {called:.2%}, evidence alone {proven:.2%} of {GOOD_ONES}")
    assert called <= MOST_FALSE
    assert proven <= MOST_FALSE


@soak
@pytest.mark.parametrize(
    ("rpm", "least_in_10_min", "least", "median_s"),
    [(20, 0.15, 0.7, 1200), (60, 0.6, 0.95, 420), (600, 0.99, 0.99, 120)],
)
def test_a_tenfold_error_rate_is_found(rpm: int, least_in_10_min: float, least: float, median_s: float) -> None:
    runs = [after(seed, Traffic(rpm), BAD, 1800)[0] for seed in range(BAD_ONES)]
    soon, ever, median = share_of([at and at <= 600 for at in runs]), share_of(runs), median_of(runs)
    print(f"tenfold errors, after, {rpm}/min: {soon:.1%} in 10 min, {ever:.1%} in 30 min, median {median:.0f} s")
    slack = 0.0 if LONG else 0.3
    assert (soon >= least_in_10_min - slack, ever >= least - slack, median <= median_s * (1 + slack)) == (True,) * 3


@soak
@pytest.mark.parametrize("new_share", [0.2, 0.5])
@pytest.mark.parametrize(
    "traffic", [Traffic(60), Traffic(60, 5), Traffic(60, 5, sticky=True), Traffic(600, 5, 0.0)], ids=str
)
def test_beside_the_old_one_a_good_release_is_hardly_ever_called_bad(traffic: Traffic, new_share: float) -> None:
    runs = [beside(seed, traffic, GOOD, WATCH_S, new_share) for seed in range(GOOD_ONES if LONG else 10)]
    called, proven = share_of([at for at, _ in runs]), share_of([sure for _, sure in runs])
    print(f"good, beside {traffic}, {new_share:.0%} new: called bad {called:.2%}, evidence alone {proven:.2%}")
    assert called <= MOST_FALSE
    assert proven <= MOST_FALSE


@soak
@pytest.mark.parametrize(("rpm", "new_share", "least"), [(60, 0.5, 0.8), (600, 0.5, 0.99), (600, 0.2, 0.99)])
def test_beside_the_old_one_a_tenfold_error_rate_is_found(rpm: int, new_share: float, least: float) -> None:
    runs = [beside(seed, Traffic(rpm), BAD, 1800, new_share)[0] for seed in range(BAD_ONES)]
    found, median = share_of(runs), median_of(runs)
    print(f"tenfold errors, beside, {rpm}/min, {new_share:.0%} new: {found:.1%} in 30 min, median {median:.0f} s")
    assert found >= least - (0.0 if LONG else 0.3)


@soak
@pytest.mark.parametrize("before", [20, 40])
def test_unchanged_answer_times_are_hardly_ever_called_slower(before: int) -> None:
    many = GOOD_ONES if LONG else 200
    runs = [
        times(seed, slower=1.0, before=before, requests=300 if LONG else 100, spread=0.5)[1] for seed in range(many)
    ]
    print(f"unchanged times, {before} before: evidence alone {share_of(runs):.2%} of {many}")
    assert share_of(runs) <= MOST_FALSE


@soak
@pytest.mark.parametrize("spread", [0.3, 0.5])
def test_doubled_answer_times_are_found_within_five_minutes_at_60_a_minute(spread: float) -> None:
    runs = [times(seed, slower=2.0, before=40, requests=300, spread=spread)[0] for seed in range(BAD_ONES * 5)]
    print(
        f"doubled times, spread {spread}: {share_of(runs):.1%} in 300 requests, median {median_of(runs):.0f} requests"
    )
    assert share_of(runs) >= 0.99 - (0.0 if LONG else 0.05)


observed = st.lists(
    st.tuples(st.floats(0, 200), st.booleans(), st.sampled_from([True, False, False, False])), max_size=120
)


def judged(seen: Seen, cuts: Sequence[float]) -> tuple[float, float, int]:
    """Evidence after, evidence beside, and failed seconds, with looks at these moments."""
    answers = Answers()
    alone, both = ErrorsAfter(Count(400, 0, 0), 0.01, 0.005), ErrorsBeside(0.01, 0.005)
    left = sorted(seen, key=lambda one: int(one[0]))
    for cut in [*sorted(cuts), 1e9]:
        now = [one for one in left if one[0] < int(cut)]
        left = [one for one in left if one[0] >= int(cut)]
        for at, is_new, is_error in now:
            answers.add(at, is_new=is_new, is_error=is_error)
        for second in answers.settle(cut):
            alone.take(second)
            both.take(second)
    assert answers.late == 0
    return round(alone.evidence, 9), round(both.evidence, 9), both.new.incidents + both.old.incidents


@settings(max_examples=60)
@given(observed, st.lists(st.floats(0, 200), max_size=10))
def test_however_the_looks_are_cut_the_evidence_is_the_same(seen: Seen, cuts: list[float]) -> None:
    assert judged(seen, cuts) == judged(seen, [])


@settings(max_examples=60)
@given(observed, st.randoms())
def test_the_order_within_a_second_does_not_matter(seen: Seen, rng: object) -> None:
    shuffled = sorted(seen, key=lambda one: (int(one[0]), rng.random()))  # type: ignore[attr-defined]
    assert judged(seen, []) == judged(shuffled, [])


@settings(max_examples=100)
@given(observed, st.integers(0, 199))
def test_one_more_error_never_makes_fewer(seen: Seen, at: int) -> None:
    def failed_seconds(observations: Seen) -> int:
        answers = Answers()
        for moment, is_new, is_error in observations:
            answers.add(moment, is_new=is_new, is_error=is_error)
        return sum(second.failed > 0 and not second.follows for second in answers.settle())

    assert failed_seconds([*seen, (at + 0.5, True, True)]) in (failed_seconds(seen), failed_seconds(seen) + 1)


@given(st.lists(st.floats(1, 5000), min_size=5, max_size=30), st.lists(st.floats(1, 5000), min_size=1, max_size=30))
def test_a_faster_answer_never_adds_evidence_for_slower(before: list[float], now: list[float]) -> None:
    def evidence(values: list[float]) -> float:
        compared = TimesCompared(before, 2.0, 0.003)
        for value in values:
            compared.take(value)
        return compared.evidence

    assert evidence([*now[:-1], now[-1] / 3]) <= evidence(now) + 1e-9


def test_five_retries_within_a_second_are_one_error_and_across_two_seconds_still_one() -> None:
    answers = Answers()
    for retry in range(5):
        answers.add(10.6 + retry * 0.2, is_new=True, is_error=True)
    found = list(answers.settle())
    assert [(second.at, second.failed, second.follows) for second in found] == [(10, 2, False), (11, 3, True)]


def test_two_logs_that_tell_of_the_same_answers_are_not_added_up() -> None:
    answers = Answers()
    for source, served in (("app", 9), ("proxy", 0)):
        answers.add(1, is_new=True, is_error=False, count=served, source=source)
        answers.add(1, is_new=True, is_error=True, source=source)
    assert [(second.new, second.new_failed) for second in answers.settle()] == [(10, 1)]


@pytest.mark.parametrize(("count", "mean"), [(0, 3.0), (1, 4.74), (5, 10.51), (100, 118.1)])
def test_the_highest_mean_is_garwoods(count: int, mean: float) -> None:
    assert highest_mean(count, 0.05) == pytest.approx(mean, abs=0.06)


def test_of_few_answers_no_rate_is_excluded() -> None:
    assert highest_rate(0, {}, 0.01) == float("inf")
    assert highest_rate(0, {1: 1000}, 0.01) == pytest.approx(0.0046, abs=0.0001)


def old_release(answers: int, failed: int) -> Before:
    count = Count()
    for number in range(answers):
        count.take(1, int(number < failed))
    return Before(answers=count, times_ms=tuple(range(80, 120)))


def judge_with(before: Before, errors_at: set[int], length_s: int) -> ReleaseJudge:
    judge = ReleaseJudge(before, tolerated=0.01, factor=2.0)
    for at in range(length_s):
        judge.answered(at, is_error=at in errors_at)
        if at % 5 == 0:
            judge.asked(at, is_error=False, took_ms=100)
    judge.settle()
    return judge


def test_a_bad_release_is_told_in_an_operators_words() -> None:
    verdict = judge_with(old_release(3000, 1), set(range(0, 300, 25)), 300).verdict()
    assert verdict.kind == "bad"
    assert verdict.says.startswith("12 errors in 300 answers against 1 error in 3,000 answers before: 1 in ")
    assert verdict.says.endswith(",000 chance if nothing had changed")


def test_a_good_release_is_good() -> None:
    verdict = judge_with(old_release(3000, 9), {100}, 600).verdict()
    assert (verdict.kind, verdict.word) == ("good", "good")


def test_too_few_answers_are_too_thin_and_it_says_how_many_more_would_decide() -> None:
    verdict = judge_with(old_release(3000, 0), set(), 60).verdict()
    assert (verdict.kind, verdict.word) == ("too_thin", "too thin to tell")
    needed = verdict.opinions["answers"].needed
    assert needed is not None
    assert 20 < needed < 200
    assert f"some {needed} answers more would decide" in verdict.says
    assert judge_with(old_release(3000, 0), set(), 60 + needed + 1).verdict().kind == "good"


def test_more_errors_than_before_but_fewer_than_tolerated_are_told_and_not_brought_back() -> None:
    verdict = judge_with(old_release(200_000, 2), set(range(0, 3000, 150)), 3000).verdict()
    assert verdict.kind == "good"
    assert "more than before but fewer than is tolerated" in verdict.says


def test_with_nothing_known_of_before_the_tolerated_share_stands_for_it() -> None:
    verdict = judge_with(Before(), set(range(0, 400, 10)), 400).verdict()
    assert verdict.kind == "bad"
    assert "chance if 1.0% failed, as is tolerated" in verdict.says
    assert "too few answer times from before to compare with" in verdict.notes


def test_an_old_release_that_failed_as_often_is_no_reason_to_go_back_to_it() -> None:
    assert judge_with(old_release(2000, 100), set(range(0, 600, 20)), 600).verdict().kind != "bad"


def test_a_log_of_failures_alone_tells_no_share_and_own_requests_count() -> None:
    judge = ReleaseJudge(old_release(0, 0), tolerated=0.01, factor=2.0)
    for at in range(0, 600, 3):
        judge.asked(at, is_error=False, took_ms=100)
        judge.answered(at, is_error=True)
    judge.settle()
    verdict = judge.verdict()
    assert verdict.kind == "good"
    assert "the log tells of no good answers (200 failures), so only requests of our own count" in verdict.notes


def test_where_nothing_answers_nothing_is_told() -> None:
    verdict = ReleaseJudge(Before(), tolerated=0.01, factor=2.0).verdict()
    assert verdict.kind == "too_thin"
    assert verdict.says.startswith("too thin to tell: no answers to judge")
    assert not verdict.opinions


@pytest.mark.parametrize("tolerated", [0.0, 1.0])
def test_the_ends_of_what_may_be_tolerated_are_allowed(tolerated: float) -> None:
    judge = ReleaseJudge(Before(), tolerated=tolerated, factor=2.0)
    for at in range(0, 200, 2):
        judge.answered(at, is_error=at % 20 == 0)
    judge.settle()
    assert judge.verdict().kind == ("bad" if tolerated == 0.0 else "good")


def test_what_was_before_comes_through_json_unchanged() -> None:
    import json

    before = old_release(50, 3)
    assert Before.from_row(json.loads(json.dumps(before.as_row()))) == before
