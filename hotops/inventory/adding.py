"""Where a key that is missing is to be written: the file of the inventory and the lines."""

from __future__ import annotations

from pathlib import Path

from hotops.inventory.schema import Environment


def to_add(environment: Environment, lines: str, *, host: str | None = None) -> str:
    """`In inventories/production/host_vars/shop.yml add: …`, for one host or for the whole environment."""
    folder = environment.inventory
    if folder is None:
        return f"In the inventory add{f' to the host {host}' if host else ''}: {lines}"
    if not folder.is_dir():
        return f"In {_shown(folder)} add below {f'the host {host}' if host else 'vars of all'}: {lines}"
    file = folder / "host_vars" / f"{host}.yml" if host else folder / "group_vars" / "all.yml"
    return f"In {_shown(file)} add: {lines}"


def _shown(file: Path) -> str:
    try:
        return str(file.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(file)
