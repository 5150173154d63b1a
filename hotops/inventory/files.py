"""The YAML files of an inventory: which ones Ansible reads, and what is wrong with them as files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from hotops.core.errors import InventoryError
from hotops.inventory.spec import nearest

#: Ansible's INVENTORY_IGNORE_EXTS and what is never an inventory source.
_IGNORED = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry", ".ini")
#: In Ansible's order: the first of them that exists is read, the others are not.
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


def sources(inventory: Path) -> list[Path]:
    """YAML files that define hosts and groups; Ansible also reads INI, in which nothing can be located."""
    if not inventory.is_dir():
        return [inventory] if _is_yaml(inventory) and not _is_ini(inventory) else []
    found = []
    for entry in sorted(inventory.iterdir()):
        if entry.name in {"group_vars", "host_vars"} or entry.name.startswith(".") or entry.name.endswith(_IGNORED):
            continue
        found.extend(sources(entry))
    return found


def variable_files(inventory: Path, kind: str, name: str) -> list[Path]:
    """Files of `kind` (group_vars or host_vars) that Ansible reads for a group or host, strongest first."""
    folder = _base(inventory) / kind
    for suffix in _VARIABLE_SUFFIXES:
        found = folder / f"{name}{suffix}"
        if found.is_dir():
            return sorted(
                (file for file in found.rglob("*") if _is_yaml(file) and not _is_hidden(file, found)), reverse=True
            )
        if found.is_file():
            return [found]
    return []


def compose(file: Path, inventory: Path) -> yaml.Node | None:
    """The file as YAML nodes with their lines. Raises InventoryError with file and line; the file is not quoted."""
    try:
        return yaml.compose(file.read_text(encoding="utf-8"), Loader=_LOADER)
    except UnicodeDecodeError:
        raise _wrong_file(Place(shown_path(file, inventory), 1), "is not UTF-8 text", "Save it as UTF-8.") from None
    except yaml.YAMLError as error:
        # str(error) would quote the line, and with it whatever stands there.
        mark = getattr(error, "problem_mark", None)
        place = Place(shown_path(file, inventory), mark.line + 1 if mark else 1)
        problem = getattr(error, "problem", None) or "something else"
        remedy = "Look at this line and the one before: indentation, a colon, an open quote."
        raise _wrong_file(place, f"this is not YAML: {problem}", remedy) from None


def pairs(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Keys and values of a mapping; nothing if it is none."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]


def check_files(inventory: Path) -> None:
    """Every YAML file is YAML, holds no key twice and is not hidden by another one.

    Ansible only warns of the first two and is silent on the third. Raises InventoryError with file, line and key.
    """
    for file in [*sources(inventory), *_all_variable_files(inventory)]:
        for repeated, first_line in _repeated_keys(compose(file, inventory)):
            place = Place(shown_path(file, inventory), repeated.start_mark.line + 1)
            text = f"{repeated.value}: stands twice, first in line {first_line}; the last one would count"
            raise _wrong_file(place, text, "Remove one of the two.", key=repeated.value)
    for kind in ("group_vars", "host_vars"):
        for name, entries in _variable_entries(inventory, kind).items():
            for hidden in entries[1:]:
                place = Place(shown_path(hidden, inventory), 1)
                text = f"Ansible does not read this, since {shown_path(entries[0], inventory)} is there too"
                raise _wrong_file(place, text, f"Keep the variables of {name} in one of the two.")


def check_file_names(inventory: Path, *, hosts: Iterable[str], groups: Iterable[str]) -> None:
    """Every file of group_vars and host_vars belongs to a group or host; a misspelt one is read by nobody.

    Only for an inventory that is a folder: beside a single file they may belong to another one. Raises InventoryError.
    """
    if not inventory.is_dir():
        return
    for kind, names in (("group_vars", {*groups, "all", "ungrouped"}), ("host_vars", {*hosts, "localhost"})):
        for name, entries in _variable_entries(inventory, kind).items():
            if name not in names:
                near = nearest(name, names)
                what = "group" if kind == "group_vars" else "host"
                remedy = f"Did you mean {near!r}?" if near else f"Known: {', '.join(sorted(names))}."
                raise _wrong_file(
                    Place(shown_path(entries[0], inventory), 1), f"there is no {what} {name!r}", remedy, near=near
                )


def has_plugin_source(inventory: Path) -> bool:
    """Whether a file of the inventory is the configuration of an inventory plugin (it has the key `plugin`)."""
    return any(key.value == "plugin" for file in sources(inventory) for key, _ in pairs(compose(file, inventory)))


def _wrong_file(
    place: Place, text: str, remedy: str, *, key: str | None = None, near: str | None = None
) -> InventoryError:
    details = {"file": place.file, "line": place.line, "key": key, "host": None, "nearest": near}
    return InventoryError(f"{place}: {text}.", remedy=remedy, details=details)


def _base(inventory: Path) -> Path:
    return inventory if inventory.is_dir() else inventory.parent


def _variable_entries(inventory: Path, kind: str) -> dict[str, list[Path]]:
    """Files and folders of group_vars or host_vars by the group or host they are for, the one that is read first."""
    folder = _base(inventory) / kind
    entries: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if entry.name.startswith(".") or not (entry.is_dir() or _is_yaml(entry)):
            continue
        name = entry.name if entry.is_dir() else entry.name.removesuffix(entry.suffix)
        entries.setdefault(name, []).append(entry)
    for found in entries.values():
        found.sort(key=lambda entry: _VARIABLE_SUFFIXES.index("" if entry.is_dir() else entry.suffix))
    return entries


def _all_variable_files(inventory: Path) -> list[Path]:
    return [
        file
        for kind in ("group_vars", "host_vars")
        for name in _variable_entries(inventory, kind)
        for file in variable_files(inventory, kind, name)
    ]


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _is_yaml(file: Path) -> bool:
    return file.suffix in _VARIABLE_SUFFIXES and file.is_file() and not _is_script(file)


def _is_script(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(2) == b"#!"


def _is_ini(file: Path) -> bool:
    lines = (line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return not file.suffix and next((line for line in lines if line and line[0] not in "#;"), "").startswith("[")


def _repeated_keys(node: yaml.Node | None, above: tuple[int, ...] = ()) -> Iterator[tuple[yaml.ScalarNode, int]]:
    if id(node) in above:  # an alias to a mapping that holds it
        return
    above = (*above, id(node))
    first_lines: dict[str, int] = {}
    for key, value in pairs(node):
        # `<<` merges another mapping and may stand several times.
        if key.value in first_lines and key.value != "<<":
            yield key, first_lines[key.value]
        first_lines.setdefault(key.value, key.start_mark.line + 1)
        yield from _repeated_keys(value, above)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item, above)
