"""What an error says to do, as it is typed with the command that was used: options are named once, shells are two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hotops.commands.catalogue import COMMANDS

_REFERENCE = re.compile(r"ansible-doc hotops\.core\.\w+ lists the options")
_OPTION = re.compile(r"\bthe option ([a-z]\w*)")
_TRUE = re.compile(r"(?<!\S)-e (\w+)=(true|false)\b")
_VALUE = re.compile(r"(?<!\S)-e (\w+)=(\S+)")
#: `ansible-playbook dsn_fix.yml -l APP`, `dsn_fix.yml -l APP`, `-l APP`; `ls -l FILE` is another program's.
_LIMIT = re.compile(r"(?<!ls )(?<!\S)(?:(?:ansible-playbook )?(\w+)\.yml )?-l (?!and\b)(\S+)")


def spoken(text: str, command: str, env: str) -> str:
    """A remedy in a playbook's words (`-e version=N`, `-l APP`) in those of `hotops COMMAND ENV`."""
    text = _REFERENCE.sub(f"hotops {command} --help lists the options", text)
    text = _OPTION.sub(lambda found: f"the option {_flag(found[1])}", text)
    text = _LIMIT.sub(lambda found: f"hotops {_command_of(found[1]) or command} {env} {found[2]}", text)
    text = _TRUE.sub(lambda found: _flag(found[1], yes=found[2] == "true"), text)
    return _VALUE.sub(lambda found: f"{_flag(found[1])} {found[2]}", text)


def spoken_failure(failure: Mapping[str, Any], command: str, env: str) -> dict[str, Any]:
    """A failure with its message and remedy in these words; its codes and details as they are."""
    said = {key: spoken(str(failure[key]), command, env) for key in ("message", "remedy") if failure.get(key)}
    return {**failure, **said}


def _command_of(playbook: str | None) -> str | None:
    """The command that has a playbook's name, in words: `dsn fix` for dsn_fix."""
    name = (playbook or "").replace("_", " ")
    return next((command.name for command in COMMANDS if command.name == name), None)


def _flag(option: str, *, yes: bool = True) -> str:
    name = option.replace("_", "-")
    return f"--{name}" if yes else f"--no-{name}"
