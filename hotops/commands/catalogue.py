"""All commands of `hotops`, a line each: to add one, add its line."""

from __future__ import annotations

from hotops.commands.command import Command, ModuleCommand, OperationCommand

#: In the order of `hotops --help`. A name of two words is a noun with its verb; NOUNS says what the noun is about.
COMMANDS: tuple[Command, ...] = (
    OperationCommand(
        "health",
        "How every app is, in one table, and what to do about each finding.",
        ("hotops health production", "hotops health production shop-production --since-s 86400 --json"),
        operation="health_report",
        recorded=True,
    ),
    ModuleCommand("sandbox", "The twin of the clouds on this computer.", module="hotops.cli_sandbox"),
    ModuleCommand("evidence", "Check and read what a run left behind.", module="hotops.cli_evidence"),
)

NOUNS: dict[str, str] = {}


def find(words: tuple[str, ...]) -> Command | None:
    """The command that these words begin with, the longest first."""
    for length in (2, 1):
        for command in COMMANDS:
            if len(command.words) == length and command.words == words[:length]:
                return command
    return None
