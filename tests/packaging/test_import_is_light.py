"""`import hotops` costs next to nothing, and each public name is there when it is asked for."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import hotops

HEAVY = ("ansible", "hotops.sandbox", "httpx", "pydantic", "typer", "rich", "jinja2", "yaml", "nacl", "psycopg")


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_import_hotops_loads_nothing_heavy() -> None:
    loaded = modules_after("import hotops")
    assert loaded.isdisjoint(HEAVY)
    assert {name for name in loaded if name.startswith("hotops")} == {"hotops"}


def library_modules() -> list[str]:
    """Every module of the library: all of hotops but the sandbox (plugins are no Python packages)."""
    found = (module.name for module in pkgutil.walk_packages(hotops.__path__, "hotops."))
    return [name for name in found if not name.startswith("hotops.sandbox")]


def test_the_whole_library_loads_neither_ansible_nor_the_sandbox() -> None:
    names = library_modules()
    assert {"hotops.cli", "hotops.core.errors", "hotops.fly"} <= set(names)
    loaded = modules_after(f"import {', '.join(names)}")
    assert not {name for name in loaded if name.split(".")[0] in {"ansible", "ansible_collections"}}
    assert not {name for name in loaded if name.startswith("hotops.sandbox")}


@pytest.mark.parametrize("name", hotops.__all__)
def test_a_public_name_is_there(name: str) -> None:
    assert getattr(hotops, name)
    assert name in dir(hotops)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = hotops.Nonsense
