"""Windows and freezes: when a deployment may start."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hotops.inventory.policy import Waiver
from hotops.inventory.windows import DAYS, Freeze, Window, freeze_at, is_window_open, next_opening

OFFICE = Window.model_validate(
    {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00", "tz": "America/Los_Angeles"}
)
MOMENTS = st.floats(min_value=1.6e9, max_value=1.9e9)
TIMES = st.builds(lambda hour, minute: f"{hour:02d}:{minute:02d}", st.integers(0, 23), st.integers(0, 59))
WINDOWS = st.builds(
    lambda days, start, end, tz: Window.model_validate({"days": sorted(days), "from": start, "to": end, "tz": tz}),
    st.sets(st.sampled_from(DAYS), min_size=1),
    TIMES,
    TIMES,
    st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland"]),
)


def at(text: str, tz: str = "America/Los_Angeles") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp()


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2025-10-24T08:59:59", False),  # a Friday
        ("2025-10-24T09:00:00", True),
        ("2025-10-24T16:59:59", True),
        ("2025-10-24T17:00:00", False),
        ("2025-10-25T12:00:00", False),
        ("2025-11-03T09:30:00", True),  # the Monday after the clocks went back
    ],
)
def test_office_hours_are_those_of_the_office(moment: str, is_open: bool) -> None:
    assert OFFICE.is_open(at(moment)) is is_open


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    night = Window.model_validate({"days": ["tue"], "from": "22:00", "to": "02:00"})
    assert night.is_open(at("2025-10-21T23:00:00", "UTC"))
    assert night.is_open(at("2025-10-22T01:59:00", "UTC"))
    assert not night.is_open(at("2025-10-22T23:00:00", "UTC"))
    assert not night.is_open(at("2025-10-21T01:00:00", "UTC"))


def test_a_time_without_quotes_means_what_it_says() -> None:
    # YAML 1.1 reads 17:00 as 1020 and 09:00 as text.
    declared = yaml.safe_load("{from: 09:00, to: 17:00}")
    assert declared == {"from": "09:00", "to": 1020}
    window = Window.model_validate(declared)
    assert (window.from_, window.to) == ("09:00", "17:00")


def test_a_window_is_spoken_as_an_operator_says_it() -> None:
    assert OFFICE.spoken() == "mon-fri 09:00-17:00 America/Los_Angeles"
    assert Window.model_validate({"days": ["mon", "Wednesday"], "from": "9:00", "to": "24:00"}).spoken() == (
        "mon, wed 09:00-24:00 UTC"
    )


def test_no_window_declared_is_always_open() -> None:
    assert is_window_open([], 0.0)


def test_utc_needs_no_time_zone_data_and_another_zone_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "ZoneInfo", _no_data)
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    window = Window.model_validate({"from": "09:00", "to": "17:00"})
    assert window.is_open(36_000.0)
    with pytest.raises(ValidationError, match="install the package tzdata"):
        Window.model_validate({"from": "09:00", "to": "17:00", "tz": "America/Los_Angeles"})


def _no_data(name: str) -> None:
    raise zoneinfo.ZoneInfoNotFoundError(name)


def test_a_freeze_ends_after_its_last_day() -> None:
    freeze = Freeze.model_validate({"from": "2025-12-24", "to": "2025-12-26", "reason": "holidays"})
    assert not freeze.covers(at("2025-12-23T23:59:59", "UTC"))
    assert freeze.covers(at("2025-12-24T00:00:00", "UTC"))
    assert freeze.covers(at("2025-12-26T23:59:59", "UTC"))
    assert not freeze.covers(at("2025-12-27T00:00:00", "UTC"))
    assert freeze_at([freeze], at("2025-12-25T00:00:00", "UTC")) is freeze


def test_a_freeze_takes_moments_as_yaml_and_ansible_spell_them() -> None:
    text = "{from: 2025-12-24T10:00:00Z, to: 2025-12-25T10:00:00+00:00, reason: x}"
    by_yaml = Freeze.model_validate(yaml.safe_load(text))
    by_ansible = Freeze.model_validate(
        {"from": "2025-12-24T10:00:00+00:00", "to": "2025-12-25T10:00:00Z", "reason": "x"}
    )
    assert (by_yaml.starts_at, by_yaml.ends_at) == (by_ansible.starts_at, by_ansible.ends_at)


def test_the_next_opening_waits_for_the_window_and_the_end_of_the_freeze() -> None:
    friday_night = at("2025-10-24T20:00:00")
    assert next_opening([OFFICE], [], friday_night) == at("2025-10-27T09:00:00")
    freeze = Freeze.model_validate(
        {"from": "2025-10-27", "to": "2025-10-28", "reason": "x", "tz": "America/Los_Angeles"}
    )
    assert next_opening([OFFICE], [freeze], friday_night) == at("2025-10-29T09:00:00")
    assert next_opening([], [], friday_night) == friday_night


@given(window=WINDOWS, moment=MOMENTS)
def test_the_next_opening_is_open_and_nothing_before_it_was(window: Window, moment: float) -> None:
    opening = next_opening([window], [], moment)
    assert opening is not None
    assert window.is_open(opening)
    assert moment <= opening
    span_s = opening - moment
    assert not any(window.is_open(moment + span_s * part / 20) for part in range(20) if span_s > 1)


@given(days=st.integers(0, 60), moment=st.datetimes(datetime(2025, 1, 1), datetime(2025, 12, 31)))  # noqa: DTZ001
def test_a_waiver_counts_through_its_last_day_and_not_longer(days: int, moment: datetime) -> None:
    last_day = (moment + timedelta(days=days)).date()
    waiver = Waiver.model_validate({"level": "warn", "reason": "x", "until": last_day.isoformat()})
    now = moment.replace(tzinfo=UTC).timestamp()
    assert waiver.level_at(now) == "warn"
    assert waiver.level_at(now + (days + 1) * 86400) == "require"
    assert waiver.is_expired(now + (days + 1) * 86400)
