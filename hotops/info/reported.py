"""What all readings share: reports that describe themselves, times as text."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hotops.core.clock import rfc3339


class Reported(BaseModel):
    """An item of a reading's list; the descriptions of its fields are the module's RETURN."""

    model_config = ConfigDict(frozen=True)


def time_text(unix_s: float | None) -> str | None:
    """RFC 3339, None where there is no time."""
    return rfc3339(unix_s) if unix_s is not None else None
