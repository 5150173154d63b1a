"""Where a key of an inventory stands: file and line, found in the YAML files as Ansible ranks them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import yaml

from hotops.inventory.files import Place, compose, pairs, shown_path, sources, variable_files

KeyPath: TypeAlias = tuple[int | str, ...]


def locate(inventory: Path, path: KeyPath, *, host: str | None = None) -> Place | None:
    """Where the value at `path` (a variable's name, then keys and indexes) of `host` comes from.

    Of several places the one that counts for Ansible: host_vars, the host in the inventory file, group_vars of its
    groups (children before parents), group_vars/all, groups in the inventory file. Where the path ends early, the
    deepest part that exists. Without a host, any group's. None if the key stands nowhere in the files.
    """
    for file, variables in _scopes(inventory, host):
        found = _descend(variables, path)
        if found is not None:
            return Place(shown_path(file, inventory), found.start_mark.line + 1)
    return None


def _scopes(inventory: Path, host: str | None) -> Iterator[tuple[Path, yaml.Node | None]]:
    """Mappings of variables that apply to the host, strongest first."""
    nodes = [(file, compose(file, inventory)) for file in sources(inventory)]
    walked = [(file, name, group) for file, node in nodes for name, group in _walk_groups(node)]
    groups = (*_groups_of(host, [(name, group) for _, name, group in walked]), "all")
    if host is not None:
        for file in variable_files(inventory, "host_vars", host):
            yield file, compose(file, inventory)
        yield from ((file, _value(_value(group, "hosts"), host)) for file, _, group in walked)
    for group_name in groups:
        for file in variable_files(inventory, "group_vars", group_name):
            yield file, compose(file, inventory)
    for group_name in groups:
        yield from ((file, _value(group, "vars")) for file, name, group in walked if name == group_name)


def _groups_of(host: str | None, walked: list[tuple[str, yaml.Node]]) -> list[str]:
    """Groups that hold the host (all groups if no host is given), children before their parents, without `all`."""
    parents: dict[str, set[str]] = {}
    holding: list[str] = []
    for name, group in walked:
        for child, _ in pairs(_value(group, "children")):
            parents.setdefault(child.value, set()).add(name)
        if host is None or any(key.value == host for key, _ in pairs(_value(group, "hosts"))):
            holding.append(name)
    ordered = list(dict.fromkeys(holding))
    for name in ordered:
        ordered.extend(parent for parent in sorted(parents.get(name, ())) if parent not in ordered)
    return [name for name in ordered if name != "all"]


def _walk_groups(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    for name, group in pairs(node):
        yield name.value, group
        yield from _walk_groups(_value(group, "children"))


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return next((value for key, value in pairs(node) if key.value == name), None)


def _descend(node: yaml.Node | None, path: KeyPath) -> yaml.Node | None:
    """The node of the deepest part of `path` that exists (for a mapping its key, so that the line is the key's)."""
    deepest: yaml.Node | None = None
    for step in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = deepest = node.value[step]
            continue
        pair = next(((key, value) for key, value in pairs(node) if key.value == str(step)), None)
        if pair is None:
            break
        deepest, node = pair
    return deepest
