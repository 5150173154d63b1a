"""What an error says to do, as it is typed with the command that was used: options are named once, shells are two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hotops.commands.catalogue import COMMANDS
from hotops.commands.command import OperationCommand
from hotops.commands.flags import FROM_WORDS
from hotops.registry import operation

_REFERENCE = re.compile(r"ansible-doc hotops\.core\.\w+ lists the options")
_OPTION = re.compile(r"\bthe option ([a-z]\w*)")
_TRUE = re.compile(r"(?<!\S)-e (\w+)=(true|false)\b")
_VALUE = re.compile(r"(?<!\S)-e (\w+)=(\S+)")
#: `ansible-playbook dsn_fix.yml -l APP`, `dsn_fix.yml -l APP`, `-l APP`; `ls -l FILE` is another program's.
_LIMIT = re.compile(r"(?<!ls )(?<!\S)(?:(?:ansible-playbook )?(\w+)\.yml )?-l (?!and\b)(\S+)")
#: A playbook of ours by its name alone; `.github/workflows/deploy.yml` is a workflow.
_PLAYBOOK = re.compile(r"(?<![\w/.-])(?:ansible-playbook )?([a-z_]+)\.yml(?=[),.;:]|\s|$)")
#: `hotops rollback ENV`, where ENV is known.
_ENV = re.compile(r"(?<=hotops )([a-z -]+?) ENV\b")


def spoken(text: str, command: str, env: str) -> str:
    """A remedy in a playbook's words (`-e version=N`, `-l APP`) in those of `hotops COMMAND ENV`.

    So is the name of the module that says it, and an option as a task writes it (`to_database=NAME`): those of the
    command's own operation only, since others may be keys of the inventory.
    """
    text = _REFERENCE.sub(f"hotops {command} --help lists the options", text)
    text = _OPTION.sub(lambda found: f"the option {_flag(found[1])}", text)
    text = _LIMIT.sub(lambda found: f"hotops {_command_of(found[1]) or command} {env} {found[2]}", text)
    text = _TRUE.sub(lambda found: _flag(found[1], yes=found[2] == "true"), text)
    text = _VALUE.sub(lambda found: f"{_flag(found[1])} {found[2]}", text)
    text = _PLAYBOOK.sub(lambda found: f"hotops {name} {env}" if (name := _command_of(found[1])) else found[0], text)
    if env:
        text = _ENV.sub(lambda found: f"{found[1]} {env}", text)
    return _own_options(text, command)


def _own_options(text: str, command: str) -> str:
    used = next((each for each in COMMANDS if each.name == command and isinstance(each, OperationCommand)), None)
    if not isinstance(used, OperationCommand):
        return text
    text = re.sub(rf"^{used.operation}: ", f"hotops {command}: ", text)
    for name in operation(used.operation).Want.model_fields:
        if name in FROM_WORDS or name in used.fixed or name == used.word:
            continue
        text = re.sub(rf"(?<![\w.\-/`?&]){name}=true\b", _flag(name), text)
        text = re.sub(rf"(?<![\w.\-/`?&]){name}=(?=[\w'\"])", f"{_flag(name)} ", text)
        text = re.sub(rf"with `{name}`", f"with {_flag(name)}", text)
    return text


def spoken_failure(failure: Mapping[str, Any], command: str, env: str) -> dict[str, Any]:
    """A failure with its message and remedy in these words; its codes and details as they are."""
    said = {key: spoken(str(failure[key]), command, env) for key in ("message", "remedy") if failure.get(key)}
    return {**failure, **said}


def _command_of(playbook: str | None) -> str | None:
    """The command that does what a playbook does, in words: `dsn fix` for dsn_fix, `backup create` for backup."""
    name = (playbook or "").replace("_", " ")
    of_its_name = (command.name for command in COMMANDS if command.name == name)
    doing = (each.name for each in COMMANDS if isinstance(each, OperationCommand) and each.operation == playbook)
    return next(of_its_name, None) or next(doing, None)


def _flag(option: str, *, yes: bool = True) -> str:
    name = option.replace("_", "-")
    return f"--{name}" if yes else f"--no-{name}"
