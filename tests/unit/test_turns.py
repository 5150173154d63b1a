"""The clock on which threads of a test take turns: parallel sleeps cost the longest, and time never runs backwards."""

from __future__ import annotations

import pytest

from hotops.core.parallel import map_parallel
from tests.turns import TurnClock, threads_take_turns


def test_parallel_sleeps_cost_the_longest_and_serial_ones_their_sum() -> None:
    clock = TurnClock(100.0)
    with threads_take_turns(clock):
        map_parallel(clock.sleep, [3.0, 1.0, 2.0])
        assert clock.now() == 103.0
        map_parallel(clock.sleep, [3.0, 1.0, 2.0], limit=1)
    assert clock.now() == 109.0


def test_at_most_so_many_go_on_at_once() -> None:
    clock = TurnClock(0.0)
    with threads_take_turns(clock):
        map_parallel(clock.sleep, [1.0] * 6, limit=2)
    assert clock.now() == 3.0


def test_each_thread_goes_on_when_its_sleep_ends_and_no_thread_sees_time_run_backwards() -> None:
    clock = TurnClock(0.0)
    seen: list[tuple[float, str]] = []

    def work(name: str) -> str:
        for _ in range(3):
            clock.sleep({"slow": 2.0, "quick": 0.5}[name])
            seen.append((clock.now(), name))
        return name

    with threads_take_turns(clock):
        assert map_parallel(work, ["slow", "quick"]) == ["slow", "quick"]
    assert seen == [(0.5, "quick"), (1.0, "quick"), (1.5, "quick"), (2.0, "slow"), (4.0, "slow"), (6.0, "slow")]


def test_parallel_work_may_itself_be_parallel_and_an_error_comes_out() -> None:
    clock = TurnClock(0.0)

    def both(seconds: float) -> float:
        if seconds > 2:
            raise ValueError("too long")
        map_parallel(clock.sleep, [seconds, seconds / 2])
        return clock.now()

    with threads_take_turns(clock):
        assert map_parallel(both, [1.0, 2.0]) == [1.0, 2.0]
        with pytest.raises(ValueError, match="too long"):
            map_parallel(both, [3.0, 1.0])
    assert clock.now() == 3.0


def test_time_passes_in_steps_for_whoever_looks_on() -> None:
    clock = TurnClock(0.0)
    passed: list[float] = []
    clock.passing = passed.append
    with threads_take_turns(clock):
        map_parallel(clock.sleep, [0.2, 0.1])
    assert sorted(set(passed)) == [0.0, 0.1, 0.2]
