"""What every model of a reply of Fly shares: unknown fields are ignored, null means absent, times are unix seconds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from hotops.core.clock import parse_rfc3339


def moment(value: object) -> object:
    """Unix seconds of an RFC 3339 text; None for Go's zero time, an empty text and null."""
    if value is None or value == "" or (isinstance(value, str) and value.startswith("0001-")):
        return None
    return parse_rfc3339(value) if isinstance(value, str) else value


#: A time in unix seconds, read from RFC 3339; None where the cloud gave none.
Moment = Annotated[float | None, BeforeValidator(moment)]


class Reply(BaseModel):
    """A part of an answer. Fields that hotops does not know are ignored; those that are null count as not sent."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data
