"""What a command of `hotops` is, as data: nothing is loaded for it before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Command:
    """A command by its words (`health`, `lock show`), one line of help, and what one would type.

    `examples` are whole command lines; `hotops COMMAND --help` and docs/cli.md show them.
    """

    name: str
    help: str
    examples: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.name.split())


@dataclass(frozen=True)
class ModuleCommand(Command):
    """A command of its own making: `module` holds `app` (a Typer with subcommands) or `command` (a function)."""

    module: str = field(kw_only=True)


@dataclass(frozen=True)
class OperationCommand(Command):
    """`hotops NAME ENV [APP…]` calls an operation of the registry.

    Its options are the operation's own, one flag a field, but for those in `fixed`, which have that value; `reads` says
    that with these it never writes. `default` are values of options that are not given.
    Where the operation has a field `app`, it is the app that is typed after ENV.
    `word` names the option that is typed after ENV in the place of apps.
    `recorded` says whether the call leaves evidence; by default only a call that writes does. `next` is what to type
    next where the result does not say so (`{env}` stands for ENV).
    """

    operation: str = field(kw_only=True)
    fixed: Mapping[str, Any] = field(kw_only=True, default_factory=dict)
    default: Mapping[str, Any] = field(kw_only=True, default_factory=dict)
    recorded: bool | None = field(kw_only=True, default=None)
    word: str = field(kw_only=True, default="")
    reads: bool = field(kw_only=True, default=False)
    next: str = field(kw_only=True, default="")

    def leaves_evidence(self, *, writes: bool) -> bool:
        """Whether a call of it belongs into the evidence."""
        return writes and not self.reads if self.recorded is None else self.recorded


@dataclass(frozen=True)
class PlaybookCommand(Command):
    """`hotops NAME ENV [APP…]` runs a playbook as ansible-playbook would, with progress, and again after looking.

    `variables` are the extra vars that it has flags for, by their one name; `asks` is the question before it, in which
    `{apps}` and `{env}` stand for what was named. `needs` are the variables without which it can't begin.
    """

    playbook: str = field(kw_only=True)
    variables: tuple[str, ...] = field(kw_only=True, default=("reason",))
    asks: str = field(kw_only=True, default="")
    needs: tuple[str, ...] = field(kw_only=True, default=())
