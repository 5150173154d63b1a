"""The base of every declared thing: frozen data that refuses an unknown key with the nearest known one."""

from __future__ import annotations

import difflib
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, or None."""
    names = sorted(known)
    lowered = name.lower().replace("-", "_")
    by_form = {candidate.lower().replace("-", "_"): candidate for candidate in names}
    if lowered in by_form:
        return by_form[lowered]
    close = difflib.get_close_matches(lowered, by_form, n=1, cutoff=0.6)
    return by_form[close[0]] if close else None


class Spec(BaseModel):
    """Frozen, no unknown keys. Python names that are keywords (`from_`) have the inventory's name as alias."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @classmethod
    def known_keys(cls) -> frozenset[str]:
        """The keys as an inventory spells them."""
        return frozenset(field.alias or name for name, field in cls.model_fields.items())

    @model_validator(mode="before")
    @classmethod
    def _every_key_is_known(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        known = cls.known_keys()
        for key in data:
            if key not in known and key not in cls.model_fields:
                raise unknown_key(str(key), known)
        return data


def unknown_key(key: str, known: Iterable[str], what: str = "key") -> PydanticCustomError:
    """The validation error for a name that is not one of `known`; carries the nearest one."""
    names = sorted(known)
    return PydanticCustomError(
        "unknown_key", "unknown {what}", {"what": what, "key": key, "nearest": nearest(key, names), "known": names}
    )


def _fit(pattern: str, what: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise PydanticCustomError("misshapen", "is not {what}", {"what": what})
        return text

    return AfterValidator(check)


def _absolute_url(text: str) -> str:
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PydanticCustomError("misshapen", "is not an absolute http(s) URL")
    if parts.username or parts.password:
        raise PydanticCustomError("misshapen", "holds a user name or password; an inventory holds no values")
    return text.rstrip("/") if parts.path in {"", "/"} and not parts.query else text


def _path(text: str) -> str:
    if not text.startswith("/") or any(character.isspace() for character in text):
        raise PydanticCustomError("misshapen", "is not a URL path; it has to begin with / and to hold no blanks")
    return text


def off_is_a_word(value: Any) -> Any:
    """`off`, which YAML 1.1 reads as false."""
    return "off" if value is False else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, int | str) else value


def _is_body(value: Any) -> Any:
    if value is None or isinstance(value, dict):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("misshapen", "is neither a regular expression nor a mapping of JSON")
    try:
        re.compile(value)
    except re.error as error:
        raise PydanticCustomError("misshapen", "is not a regular expression: {error}", {"error": str(error)}) from error
    return value


#: Fly app names: lower-case letters, digits and dashes, at most 63 characters (they are DNS labels).
AppName = Annotated[
    str, _fit(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "a Fly app name (lower-case letters, digits, dashes)")
]
#: Fly organisation slugs.
OrgSlug = Annotated[str, _fit(r"[a-z0-9][a-z0-9-]*", "an organisation slug (lower-case letters, digits, dashes)")]
#: Fly secrets, "Name only allows letters, numbers, and underscores"; the same holds for environment variables.
SecretName = Annotated[str, _fit(r"[A-Za-z_][A-Za-z0-9_]*", "a name of letters, digits and underscores")]
EnvVarName = Annotated[
    str, _fit(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable (an inventory holds names, never values)")
]
GroupName = Annotated[str, _fit(r"[a-z0-9][a-z0-9_-]*", "a process group's name")]
RepoName = Annotated[str, _fit(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", "a repository in the form owner/name")]
AbsoluteUrl = Annotated[str, AfterValidator(_absolute_url)]
UrlPath = Annotated[str, AfterValidator(_path)]
HttpStatus = Annotated[int, Field(ge=100, le=599)]
#: One status or several; always a tuple inside.
Statuses = Annotated[tuple[HttpStatus, ...], BeforeValidator(_as_list), Field(min_length=1)]
#: A regular expression (searched) or a mapping that the JSON answer has to contain.
Body = Annotated[Any, BeforeValidator(_is_body)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65535)]
MemoryMb = Annotated[int, Field(ge=256, multiple_of=256)]
