"""From the words that name an environment and its apps to the environment itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hotops.core.errors import UsageError
from hotops.core.options import nearest
from hotops.inventory.schema import Environment

#: Where the environments of a project are.
INVENTORIES = Path("inventories")
_NO_PROJECT = (
    "Go to the project's folder, name an inventory with -i PATH, or make a project here: hotops init --fly-org ORG"
)


@dataclass(frozen=True)
class Place:
    """An environment, the inventory it comes from, and the hosts of the apps that were named (all if none was)."""

    inventory: Path
    environment: Environment
    hosts: tuple[str, ...]
    named: bool = False

    @property
    def apps(self) -> tuple[str, ...]:
        """The Fly apps behind the hosts."""
        return tuple(self.environment.apps[host].app for host in self.hosts)


def split_words(words: Sequence[str], inventory: Path | None) -> tuple[Path, tuple[str, ...]]:
    """ENV and the apps after it, as the inventory's path and the apps; with `-i` every word is an app.

    Raises UsageError: there is no default environment, and an unknown one is answered with the nearest name.
    """
    if inventory is not None:
        own = inventory.name if inventory.is_dir() else inventory.absolute().parent.name
        return inventory, tuple(words[1:] if words[:1] == [own] else words)
    if not words or not words[0].strip():
        raise UsageError(
            "Which environment? There is no default one." if not words else "Which environment? Its name is empty.",
            remedy=f"Name one: {', '.join(_known())}." if _known() else _NO_PROJECT,
        )
    return inventory_of(words[0]), tuple(words[1:])


def inventory_of(name: str) -> Path:
    """`inventories/NAME` below the working folder. Raises UsageError with the nearest name."""
    if is_there(name):
        return INVENTORIES / name
    known = _known()
    if not known:
        raise UsageError(
            f"There is no folder {INVENTORIES} in {Path.cwd()}, so {name!r} is not known.",
            remedy=_NO_PROJECT,
            code="unknown_environment",
        )
    meant = nearest(name, known)
    raise UsageError(
        f"There is no environment {name!r} in {INVENTORIES}/.",
        remedy=f"Did you mean {meant}?" if meant else f"Known are {', '.join(known)}.",
        code="unknown_environment",
    )


def is_there(name: str) -> bool:
    """Whether something in `inventories` has just this name; what was typed is never looked up as a path."""
    return INVENTORIES.is_dir() and name in {entry.name for entry in INVENTORIES.iterdir()}


def locate(words: Sequence[str], inventory: Path | None) -> Place:
    """The environment that is named, read by Ansible, and the apps selected in it. Raises UsageError."""
    # Pydantic and the inventory's schema are loaded by commands that read one.
    from hotops.inventory.listing import load_environment
    from hotops.selection import select

    path, apps = split_words(words, inventory)
    environment = load_environment(path)
    return Place(path, environment, select(environment, environment.apps, apps=list(apps) or None), bool(apps))


def _known() -> list[str]:
    if not INVENTORIES.is_dir():
        return []
    return sorted(
        entry.name
        for entry in INVENTORIES.iterdir()
        if entry.is_dir() and not entry.name.startswith(".") and holds_hosts(entry)
    )


def holds_hosts(folder: Path) -> bool:
    """Whether Ansible would read hosts from a folder: secret maps may stand beside inventories."""
    return any(next(folder.glob(what), None) for what in ("hosts*", "*fly.y*ml", "*_vars"))
