"""Flags of a command, made from an operation's own options: one name for the flag, the option and the JSON key."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from hotops.core.errors import UsageError
from hotops.core.operation import Spec

#: What the positional words of a command become; options of an operation that are filled from them have no flag.
FROM_WORDS = frozenset({"app", "apps"})


def parameter(name: str, kind: Any, declared: Any, default: Any = None) -> inspect.Parameter:
    """A parameter of a command's function, as Typer reads it."""
    annotation = Annotated[kind, declared]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def with_parameters(function: Callable[..., None], parameters: Iterable[inspect.Parameter]) -> Callable[..., None]:
    """`function`, which takes anything by name, with these parameters for Typer to read."""
    wanted = list(parameters)
    function.__signature__ = inspect.Signature(wanted)  # type: ignore[attr-defined]
    function.__annotations__ = {item.name: item.annotation for item in wanted}
    return function


def place_parameters(*, takes_apps: bool) -> list[inspect.Parameter]:
    """ENV, the inventory in its stead and, where it makes sense, apps."""
    env = typer.Argument(metavar="ENV", help="Environment: a folder below inventories/.", show_default=False)
    apps = typer.Argument(metavar="APP...", help="Apps, by name; all if omitted.", show_default=False)
    path = typer.Option("--inventory", "-i", metavar="PATH", help="An inventory by its path, instead of ENV.")
    return [
        parameter("env_word", str | None, env),
        *([parameter("app_words", list[str] | None, apps)] if takes_apps else []),
        parameter("inventory", Path | None, path),
    ]


def word_parameter(name: str, told: str) -> inspect.Parameter:
    """A word after ENV that is an option of the operation."""
    return parameter(name, str | None, typer.Argument(metavar=name.upper(), help=told, show_default=False))


def words_of(given: Mapping[str, Any]) -> list[str]:
    """The positional words that were typed."""
    first = given["env_word"]
    return [*([] if first is None else [first]), *(given.get("app_words") or ())]


def switch(name: str, flag: str, told: str) -> inspect.Parameter:
    """A flag that is there or not."""
    return parameter(name, bool, typer.Option(flag, help=told, show_default=False), default=False)


def text(name: str, told: str, metavar: str = "TEXT") -> inspect.Parameter:
    """A flag with a text."""
    return parameter(name, str | None, typer.Option(f"--{name}", metavar=metavar, help=told))


def flags_of(want: type[Spec], without: Iterable[str]) -> list[inspect.Parameter]:
    """A flag for each option of an operation. None means "not given", so that the option's own default holds."""
    left_out = {*without, *FROM_WORDS}
    return [_flag(name, field) for name, field in want.model_fields.items() if name not in left_out]


def values_of(want: type[Spec], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, from what Typer made of the flags. Raises UsageError for text that is not JSON."""
    found: dict[str, Any] = {}
    for name, field in want.model_fields.items():
        value = given.get(name)
        if value is None or value == []:
            continue
        plain = _plain_kind(field.annotation)
        if plain == "json":
            value = _from_json(name, value)
        elif plain == "list":
            value = [word for item in value for word in _named(name, item)]
        elif isinstance(value, str):
            refuse_empty(name, value)
        found[name] = value
    return found


def _flag(name: str, field: FieldInfo) -> inspect.Parameter:
    spoken = f"--{name.replace('_', '-')}"
    told = field.description or ""
    if not field.is_required() and field.default not in (None, (), [], False, ""):
        told = f"{told} [default: {field.default}]"
    plain = _plain_kind(field.annotation)
    if plain == "bool":
        if field.default is True:
            spoken = f"{spoken}/--no-{spoken[2:]}"
        return parameter(name, bool | None, typer.Option(spoken, help=told, show_default=False))
    metavar = {"int": "NUMBER", "float": "NUMBER", "json": "JSON"}.get(plain, "TEXT")
    if plain == "choice":
        metavar = "|".join(str(choice) for choice in _choices(field.annotation))
    declared = typer.Option(spoken, metavar=metavar, help=told, show_default=False)
    kinds: dict[str, Any] = {"int": int | None, "float": float | None, "list": list[str] | None}
    return parameter(name, kinds.get(plain, str | None), declared)


def _named(option: str, text_given: str) -> list[str]:
    named = [part.strip() for part in text_given.split(",") if part.strip()]
    refuse_empty(option, "".join(named))
    return named


def refuse_empty(option: str, text_given: str) -> None:
    """Refuse `--tables "$T"` and `--version "$V"` whose variable is not set: it is not meant to be all of them, or any.

    Raises UsageError.
    """
    if not text_given.strip():
        raise UsageError(
            f"--{option.replace('_', '-')} is empty.",
            remedy="Is a variable of the shell not set? Say what is meant, or leave the flag out.",
        )


def _plain_kind(annotation: Any) -> str:
    """`bool`, `int`, `float`, `str`, `choice`, `list` of such, or `json` for what has a shape of its own."""
    kind = _without_none(annotation)
    origin = get_origin(kind)
    if origin is Literal:
        return "choice"
    if origin in (tuple, list, set, frozenset):
        inner = [item for item in get_args(kind) if item is not Ellipsis]
        return "list" if inner and _plain_kind(inner[0]) in ("str", "choice", "int") else "json"
    if isinstance(kind, type):
        for plain in (bool, int, float, str, Path):
            if issubclass(kind, plain):
                return "str" if plain is Path else plain.__name__
    return "json"


def _without_none(annotation: Any) -> Any:
    """The kind itself, without `| None` and without what Annotated adds."""
    if hasattr(annotation, "__metadata__"):
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        left = [item for item in get_args(annotation) if item is not type(None)]
        return _without_none(left[0]) if len(left) == 1 else annotation
    return annotation


def _choices(annotation: Any) -> tuple[Any, ...]:
    return get_args(_without_none(annotation))


def _from_json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        flag = f"--{name.replace('_', '-')}"
        raise UsageError(f"{flag} takes JSON, and this is none: {error}.", remedy=f"Quote it: {flag} '…'") from None
