"""Percentiles over a number of requests, with the warm-up apart."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotops.core.parallel import max_workers
from hotops.health.latency import Latency, percentile, sample
from hotops.health.probe import HttpCheck, Prober
from tests.unit.health_samples import TestClock, context_answering

CHECK = HttpCheck(url="https://shop.example.com/", budget_ms=300)
times = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=200)


def sampled(seconds: Callable[[int], float], n: int, warmup: int, status: int = 200) -> Latency:
    clock = TestClock()
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        clock.sleep(seconds(asked))
        asked += 1
        return httpx.Response(status)

    latency = sample(Prober(context_answering(answer, clock)), CHECK, n=n, warmup=warmup)
    assert asked == n + warmup
    return latency


@given(times, st.floats(0.1, 100))
def test_a_percentile_is_one_of_the_values_and_enough_of_them_do_not_exceed_it(values: list[float], p: float) -> None:
    found = percentile(values, p)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= p * len(values)
    below = [value for value in values if value < found]
    assert len(below) * 100 < p * len(values) + 1e-6


@given(times)
def test_percentiles_rise_and_end_at_the_maximum(values: list[float]) -> None:
    ladder = [percentile(values, p) for p in (1, 50, 95, 99, 100)]
    assert ladder == sorted(ladder)
    assert ladder[-1] == max(values)


@given(times, st.randoms())
def test_percentiles_do_not_depend_on_the_order(values: list[float], random: object) -> None:
    assert percentile(sorted(values), 95) == percentile(values[::-1], 95)


@pytest.mark.parametrize(("p", "expected"), [(1, 1), (7, 7), (50, 50), (95, 95), (99, 99), (100, 100)])
def test_nearest_rank_of_one_to_a_hundred_is_the_rank_itself(p: int, expected: int) -> None:
    assert percentile(list(range(1, 101)), p) == expected


@pytest.mark.parametrize(("values", "p"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_what_has_no_percentile_is_an_error(values: list[float], p: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, p)


def test_a_cold_start_is_measured_apart_and_does_not_spoil_the_percentiles() -> None:
    """I-3: synthetic checks failed their 300 ms budget because the first request started a machine."""
    latency = sampled(lambda number: 2.5 if number == 0 else 0.05, n=20, warmup=3)
    assert latency.cold_ms == pytest.approx(2500)
    assert latency.p95_ms == pytest.approx(50)
    assert latency.within_budget
    without_warmup = sampled(lambda number: 2.5 if number == 0 else 0.05, n=10, warmup=0)
    assert without_warmup.max_ms == pytest.approx(2500)
    assert not without_warmup.within_budget


def test_a_slow_app_is_over_budget() -> None:
    latency = sampled(lambda number: 0.462 if number % 10 == 0 else 0.293, n=60, warmup=0)
    assert latency.p50_ms == pytest.approx(293)
    assert latency.p95_ms == pytest.approx(462)
    assert not latency.within_budget


def test_errors_are_counted_and_never_within_budget() -> None:
    latency = sampled(lambda number: 0.01, n=5, warmup=1, status=500)
    assert (latency.n, latency.errors, latency.statuses, latency.error_share) == (5, 5, {500: 5}, 1.0)
    assert not latency.within_budget
    assert "500" in latency.first_error


def test_an_app_that_never_answers_has_no_percentiles() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    latency = sample(Prober(context_answering(answer)), CHECK, n=3, warmup=1)
    assert (latency.errors, latency.p95_ms, latency.within_budget) == (3, None, False)


def test_measured_requests_may_run_at_once() -> None:
    token = max_workers.set(4)
    try:
        latency = sample(Prober(context_answering(lambda request: httpx.Response(200))), CHECK, n=20, concurrency=4)
    finally:
        max_workers.reset(token)
    assert (latency.n, latency.errors) == (20, 0)
