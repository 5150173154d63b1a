"""What every model of a reply of Fly shares: unknown fields are ignored, null means absent, times are unix seconds."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from hotops.core.clock import parse_rfc3339
from hotops.core.errors import WireError


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

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """The reply as data. Raises WireError for one in an unknown form: that is no bug of the caller."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise WireError(
                f"Fly answered a {cls.__name__} that hotops can't read: {place}: {first['msg']}.",
                remedy="Is there a newer hotops? Nothing was changed by reading.",
                code="unknown_reply",
            ) from error

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data
