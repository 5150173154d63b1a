"""Where a key of an inventory stands: file and line, found in the YAML files as Ansible ranks them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from hotops.core.errors import InventoryError

KeyPath: TypeAlias = tuple[int | str, ...]

#: Ansible's INVENTORY_IGNORE_EXTS and the files that are never an inventory source.
_IGNORED = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry", ".ini")
_VARIABLE_SUFFIXES = ("", ".yml", ".yaml", ".json")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Place:
    """A file (as an operator would type it from the project's folder) and a line, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def project_folder(inventory: Path) -> Path:
    """The folder that holds `inventories/`, else the inventory's own folder."""
    path = inventory.absolute()
    for parent in path.parents:
        if parent.name == "inventories":
            return parent.parent
    return path if path.is_dir() else path.parent


def shown_path(file: Path, inventory: Path) -> str:
    """`file` relative to the inventory's project, else as it is."""
    try:
        return str(file.absolute().relative_to(project_folder(inventory)))
    except ValueError:
        return str(file)


def locate(inventory: Path, path: KeyPath, *, host: str | None = None) -> Place | None:
    """Where the value at `path` (a variable's name, then keys and indexes) of `host` comes from.

    Of several places the one that counts for Ansible: host_vars, the host in the inventory file, group_vars of its
    groups (children before parents), group_vars/all, groups in the inventory file. Where the path ends early, the
    deepest part that exists. None if the key stands nowhere in the files, or they are not YAML.
    """
    for file, variables in _scopes(inventory, host):
        found = _descend(variables, path)
        if found is not None:
            return Place(shown_path(file, inventory), found.start_mark.line + 1)
    return None


def check_files(inventory: Path) -> None:
    """Every YAML file of the inventory is YAML and holds no key twice.

    Ansible only warns of both. Raises InventoryError with file, line and, for a repeated key, the key.
    """
    for file in _files(inventory):
        node = _compose(file, inventory)
        for repeated, first_line in _repeated_keys(node):
            place = Place(shown_path(file, inventory), repeated.start_mark.line + 1)
            raise InventoryError(
                f"{place}: {repeated.value}: stands twice, first in line {first_line}; the last one would count.",
                remedy="Remove one of the two.",
                details={"file": place.file, "line": place.line, "key": repeated.value, "host": None, "nearest": None},
            )


def has_plugin_source(inventory: Path) -> bool:
    """Whether a file of the inventory is the configuration of an inventory plugin (it has the key `plugin`)."""
    return any(_descend(_compose(file, inventory), ("plugin",)) is not None for file in _sources(inventory))


def _sources(inventory: Path) -> list[Path]:
    """Files that define hosts and groups."""
    if not inventory.is_dir():
        return [inventory] if _is_yaml(inventory) else []
    found = []
    for entry in sorted(inventory.iterdir()):
        if entry.name in {"group_vars", "host_vars"} or entry.name.startswith(".") or entry.name.endswith(_IGNORED):
            continue
        found.extend(_sources(entry) if entry.is_dir() else [entry] if _is_yaml(entry) else [])
    return found


def _files(inventory: Path) -> list[Path]:
    base = inventory if inventory.is_dir() else inventory.parent
    variables = [
        file
        for kind in ("group_vars", "host_vars")
        for file in sorted((base / kind).rglob("*"))
        if file.is_file() and _is_yaml(file) and not any(part.startswith(".") for part in file.relative_to(base).parts)
    ]
    return _sources(inventory) + variables


def _is_yaml(file: Path) -> bool:
    return file.suffix in _VARIABLE_SUFFIXES and file.is_file() and not _is_script(file)


def _is_script(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(2) == b"#!"


def _compose(file: Path, inventory: Path) -> yaml.Node | None:
    try:
        return yaml.compose(file.read_text(encoding="utf-8"), Loader=_LOADER)
    except UnicodeDecodeError as error:
        raise InventoryError(f"{shown_path(file, inventory)} is not UTF-8 text.", remedy="Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        # str(error) would quote the line, and with it whatever stands there.
        mark = getattr(error, "problem_mark", None)
        place = Place(shown_path(file, inventory), mark.line + 1 if mark else 1)
        problem = getattr(error, "problem", None) or "is not YAML"
        raise InventoryError(
            f"{place}: this is not YAML: {problem}.",
            remedy="Look at this line and the one before: indentation, a colon, an open quote.",
            details={"file": place.file, "line": place.line, "key": None, "host": None, "nearest": None},
        ) from None


def _scopes(inventory: Path, host: str | None) -> Iterator[tuple[Path, yaml.Node | None]]:
    """Mappings of variables that apply to the host, strongest first."""
    base = inventory if inventory.is_dir() else inventory.parent
    sources = [(file, _compose(file, inventory)) for file in _sources(inventory)]
    walked = [(file, name, group) for file, node in sources for name, group in _walk_groups(node)]
    groups = (*_groups_of(host, [node for _, node in sources]), "all")
    if host is not None:
        for file in _variable_files(base / "host_vars", host):
            yield file, _compose(file, inventory)
        yield from ((file, _descend_exactly(group, ("hosts", host))) for file, _, group in walked)
    for group_name in groups:
        for file in _variable_files(base / "group_vars", group_name):
            yield file, _compose(file, inventory)
    for group_name in groups:
        yield from ((file, _descend_exactly(group, ("vars",))) for file, name, group in walked if name == group_name)


def _variable_files(folder: Path, name: str) -> list[Path]:
    found = [file for suffix in _VARIABLE_SUFFIXES if (file := folder / f"{name}{suffix}").is_file()]
    if (folder / name).is_dir():
        found.extend(sorted(file for file in (folder / name).rglob("*") if file.is_file() and _is_yaml(file)))
    return found


def _groups_of(host: str | None, nodes: list[yaml.Node | None]) -> list[str]:
    """Groups that hold the host (all groups if no host is given), children before their parents, without `all`."""
    parents: dict[str, set[str]] = {}
    holding: list[str] = []
    for node in nodes:
        for name, group in _walk_groups(node):
            children = _descend_exactly(group, ("children",))
            for child, _ in _pairs(children):
                parents.setdefault(child.value, set()).add(name)
            if host is None or _has_key(_descend_exactly(group, ("hosts",)), host):
                holding.append(name)
    ordered = list(dict.fromkeys(holding))
    for name in ordered:
        ordered.extend(parent for parent in sorted(parents.get(name, ())) if parent not in ordered)
    return [name for name in ordered if name != "all"]


def _walk_groups(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    for name, group in _pairs(node):
        yield name.value, group
        yield from _walk_groups(_descend_exactly(group, ("children",)))


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]


def _has_key(node: yaml.Node | None, name: str) -> bool:
    return any(key.value == name for key, _ in _pairs(node))


def _descend_exactly(node: yaml.Node | None, path: tuple[str, ...]) -> yaml.Node | None:
    for step in path:
        node = next((value for key, value in _pairs(node) if key.value == step), None)
    return node


def _descend(node: yaml.Node | None, path: KeyPath) -> yaml.Node | None:
    """The node of the deepest part of `path` that exists (for a mapping its key, so that the line is the key's)."""
    deepest: yaml.Node | None = None
    for step in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = deepest = node.value[step]
            continue
        pair = next(((key, value) for key, value in _pairs(node) if key.value == str(step)), None)
        if pair is None:
            break
        deepest, node = pair
    return deepest


def _repeated_keys(node: yaml.Node | None, above: tuple[int, ...] = ()) -> Iterator[tuple[yaml.ScalarNode, int]]:
    if id(node) in above:  # an alias to a mapping that holds it
        return
    above = (*above, id(node))
    first_lines: dict[str, int] = {}
    for key, value in _pairs(node):
        # `<<` merges another mapping and may stand several times.
        if key.value in first_lines and key.value != "<<":
            yield key, first_lines[key.value]
        first_lines.setdefault(key.value, key.start_mark.line + 1)
        yield from _repeated_keys(value, above)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item, above)
