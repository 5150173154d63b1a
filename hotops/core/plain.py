"""Any value as plain JSON data that is fit to be kept: no secrets, no object's own idea of how to show itself."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from hotops.core.secret import MASK, Secret, scrub_data


def plain_data(value: object, secrets: Iterable[Secret] = ()) -> Any:
    """`value` as dicts, lists, strings, numbers, booleans and None, scrubbed of secrets.

    Models and dataclasses become their fields, sets sorted lists, times RFC 3339. Bytes and objects of other types are
    named by their type only: how they would print themselves is not known to be safe.
    """
    return scrub_data(_plain(value), secrets)


def _plain(value: object) -> Any:
    if isinstance(value, Enum):  # before str and int, which some enums also are
        return _plain(value.value)
    fields = _fields_of(value)
    if fields is not None:
        return {str(_plain(key)): _plain(item) for key, item in fields.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=str)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _plain_scalar(value)


def _fields_of(value: object) -> Mapping[Any, object] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, BaseModel):
        return dict(value)  # not model_dump: it would ask each field's type how to show itself
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _plain_scalar(value: object) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return str(value)  # JSON has no such numbers
        case str():
            # A lone surrogate (a file name, a cut answer) is a str that no file can take.
            return value.encode("utf-8", "backslashreplace").decode()
        case None | bool() | int() | float():
            return value
        case Secret():
            return MASK
        case date():  # a datetime is one, too
            return value.isoformat().replace("+00:00", "Z")
        case PurePath():
            return str(value)
        case _:
            return f"({type(value).__name__})"
