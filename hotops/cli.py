"""The `hotops` command: which command lives in which module, and how errors are told."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

    from hotops.core.errors import HotopsError


@dataclass(frozen=True)
class Command:
    """A command of `hotops`, loaded when it is the one that is used.

    `module` holds `app`, a Typer with the command's own subcommands, or `command`, a function that is the command.
    """

    name: str
    module: str
    help: str


COMMANDS = (
    Command("sandbox", "hotops.cli_sandbox", "The twin of the clouds on this computer."),
    Command("evidence", "hotops.cli_evidence", "Check and read what a run left behind."),
)
"""In the order of `hotops --help`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `hotops` with arguments (those of the process if None); returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        print(_version())
        return 0
    from hotops.core.errors import ExitCode, HotopsError

    try:
        build(given)(args=given, prog_name="hotops")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(ExitCode.ERROR)
    except HotopsError as error:
        _tell(error, as_json="--json" in given)
        return int(error.failure_exit)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        if os.environ.get("HOTOPS_DEBUG"):
            raise
        unexpected = HotopsError(
            f"Unexpected {type(error).__name__}: {error}",
            remedy="This is a defect of hotops; HOTOPS_DEBUG=1 shows where it happened.",
            code="unexpected",
        )
        _tell(unexpected, as_json="--json" in given)
        return int(ExitCode.ERROR)
    return int(ExitCode.DONE)


def build(arguments: Sequence[str]) -> typer.Typer:
    """The command tree for these arguments: whole in names and help, loaded only where they lead."""
    import typer

    root = typer.Typer(
        name="hotops",
        help="Run production on Fly.io, Supabase and GitHub: promote with gates, roll back, and prove it.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @root.callback()
    def options(
        version: bool = typer.Option(False, "--version", help="Show the version and exit."),  # noqa: FBT003 typer's way
    ) -> None:
        if version:
            print(_version())
            raise typer.Exit

    used = next((argument for argument in arguments if not argument.startswith("-")), None)
    for command in COMMANDS:
        if command.name != used:
            root.add_typer(typer.Typer(), name=command.name, help=command.help)
            continue
        module = import_module(command.module)
        if hasattr(module, "app"):
            root.add_typer(module.app, name=command.name, help=command.help)
        else:
            root.command(command.name, help=command.help)(module.command)
    return root


def _version() -> str:
    from hotops import __version__

    return f"hotops {__version__}"


def _tell(error: HotopsError, *, as_json: bool) -> None:
    """An error in words on stderr; with --json as a document on stdout."""
    import json

    if as_json:
        print(json.dumps({"schema": 1, "failure": error.as_failure()}, ensure_ascii=False))
        return
    sys.stderr.write(f"Error: {error.message}\n")
    if error.request_id:
        sys.stderr.write(f"Request: {error.request_id}\n")
    if error.remedy:
        sys.stderr.write(f"Next: {error.remedy}\n")


if __name__ == "__main__":
    sys.exit(main())
