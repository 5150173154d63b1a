"""`hotops schema`: what a command prints with `--json`, as JSON Schema."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from hotops.commands.catalogue import COMMANDS, find
from hotops.commands.schemas import schema_of, subcommands
from hotops.core.errors import UsageError
from hotops.core.options import nearest


def command(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND...", help="The command's words; all if omitted.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The same: a schema is JSON.")] = False,  # noqa: ARG001
) -> None:
    """Print the JSON Schema of what a command prints with --json; without COMMAND, of all, by command."""
    shown = all_schemas() if not words else _schema_of_words(words)
    print(json.dumps(shown, ensure_ascii=False, indent=2))


def all_schemas() -> dict[str, Any]:
    """The schema of every command, by its words."""
    found: dict[str, Any] = {}
    for each in COMMANDS:
        for sub in subcommands(each) or [""]:
            found[f"{each.name} {sub}".strip()] = schema_of(each, sub)
    return found


def returns() -> dict[str, Any]:
    """Itself it prints schemas, of which it is none: each by a command's words, or one alone."""
    return {}


def _schema_of_words(words: list[str]) -> dict[str, Any]:
    """Raises UsageError for words that are no command."""
    named = find(tuple(words))
    if named is not None:
        rest = words[len(named.words) :]
        known = subcommands(named)
        if (not known and not rest) or (len(rest) == 1 and rest[0] in known):
            return schema_of(named, rest[0] if rest else "")
        if known:
            meant = nearest(rest[0], known) if rest else None
            raise UsageError(
                f"hotops {named.name} has several forms.",
                remedy=f"Did you mean hotops schema {named.name} {meant or known[0]}? It has {', '.join(known)}.",
            )
    spoken = " ".join(words)
    meant = nearest(spoken, [each.name for each in COMMANDS])
    raise UsageError(
        f"There is no command {spoken!r}.",
        remedy=f"Did you mean hotops schema {meant}?" if meant else "hotops --help lists the commands.",
        code="unknown_command",
    )
