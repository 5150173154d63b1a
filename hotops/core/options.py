"""From the plain options that somebody typed to the validated options of an operation."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hotops.core.errors import UsageError
from hotops.core.operation import Spec

S = TypeVar("S", bound=Spec)

#: So many letters of a name say which is meant, where no other begins with them.
_BEGUN = 3
#: How a description marks a value, a code, an option: `V(full)`.
_MARKUP = re.compile(r"\b[VCOIB]\(([^()]*)\)")


def validated(kind: type[S], options: Mapping[str, Any], *, of: str = "") -> S:
    """The options of the operation `of`, as its `Want`. None means "not given"; `a, b` is a list where one is wanted.

    Raises UsageError that names each wrong option and, for an unknown one, the nearest known name. No value is
    repeated.
    """
    given = {key: value for key, value in options.items() if value is not None}
    for key in list_options(kind) & given.keys():
        if isinstance(given[key], str):
            text, given[key] = given[key], [item.strip() for item in given[key].split(",") if item.strip()]
            if not given[key]:
                raise _empty(key, of, text)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        said = "; ".join(_told(item, kind) for item in error.errors(include_input=False, include_url=False))
        raise UsageError(
            f"{of + ': ' if of else ''}{said}.", remedy=f"ansible-doc hotops.core.{of} lists the options." if of else ""
        ) from None


def _empty(option: str, of: str, text: str) -> UsageError:
    """An empty text is no list: a variable that is not set would else mean all tables, all places, all paths."""
    return UsageError(
        f"{of + ': ' if of else ''}{option}={text!r} names nothing.",
        remedy="Is a variable not set? Name what is meant, or leave the option out.",
    )


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name that was most likely meant, or None: one that is spelt alike, or the only one that begins so."""
    names = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=cutoff)
    if close:
        return names[close[0]]
    begun = [names[each] for each in names if each.startswith(name.lower())] if len(name) >= _BEGUN else []
    return begun[0] if len(begun) == 1 else None


def _told(item: ErrorDetails, kind: type[Spec]) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        return f"the option {where} is required"
    if item["type"] == "string_pattern_mismatch" and str(item["loc"][0]) in kind.model_fields:
        described = kind.model_fields[str(item["loc"][0])].description or ""
        told = _MARKUP.sub(r"\1", described).rstrip(".")
        return f"{where} has not the form that it has to have: {told}"
    if item["type"] != "extra_forbidden":
        return f"{where}: {item['msg'].removeprefix('Value error, ').rstrip('.')}" if where else item["msg"].rstrip(".")
    meant = nearest(where, kind.model_fields) if len(item["loc"]) == 1 else None
    if meant:
        return f"there is no option {where}; did you mean {meant}"
    return f"there is no option {where}; the options are {', '.join(kind.model_fields) or 'none'}"


@lru_cache
def list_options(kind: type[Spec]) -> frozenset[str]:
    """Names of the options that are lists. Kept, since making a schema takes milliseconds."""
    properties = kind.model_json_schema().get("properties", {})
    forms = {key: [schema, *schema.get("anyOf", ())] for key, schema in properties.items()}
    return frozenset(key for key, known in forms.items() if any(form.get("type") == "array" for form in known))
