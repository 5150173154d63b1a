"""docs/cli.md: every command as its own --help tells it, written by `make docs`; a test compares."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from hotops.cli import build
from hotops.commands.catalogue import COMMANDS
from hotops.commands.command import Command
from hotops.core.errors import ExitCode
from hotops.core.summary import outcome_words

_HEAD = """\
# Commands

<!-- Written by `make docs` from the catalogue; change it there. -->

`hotops VERB ENV [APP…]`, or `hotops NOUN VERB ENV [APP…]`. ENV is a folder below `inventories/`; there is no default
one. `-i PATH` names an inventory in its stead. Without APP a command is about all apps. Each command has `--help`,
prints its result on stdout and its progress on stderr, and with `--json` one document of the form that
`hotops schema COMMAND` tells. A shell completes commands, environments, apps and options with what
`hotops completion bash` prints (or zsh, fish); its first line says where that belongs.

| Command | What it does |
|---|---|
"""


def cli_page() -> str:
    """The page."""
    rows = "".join(f"| [`hotops {each.name}`](#hotops-{_anchor(each)}) | {each.help} |\n" for each in COMMANDS)
    codes = "".join(f"| {int(code)} | {outcome_words(int(code))} |\n" for code in ExitCode)
    parts = [_HEAD, rows, "\n## Exit codes\n\n| Code | Means |\n|---|---|\n", codes]
    for command in COMMANDS:
        parts += ["\n", *_section(command)]
    return "".join(parts)


def main() -> int:
    """Write it, in a checkout."""
    page = Path(__file__).resolve().parents[1] / "docs/cli.md"
    if page.parent.is_dir() and (not page.exists() or page.read_text(encoding="utf-8") != cli_page()):
        page.write_text(cli_page(), encoding="utf-8")
        sys.stdout.write("docs/cli.md\n")
    return 0


def _anchor(command: Command) -> str:
    return "-".join(command.words)


def _section(command: Command) -> Iterator[str]:
    node: Any = typer.main.get_command(build(list(command.words)))
    for word in command.words:
        node = node.commands[word]
    yield f"## hotops {command.name}\n\n{command.help}\n"
    if command.examples:
        yield "\n" + "".join(f"    {example}\n" for example in command.examples)
    subs = getattr(node, "commands", {})
    if not subs:
        yield from _parameters(node, f"hotops {command.name}")
    for name, sub in subs.items():
        told = " ".join((sub.help or "").split("\n\n", 1)[0].split())
        yield f"\n### hotops {command.name} {name}\n\n{told}\n"
        yield from _parameters(sub, f"hotops {command.name} {name}")


def _parameters(node: Any, words: str) -> Iterator[str]:
    """The line of use, and a table of arguments and options."""
    arguments = [each for each in node.params if each.param_type_name == "argument"]
    options = [each for each in node.params if each.param_type_name == "option" and not each.hidden]
    shown = " ".join(_metavar(each) if each.required else f"[{_metavar(each)}]" for each in arguments)
    yield f"\n```text\n{words} {shown}{' ' if shown else ''}[OPTIONS]\n```\n"
    rows = [(f"`{_metavar(each)}`", getattr(each, "help", "") or "") for each in arguments]
    rows += [(_option(each), each.help or "") for each in options]
    if rows:
        yield "\n| | |\n|---|---|\n" + "".join(f"| {name} | {_cell(told)} |\n" for name, told in rows)


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _option(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    takes = "" if option.is_flag or not option.metavar else f" {_cell(option.metavar)}"
    return names + takes


def _cell(text: str) -> str:
    """Text as it is, in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main())
