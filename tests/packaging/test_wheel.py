"""The wheel: the library and the whole collection, and nothing of the checkout that is not for users."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import hotops

from .conftest import ROOT, build

COLLECTION = "ansible_collections/hotops/core/"


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def below(prefix: str, wheel: Path) -> set[str]:
    """Paths of all files of the wheel below a folder, relative to it."""
    return {name.removeprefix(prefix) for name in contents(wheel) if name.startswith(prefix)}


def tree(folder: Path) -> set[str]:
    """Paths of all source files below a folder, relative to it."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.endswith(".pyc")
    }


@pytest.mark.parametrize(
    ("source", "target"),
    [("hotops/plugins", "plugins"), ("hotops/meta", "meta"), ("playbooks", "playbooks"), ("roles", "roles")],
)
def test_every_file_of_the_collection_is_in_the_wheel(wheel: Path, source: str, target: str) -> None:
    assert below(f"{COLLECTION}{target}/", wheel) == tree(ROOT / source)


def test_every_file_of_the_library_is_in_the_wheel(wheel: Path) -> None:
    of_the_collection = ("plugins/", "meta/", "galaxy.yml")
    assert below("hotops/", wheel) == {path for path in tree(ROOT / "hotops") if not path.startswith(of_the_collection)}


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    strays = [name for name in contents(wheel) if not name.startswith(("hotops/", COLLECTION, "hotops-"))]
    assert strays == []


def test_the_version_is_written_once(wheel: Path) -> None:
    galaxy = yaml.safe_load(contents(wheel)[f"{COLLECTION}galaxy.yml"])
    assert galaxy["version"] == hotops.__version__
    assert f"hotops-{hotops.__version__}-" in wheel.name
    assert yaml.safe_load((ROOT / "hotops/galaxy.yml").read_text(encoding="utf-8"))["version"] is None


def test_both_licences_travel_with_the_wheel(wheel: Path) -> None:
    files = contents(wheel)
    licences = f"hotops-{hotops.__version__}.dist-info/licenses/"
    assert b"Apache License" in files[f"{licences}LICENSE"]
    assert b"GNU GENERAL PUBLIC LICENSE" in files[f"{licences}hotops/plugins/COPYING"]
    metadata = files[f"hotops-{hotops.__version__}.dist-info/METADATA"].decode()
    assert "License-Expression: Apache-2.0 AND GPL-3.0-or-later" in metadata


def test_the_sdist_builds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    subprocess.run(["tar", "-xzf", sdist, "-C", tmp_path / "source"], check=True, timeout=60)
    (source,) = (tmp_path / "source").iterdir()
    from_sdist = build(["--wheel"], source, tmp_path / "wheel")
    assert contents(from_sdist) == contents(wheel)


def test_the_sdist_holds_sources_and_no_links(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = {member.name.split("/", 1)[1]: member for member in archive.getmembers()}
    assert {"hatch_build.py", "playbooks/promote.yml", "promote.yml", "hotops/galaxy.yml"} <= set(members)
    assert [name for name, member in members.items() if member.issym()] == []
    assert [name for name in members if name.startswith(("collections/", ".venv/"))] == []
