"""What may come next on the command line: from the catalogue, the inventories' folders and a command's own options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hotops.commands.catalogue import COMMANDS, find
from hotops.commands.command import Command, ModuleCommand, OperationCommand, PlaybookCommand
from hotops.commands.place import holds_hosts

if TYPE_CHECKING:
    import typer

#: Makes the tree of commands in which those that these words name are whole.
Build: TypeAlias = "Callable[[Sequence[str]], typer.Typer]"
INVENTORIES = Path("inventories")
#: The group whose hosts are apps.
_APPS = "apps"
_ENDINGS = (".yml", ".yaml")


def candidates(words: Sequence[str], build: Build) -> list[str]:
    """What may stand in the place of the last word, typed in part or empty; `build` makes the tree of a command."""
    *before, current = words or [""]
    plain = [word for word in before if not word.startswith("-")]
    command = find(tuple(plain))
    if command is None:
        found: Iterable[str] = _next_words(plain)
    elif current.startswith("-"):
        found = options_of(command, build)
    else:
        rest = plain[len(command.words) :]
        found = [*_places(command, rest), *(_next_words(plain) if not rest else ())]
    return sorted({word for word in found if word.startswith(current)})


def environments() -> list[str]:
    """The folders and files below inventories/."""
    if not INVENTORIES.is_dir():
        return []
    return [entry.name for entry in INVENTORIES.iterdir() if not entry.name.startswith(".") and _is_inventory(entry)]


def apps(environment: str) -> set[str]:
    """The hosts of the group `apps`, as they stand in the inventory's files; templates and plugins are not run."""
    folder = INVENTORIES / environment
    found = {entry.stem for entry in folder.glob("host_vars/*") if entry.suffix in _ENDINGS or entry.is_dir()}
    for file in folder.glob("*.y*ml"):
        found |= set(_hosts_below(_read(file), _APPS))
    return found


def options_of(command: Command, build: Build) -> list[str]:
    """The options of a command; its code is loaded for them."""
    # Typer is loaded only where options are asked for: the rest answers in a tenth of the time.
    import typer.main

    node: Any = typer.main.get_command(build(list(command.words)))
    for word in command.words:
        node = node.commands[word]
    parameters = [*node.params, *(each for sub in getattr(node, "commands", {}).values() for each in sub.params)]
    options = [option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)]
    return [*(option for option in options if option.startswith("--")), "--help"]


def _next_words(plain: Sequence[str]) -> list[str]:
    length = len(plain)
    return [
        command.words[length]
        for command in COMMANDS
        if len(command.words) > length and list(command.words[:length]) == list(plain)
    ]


def _places(command: Command, rest: Sequence[str]) -> Iterable[str]:
    """What a command takes after its own words: a subcommand, a playbook, an environment, apps."""
    if command.name == "run":
        if not rest:
            return _playbooks()
        rest = rest[1:]
    elif isinstance(command, ModuleCommand):
        return _of_module(command, rest)
    elif not isinstance(command, (OperationCommand, PlaybookCommand)):
        return ()
    return apps(rest[0]) - set(rest[1:]) if rest else environments()


def _of_module(command: ModuleCommand, rest: Sequence[str]) -> Iterable[str]:
    if command.name == "schema":
        return _next_words(rest)
    if command.name == "completion":
        from hotops.commands.completion import SCRIPTS

        return () if rest else SCRIPTS
    from hotops.commands.schemas import subcommands

    return () if rest else subcommands(command)


def _playbooks() -> list[str]:
    from hotops.running.playbooks import own_playbooks

    return [*own_playbooks(), *(entry.name for entry in Path().iterdir() if entry.suffix in _ENDINGS)]


def _is_inventory(entry: Path) -> bool:
    """A file, or a folder that Ansible would read hosts from."""
    return entry.suffix in _ENDINGS or holds_hosts(entry)


def _hosts_below(data: Any, group: str) -> Iterable[str]:
    """The hosts of a group, wherever it stands in an inventory file."""
    if not isinstance(data, dict):
        return
    for name, value in data.items():
        if name == group and isinstance(value, dict) and isinstance(value.get("hosts"), dict):
            yield from map(str, value["hosts"])
        elif isinstance(value, dict):
            yield from _hosts_below(value.get("children", value if name == "children" else {}), group)


def _read(file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None  # who runs a command with it is told what is wrong
