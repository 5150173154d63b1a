"""An `Environment` from an inventory's path, read by Ansible itself, for scripts and the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hotops.core.errors import InventoryError, MissingExtra
from hotops.core.secret import scrub
from hotops.inventory.files import check_files, has_plugin_source
from hotops.inventory.load import NO_EXTRA, environment_from_vars
from hotops.inventory.locate import KeyPath
from hotops.inventory.mistakes import Mistake, inventory_error
from hotops.inventory.run_vars import INVENTORY_KEYS
from hotops.inventory.schema import Environment
from hotops.inventory.spec import nearest

LISTING_TIMEOUT_S = 60
_TEMPLATE_MARKS = ("{{", "{%", "{#")
#: What ansible-inventory needs of this process's environment; tokens are not among it.
_PASSED_ON = (
    *("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE"),
    "HOTOPS_STATE_DIR",
)
_PASSED_ON_PREFIXES = ("LC_", "XDG_", "ANSIBLE_")


def load_environment(path: Path | str, *, extra: Mapping[str, Any] = NO_EXTRA) -> Environment:
    """The environment declared by the inventory at `path` (a folder or a file).

    Ansible merges the files; its templates are not evaluated, so a key that hotops reads must not be one. Raises
    InventoryError with file and line; MissingExtra where ansible-core is not installed.
    """
    inventory = Path(path)
    _check_exists(inventory)
    check_files(inventory)
    listed = _list(inventory)
    hostvars: dict[str, dict[str, Any]] = dict(listed.pop("_meta", {}).get("hostvars", {}))
    groups = {name: _hosts_of(name, listed) for name in listed}
    for hosts in groups.values():
        for host in hosts:
            hostvars.setdefault(host, {})
    _refuse_templates(hostvars, inventory)
    return environment_from_vars(hostvars, groups, inventory=inventory, extra=extra)


def _check_exists(inventory: Path) -> None:
    if inventory.exists():
        return
    siblings = [entry.name for entry in inventory.parent.iterdir()] if inventory.parent.is_dir() else []
    near = nearest(inventory.name, siblings)
    raise InventoryError(
        f"There is no inventory {inventory}.",
        remedy=f"Did you mean {inventory.parent / near}?" if near else "Name a folder below inventories/.",
        details={"file": str(inventory), "line": None, "key": None, "host": None, "nearest": near},
    )


def _command() -> str:
    beside = Path(sys.executable).with_name("ansible-inventory")
    found = str(beside) if beside.is_file() else shutil.which("ansible-inventory")
    if not found:
        raise MissingExtra("ansible-inventory is not installed.", remedy="Install ansible-core beside hotops.")
    return found


def _list(inventory: Path) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [_command(), "-i", str(inventory), "--list"],
            capture_output=True,
            text=True,
            timeout=LISTING_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env=_child_environment(inventory),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InventoryError(f"Ansible did not read {inventory} within {LISTING_TIMEOUT_S} s.") from None
    try:
        listed = json.loads(done.stdout) if done.returncode == 0 else None
    except ValueError:
        listed = None
    if not isinstance(listed, dict):
        said = scrub(done.stderr.strip()[-800:])
        raise InventoryError(
            f"Ansible can't read {inventory}: {said}", remedy=f"Try: ansible-inventory -i {inventory} --list"
        )
    return listed


def _child_environment(inventory: Path) -> dict[str, str]:
    """This process's environment without credentials, unless an inventory plugin of the inventory may need them."""
    if has_plugin_source(inventory):
        return dict(os.environ)
    return {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }


def _hosts_of(group: str, listed: Mapping[str, Any]) -> list[str]:
    """Hosts of a group and of its children, in order, each once."""
    found: dict[str, None] = dict.fromkeys(listed.get(group, {}).get("hosts", ()))
    for child in listed.get(group, {}).get("children", ()):
        found.update(dict.fromkeys(_hosts_of(child, listed)))
    return list(found)


def _refuse_templates(hostvars: Mapping[str, Mapping[str, Any]], inventory: Path) -> None:
    mistakes = [
        Mistake(what, (key, *path), host, remedy="Write the value itself, or run a playbook, which evaluates it.")
        for host, values in hostvars.items()
        for key, value in values.items()
        if key in INVENTORY_KEYS
        for path, what in _unreadable(value)
    ]
    if mistakes:
        raise inventory_error(mistakes, inventory)


def _unreadable(value: Any) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str) and any(mark in value for mark in _TEMPLATE_MARKS):
        yield (), "is a template, and only a playbook evaluates templates"
    elif isinstance(value, dict):
        if "__ansible_vault" in value:
            yield (), "is encrypted, and an inventory holds names, never values"
            return
        for key, item in value.items():
            for path, what in _unreadable(item):
                yield (key, *path), what
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for path, what in _unreadable(item):
                yield (index, *path), what
