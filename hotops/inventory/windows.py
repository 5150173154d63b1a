"""When a deployment may happen: weekly windows and freezes."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from hotops.inventory.spec import Spec, unknown_key

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: How far ahead the next opening is looked for.
HORIZON_DAYS = 400


def _minutes(hour_minute: str) -> int:
    hour, _, minute = hour_minute.partition(":")
    return int(hour) * 60 + int(minute)


def _hour_minute(value: Any) -> Any:
    # YAML 1.1 reads an unquoted 17:00 as the number 1020 (base 60) but 09:00 as text; both mean the same here.
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value // 60:02d}:{value % 60:02d}"
    found = re.fullmatch(r"(\d{1,2}):([0-5]\d)", str(value))
    if found is None or _minutes(found[0]) > _minutes("24:00"):
        raise PydanticCustomError("misshapen", "is not a time of day such as '09:00'")
    return found[0].rjust(5, "0")


def _time_zone(name: str) -> str:
    try:
        _zone(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        if not known:
            text = "can't be looked up: this computer has no time zone data (install the package tzdata)"
            raise PydanticCustomError("misshapen", text) from None
        raise unknown_key(name, known, "time zone") from None
    return name


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else zoneinfo.ZoneInfo(name)


def _moment(value: Any) -> Any:
    text = value.isoformat() if isinstance(value, date) else str(value)
    try:
        datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise PydanticCustomError("misshapen", "is neither a date (2025-12-24) nor an RFC 3339 time") from None
    return text


def _lower_days(value: Any) -> Any:
    return (
        [day[:3].lower() if isinstance(day, str) else day for day in value]
        if isinstance(value, list | tuple)
        else value
    )


HourMinute = Annotated[str, BeforeValidator(_hour_minute)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
#: A date or an RFC 3339 time, kept as written.
Moment = Annotated[str, BeforeValidator(_moment)]


class Window(Spec):
    """A span of the day on some days of the week; one that ends before it starts runs over midnight."""

    days: Annotated[tuple[Day, ...], BeforeValidator(_lower_days)] = Field(DAYS, description="Days on which it starts.")
    from_: HourMinute = Field(alias="from", description="Start, such as '09:00'.")
    to: HourMinute = Field(description="End, such as '17:00'; '24:00' is midnight.")
    tz: TimeZone = Field("UTC", description="Time zone, such as America/Los_Angeles.")

    def is_open(self, at: float) -> bool:
        """Whether the moment `at` (unix seconds) lies inside."""
        local = datetime.fromtimestamp(at, _zone(self.tz))
        minute, start, end = local.hour * 60 + local.minute, _minutes(self.from_), _minutes(self.to)
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        if start < end:
            return today in self.days and start <= minute < end
        return (today in self.days and minute >= start) or (yesterday in self.days and minute < end)

    def starts(self, after: float, days: int) -> Iterable[float]:
        """Its starts (unix seconds) from the day of `after` on, for so many days."""
        local = datetime.fromtimestamp(after, _zone(self.tz))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        for offset in range(days):
            day = midnight + timedelta(days=offset)
            if DAYS[day.weekday()] in self.days:
                yield (day + timedelta(minutes=_minutes(self.from_))).timestamp()

    def spoken(self) -> str:
        """`mon-fri 09:00-17:00 America/Los_Angeles`, or the days one by one where they are not a row."""
        places = sorted(DAYS.index(day) for day in self.days)
        in_a_row = len(places) > 2 and places == list(range(places[0], places[-1] + 1))
        days = f"{DAYS[places[0]]}-{DAYS[places[-1]]}" if in_a_row else ", ".join(DAYS[place] for place in places)
        return f"{days} {self.from_}-{self.to} {self.tz}"


class Freeze(Spec):
    """A span in which nothing is deployed. A date as its end includes that day."""

    from_: Moment = Field(alias="from", description="Start: a date, or an RFC 3339 time.")
    to: Moment = Field(description="End: a date (that day included), or an RFC 3339 time.")
    reason: str = Field(min_length=1, description="Why; shown by the gate.")
    tz: TimeZone = Field("UTC", description="Time zone of dates and of times that name none.")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise PydanticCustomError("misshapen", "ends before it starts")
        return self

    @property
    def starts_at(self) -> float:
        """Unix seconds."""
        return self._seconds(self.from_)

    @property
    def ends_at(self) -> float:
        """Unix seconds; the first moment after the freeze."""
        end = self._seconds(self.to)
        if len(self.to) == len("2025-12-24"):
            local = datetime.fromtimestamp(end, _zone(self.tz)) + timedelta(days=1)
            return local.timestamp()
        return end

    def covers(self, at: float) -> bool:
        """Whether the moment `at` (unix seconds) is frozen."""
        return self.starts_at <= at < self.ends_at

    def _seconds(self, text: str) -> float:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=_zone(self.tz))).timestamp()


def is_window_open(windows: Iterable[Window], at: float) -> bool:
    """Whether one of the windows is open; no window declared means always."""
    declared = tuple(windows)
    return not declared or any(window.is_open(at) for window in declared)


def freeze_at(freezes: Iterable[Freeze], at: float) -> Freeze | None:
    """The freeze that covers the moment, the longest-lasting one if there are several."""
    return max((freeze for freeze in freezes if freeze.covers(at)), key=lambda freeze: freeze.ends_at, default=None)


def next_opening(windows: Iterable[Window], freezes: Iterable[Freeze], at: float) -> float | None:
    """The first moment from `at` on (unix seconds) with a window open and no freeze; None if there is none in sight."""
    open_at, frozen = tuple(windows), tuple(freezes)
    moments = [at, *(freeze.ends_at for freeze in frozen)]
    for window in open_at:
        moments.extend(window.starts(at, HORIZON_DAYS))
    for moment in sorted(moments):
        if moment >= at and is_window_open(open_at, moment) and freeze_at(frozen, moment) is None:
            return moment
    return None
