"""A reading that may fail without spoiling the others: its value, or why it is unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hotops.core.errors import ApiError, ExitCode, HotopsError, WireError
from hotops.core.parallel import map_parallel

T = TypeVar("T")
#: Readings at once: each waits for one answer, and the clouds' limits are per app and endpoint.
AT_ONCE = 24


@dataclass(frozen=True)
class Reading(Generic[T]):
    """`value` is None where it could not be read; `why_not` then says it in words, `error` is what the cloud said."""

    value: T | None = None
    why_not: str = ""
    error: HotopsError | None = None

    @property
    def is_known(self) -> bool:
        return self.value is not None

    def get(self) -> T:
        """The value. Raises what kept it from being read."""
        if self.value is not None:
            return self.value
        raise self.error or HotopsError(self.why_not or "It was not read.")


def absent(why: str) -> Reading[Any]:
    """A reading that nobody made, and why."""
    return Reading(why_not=why)


def read(source: Callable[[], T]) -> Reading[T]:
    """Make a reading. What a cloud refuses or a missing token forbids is unknown; a defect of hotops is raised."""
    try:
        return Reading(source())
    except (ApiError, WireError) as error:
        return Reading(why_not=error.message, error=error)
    except HotopsError as error:
        if error.failure_exit != ExitCode.TOKEN:
            raise
        return Reading(why_not=error.message, error=error)


def read_all(sources: Sequence[Callable[[], Any]]) -> list[Reading[Any]]:
    """Make all readings at once, in order."""
    return map_parallel(read, sources, limit=AT_ONCE)
