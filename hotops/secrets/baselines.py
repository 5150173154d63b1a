"""Lists of what other scanners were told to overlook: one that grows hides new secrets behind old ones."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

#: Rule of a list that holds more than it once did.
RULE = "a scanner's baseline grew"
#: What gitleaks, detect-secrets, trufflehog and their users call these files.
_NAMES = frozenset(
    {
        ".secrets.baseline",
        ".gitleaksignore",
        "gitleaks-baseline.json",
        ".gitleaks-baseline.json",
        "gitleaks-report.json",
    }
)
_WORDS = ("gitleaks", "secret", "trufflehog", "leaks")


@dataclass(frozen=True)
class Grown:
    """A list that has more entries than at its smallest, and since when."""

    path: str
    now: int
    least: int
    commit: str

    @property
    def place(self) -> str:
        """`.gitleaksignore: 14 entries, 9 in 3fa9c1d2`."""
        return f"{self.path}: {self.now} entries, {self.least} in {self.commit}"


def grown(folder: Path) -> Iterator[Grown]:
    """Lists in the repository that grew: what is found is mended, and not added to what is overlooked."""
    for name in _git(folder, "ls-files", "-z").split("\0"):
        if not _is_baseline(name):
            continue
        file = folder / name
        now = entries_in(name, file.read_bytes()) if file.is_file() else None
        commits = _git(folder, "log", "--format=%h", "--", name).split()
        sizes = [(size, commit) for commit in commits if (size := _at(folder, commit, name)) is not None]
        if now is None or not sizes:
            continue
        least, commit = min(sizes, key=lambda found: found[0])
        if now > least:
            yield Grown(name, now, least, commit)


def entries_in(name: str, content: bytes) -> int | None:
    """How many findings a list overlooks; None where it is no such list after all."""
    text = content.decode("utf-8", "replace")
    if not name.endswith((".json", ".baseline")):
        return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text.splitlines())
    try:
        document: Any = json.loads(text or "[]")
    except ValueError:
        return None
    if isinstance(document, list):
        return len(document)
    results = document.get("results") if isinstance(document, dict) else None
    return sum(len(found) for found in results.values()) if isinstance(results, dict) else None


def _is_baseline(path: str) -> bool:
    name = PurePosixPath(path).name.lower()
    is_named_so = "baseline" in name and any(word in name for word in _WORDS) and name.endswith((".json", ".baseline"))
    return name in _NAMES or is_named_so


def _at(folder: Path, commit: str, name: str) -> int | None:
    command = ["git", "-C", str(folder), "show", f"{commit}:./{name}"]
    done = subprocess.run(command, capture_output=True, check=False)
    return entries_in(name, done.stdout) if done.returncode == 0 else None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else ""
