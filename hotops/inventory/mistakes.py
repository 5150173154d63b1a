"""Mistakes in an inventory, told with file, line, key, nearest known name and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hotops.core.errors import InventoryError
from hotops.core.secret import scrub
from hotops.inventory.files import Place
from hotops.inventory.locate import KeyPath, locate

#: pydantic's words where an operator's are better.
_PHRASES: Mapping[str, str] = {
    "missing": "is missing",
    "tuple_type": "has to be a list",
    "dict_type": "has to be a mapping",
    "model_type": "has to be a mapping",
    "string_type": "has to be text",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "float_type": "has to be a number",
    "float_parsing": "has to be a number",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "date_type": "has to be a date such as 2025-12-24",
    "date_parsing": "has to be a date such as 2025-12-24",
    "date_from_datetime_parsing": "has to be a date such as 2025-12-24",
    "union_tag_not_found": "has to say its kind",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong, missing or unknown key; `host` is None for a key of the whole environment."""

    text: str
    path: KeyPath = ()
    host: str | None = None
    nearest: str | None = None
    known: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def key(self) -> str:
        """`gates.smoke.until`, `smoke[0].path`."""
        spoken = ""
        for part in self.path:
            spoken += f"[{part}]" if isinstance(part, int) else f".{part}" if spoken else str(part)
        return spoken

    @property
    def is_missing(self) -> bool:
        """Whether a key is wanted that is not there."""
        return self.text == _PHRASES["missing"]


def mistakes_in(error: ValidationError, raw: Mapping[str, Any], host: str | None) -> list[Mistake]:
    """The mistakes behind a validation error of the keys `raw`."""
    return [_mistake(dict(found), raw, host) for found in error.errors(include_url=False, include_input=False)]


def _mistake(found: dict[str, Any], raw: Mapping[str, Any], host: str | None) -> Mistake:
    context: Mapping[str, Any] = found.get("ctx") or {}
    kind = str(found["type"])
    path = _path_in(raw, found["loc"])
    what = context.get("what", "key")
    if "key" in context and what == "key":
        path = (*path, str(context["key"]))
    if kind == "unknown_key":
        wrong = "" if what in {"key", "gate"} else f" {context['key']!r}"
        return Mistake(f"unknown {what}{wrong}", path, host, context["nearest"], tuple(context["known"]))
    if kind == "literal_error":
        return Mistake(f"has to be {context['expected']}", path, host)
    if kind == "union_tag_invalid":
        return Mistake(f"has to be one of {context['expected_tags']}", (*path, "kind"), host)
    text = _PHRASES.get(kind) or str(found["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return Mistake(text[:1].lower() + text[1:], path, host)


def _path_in(raw: Any, loc: Sequence[int | str]) -> KeyPath:
    """pydantic's location without the steps that are not in the data: `[key]` and the tags of unions."""
    path: list[int | str] = []
    here = raw
    for index, step in enumerate(loc):
        inner = _step(here, step)
        if inner is not None:
            here = inner
        elif not isinstance(here, Mapping) or index < len(loc) - 1 or step == "[key]":
            continue
        path.append(step)
    return tuple(path)


def _step(here: Any, step: int | str) -> Any:
    if isinstance(here, Mapping):
        return here.get(step)
    if isinstance(here, list | tuple) and isinstance(step, int) and step < len(here):
        return here[step]
    return None


def inventory_error(mistakes: Iterable[Mistake], inventory: Path | None) -> InventoryError:
    """One error for all mistakes: the first in the message, all of them in `details["mistakes"]`.

    `details` holds `file`, `line`, `key`, `host` and `nearest` of the first one.
    """
    found = [(mistake, _place(mistake, inventory)) for mistake in _without_repeats(mistakes)]
    first, place = found[0]
    message = _sentence(first, place, inventory)
    if len(found) > 1:
        others = "; ".join(_sentence(mistake, where, inventory) for mistake, where in found[1:4])
        unsaid = f"; and {len(found) - 4} more" if len(found) > 4 else ""
        message += f" Also: {others}{unsaid}"
    return InventoryError(
        scrub(message), remedy=scrub(_remedy(first)), details={**_as_details(first, place), "mistakes": [
            {**_as_details(mistake, where), "text": scrub(mistake.text)} for mistake, where in found
        ]},
    )  # fmt: skip


def _without_repeats(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """A key that stands in group_vars is wrong for every host; it is told once."""
    seen: dict[tuple[str, str], Mistake] = {}
    for mistake in mistakes:
        seen.setdefault((mistake.key, mistake.text), mistake)
    return list(seen.values())


def _place(mistake: Mistake, inventory: Path | None) -> Place | None:
    return locate(inventory, mistake.path, host=mistake.host) if inventory and mistake.path else None


def _sentence(mistake: Mistake, place: Place | None, inventory: Path | None) -> str:
    where = f"{place}: " if place else f"{inventory}: " if inventory else ""
    of_host = f" (host {mistake.host})" if mistake.host and not place else ""
    return f"{where}{f'{mistake.key}: ' if mistake.path else ''}{mistake.text}{of_host}."


def _remedy(mistake: Mistake) -> str:
    if mistake.remedy:
        return mistake.remedy
    if mistake.nearest:
        return f"Did you mean {mistake.nearest!r}?"
    if mistake.is_missing and len(mistake.path) == 1:
        return f"Set {mistake.key}: for all hosts in group_vars/all.yml, for one in host_vars."
    if mistake.known:
        return f"Known: {', '.join(mistake.known)}."
    return "Correct it and run again; nothing was called."


def _as_details(mistake: Mistake, place: Place | None) -> dict[str, object]:
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "key": mistake.key,
        "host": mistake.host,
        "nearest": mistake.nearest,
    }
