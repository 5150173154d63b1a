"""Which files of a project the linter reads, and as what."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Kind = Literal["fly_toml", "workflow", "script", "document"]
_LARGEST = 1 << 20
#: What others wrote, or a program made.
_SKIPPED = frozenset(
    {
        ".git",
        "node_modules",
        ".venv",
        "venv",
        "vendor",
        "dist",
        "build",
        "__pycache__",
        ".ansible",
        "collections",
        "artifacts",
    }
)


def kind_of(path: Path) -> Kind | None:
    """What a file is to the linter; None for what it does not read."""
    name = path.name
    if re.fullmatch(r"fly(\..+)?\.toml", name):
        return "fly_toml"
    if path.parent.name == "workflows" and path.parent.parent.name == ".github" and path.suffix in (".yml", ".yaml"):
        return "workflow"
    if path.suffix in (".sh", ".bash"):
        return "script"
    if path.suffix == ".md":
        return "document"
    if not path.suffix and _begins_as_shell(path):
        return "script"
    return None


def files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder that it reads, in order: git's where it is a repository, without what git ignores."""
    names = _of_git(folder)
    found = [folder / name for name in names] if names is not None else _of_tree(folder)
    for path in sorted(found):
        if not _SKIPPED.isdisjoint(path.relative_to(folder).parts[:-1]) or path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_size <= _LARGEST and kind_of(path) is not None:
            yield path


def is_no_text(path: Path) -> bool:
    """Whether a file's beginning holds a zero byte, by which git, too, knows a binary."""
    with path.open("rb") as file:
        return b"\0" in file.read(8192)


def read(path: Path) -> str:
    """A file's text; bytes that are none are passed over."""
    return path.read_text(encoding="utf-8", errors="replace")


def _of_git(folder: Path) -> list[str] | None:
    command = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode != 0:
        return None
    return [name for name in done.stdout.decode("utf-8", "replace").split("\0") if name]


def _of_tree(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        found += [Path(place, name) for name in names]
    return found


def _begins_as_shell(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return bool(re.match(rb"#!\s*/\S*(?:/|env\s+)(?:ba|da|z)?sh\b", file.read(64)))
    except OSError:
        return False
