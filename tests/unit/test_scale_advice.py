"""Advice on memory: enough for what was used, quick to grow after a kill, slow to shrink, tested on the days it saw."""

from __future__ import annotations

import math
import random

import pytest

from hotops.scale.advice import Used, advise, back_test, policy
from hotops.scale.sizes import Size

DAY = 86400.0
NOW = 20_000 * DAY
SIZE = Size("shared", 1, 1024)


def used(value: object, days: int = 7) -> list[Used]:
    """Half-hourly samples; `value` is a number, or a function of the day as a float."""
    times = [NOW - days * DAY + n * policy().step_s for n in range(int(days * DAY // policy().step_s))]
    return [(at, value((at - NOW) / DAY + days) if callable(value) else float(str(value))) for at in times]


def test_a_steady_app_gets_the_next_size_above_its_use_and_margin() -> None:
    found = advise(used(700), SIZE, now=NOW)
    assert found.size == Size("shared", 1, 1024)  # 875 MB wanted
    assert found.wanted_mb == pytest.approx(875)
    assert advise(used(180), SIZE, now=NOW).size == Size("shared", 1, 256)


def test_what_was_long_ago_counts_less() -> None:
    """A week ago it needed 900 MB for a day, since then 200."""
    found = advise(used(lambda day: 900.0 if day < 1 else 200.0), SIZE, now=NOW)
    assert found.size == Size("shared", 1, 256)
    assert advise(used(lambda day: 200.0 if day < 6 else 900.0), SIZE, now=NOW).size == Size("shared", 1, 1280)


def test_a_memory_kill_asks_for_more_whatever_the_samples_show() -> None:
    found = advise(used(300), Size("shared", 1, 512), ooms=2, now=NOW)
    assert found.size == Size("shared", 1, 768)
    assert "2 memory kills at 512 MB" in found.why
    assert advise([], Size("shared", 1, 512), ooms=1, now=NOW).size == Size("shared", 1, 768)


def test_more_than_these_cpus_can_have_takes_more_cpus_and_the_floor_holds() -> None:
    assert advise(used(1900), SIZE, now=NOW).size == Size("shared", 2, 2560)
    found = advise(used(200), SIZE, floor_mb=2048, now=NOW)
    assert (found.size, "floor" in found.why) == (Size("shared", 1, 2048), True)


def test_too_few_samples_are_no_ground_for_advice() -> None:
    found = advise(used(200, days=1)[:10], SIZE, now=NOW)
    assert found.size is None
    assert "10 samples are too few" in found.why


def test_the_back_test_tells_days_and_nights_from_a_leak() -> None:
    wave = back_test(used(lambda day: 500 + 200 * math.sin(day * 2 * math.pi)), SIZE)
    assert (wave.held, wave.days) == (6, 6)
    leak = back_test(used(lambda day: 150 * 1.7**day), SIZE)
    assert leak.held < leak.days == 6
    assert str(back_test([], SIZE)) == "too little to test it on"


def test_over_many_made_up_weeks_nearly_every_day_stays_within_its_advice() -> None:
    """Steady use with noise and a daily wave: at least 95 of 100 days, at no more than twice what was used."""
    rng = random.Random(7)
    held = days = 0
    for _ in range(60):
        base, wave, noise = rng.uniform(150, 1200), rng.uniform(0, 0.3), rng.uniform(0, 0.08)
        week = used(lambda day: base * (1 + wave * math.sin(day * 2 * math.pi) + rng.gauss(0, noise)))  # noqa: B023
        found = back_test(week, SIZE)
        held, days = held + found.held, days + found.days
        advised = advise(week, SIZE, now=NOW).size
        assert advised is not None
        assert advised.memory_mb <= max(512, 2 * max(value for _, value in week))
    assert days == 360
    assert held / days >= 0.95, f"{held} of {days}"
