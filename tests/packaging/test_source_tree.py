"""The source tree: what packaging, Ansible and the layers need of it, and what must never be in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT

MADE_BY_TOOLS = {"__pycache__", "artifacts", "build", "dist", "htmlcov"}
HIDDEN_SOURCE = {".ansible-lint", ".ci", ".gitignore"}
LINKS = ROOT / "collections/ansible_collections/hotops/core"


def source_files() -> Iterator[Path]:
    """All text files of the project, as far as a reader of the repository sees them."""
    pending = [ROOT]
    while pending:
        for path in sorted(pending.pop().iterdir()):
            is_hidden = path.name.startswith(".") and path.name not in HIDDEN_SOURCE
            if path.is_symlink() or is_hidden or path.name in MADE_BY_TOOLS:
                continue
            if path.is_dir():
                pending.append(path)
            else:
                yield path


def imports_of(path: Path) -> set[str]:
    """Every absolute module name that a Python file imports, at any depth."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("name", ["promote", "rollback", "deploy", "health"])
def test_a_root_playbook_is_one_import(name: str) -> None:
    (play,) = yaml.safe_load((ROOT / f"{name}.yml").read_text(encoding="utf-8"))
    assert play["ansible.builtin.import_playbook"] == f"hotops.core.{name}"
    assert set(play) == {"name", "ansible.builtin.import_playbook"}


def test_the_collection_of_a_checkout_is_relative_links_that_lead_somewhere() -> None:
    links = [path for path in LINKS.iterdir() if path.name != "README.md"]
    assert {path.name for path in links} == {"plugins", "meta", "galaxy.yml", "playbooks", "roles", "CHANGELOG.md"}
    for link in links:
        assert link.is_symlink()
        assert not link.readlink().is_absolute()
        assert link.resolve(strict=True).is_relative_to(ROOT)


def test_collections_is_no_python_package() -> None:
    # With the checkout on sys.path it would stand in for the standard library's `collections`.
    assert not list((ROOT / "collections").rglob("__init__.py"))


def test_playbooks_and_roles_have_names_that_can_be_called() -> None:
    # "dr-drill" runs by path, but hotops.core.dr-drill "could not be found".
    names = [path.stem for path in (ROOT / "playbooks").rglob("*.yml")] + [
        path.name for path in (ROOT / "roles").iterdir()
    ]
    assert [name for name in names if not re.fullmatch(r"[a-z_][a-z0-9_]*", name)] == []


def test_only_plugins_import_ansible() -> None:
    found = {
        str(path.relative_to(ROOT)): name
        for path in (ROOT / "hotops").rglob("*.py")
        if not path.is_relative_to(ROOT / "hotops/plugins")
        for name in imports_of(path)
        if is_below(name, "ansible") or is_below(name, "ansible_collections") or is_below(name, "hotops.plugins")
    }
    assert found == {}


def test_plugins_reach_the_library_and_never_the_sandbox() -> None:
    # An editable install could import a plugin under a second name, and then two copies of it would be alive.
    found = {
        str(path.relative_to(ROOT)): name
        for path in (ROOT / "hotops/plugins").rglob("*.py")
        for name in imports_of(path)
        if is_below(name, "hotops.sandbox") or is_below(name, "hotops.plugins") or is_below(name, "hotops.cli")
    }
    assert found == {}


def test_the_sandbox_and_the_library_share_the_wire_only() -> None:
    found = {}
    for path in (ROOT / "hotops").rglob("*.py"):
        in_sandbox = path.is_relative_to(ROOT / "hotops/sandbox")
        for name in imports_of(path):
            if (
                is_below(name, "hotops")
                and is_below(name, "hotops.sandbox") != in_sandbox
                and (in_sandbox or "sandbox" in name)
            ):
                found[str(path.relative_to(ROOT))] = name
    assert found == {}


def test_each_plugin_says_its_licence() -> None:
    missing = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "hotops/plugins").rglob("*.py")
        if "SPDX-License-Identifier: GPL-3.0-or-later" not in path.read_text(encoding="utf-8")
    ]
    assert missing == []


NEVER = {
    "a path of one machine": r"(?<![\w.}~])/(?:home/\w+|Users/\w+|root|work)/",
    "a password in a URL": r"postgres(?:ql)?://[^:/\s]+:[^@/\s${}<\['\"]{6,}@",
    "a token": r"sbp_[a-f0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|fm[12]_[A-Za-z0-9]{12,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
}


@pytest.mark.parametrize("what", NEVER)
def test_the_source_never_holds(what: str) -> None:
    pattern = re.compile(NEVER[what])
    found = []
    for path in source_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}: {match.group()}"
            for number, line in enumerate(text.splitlines(), 1)
            if (match := pattern.search(line))
        ]
    assert found == []
