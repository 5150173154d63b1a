"""What CI proved of a commit: its checks by name, and the results that its tests left as artifacts."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from hotops.github.client import GitHub
from hotops.inventory.policy import Evidence

#: Conclusions that are no obstacle: a check that had nothing to do says neutral or skipped.
GREEN = frozenset({"success", "neutral", "skipped"})
#: A result is a small JSON document; what unpacks to more is not read.
_LARGEST_FILE = 20_000_000


@dataclass(frozen=True)
class Proof:
    """A test's artifact: when it was made, and the value in it that was asked for (None: nothing was asked)."""

    name: str
    made_at: float | None
    value: float | None = None
    trouble: str = ""


def checks_of(github: GitHub, repo: str, commit: str) -> dict[str, str]:
    """Every check of a commit by name: its conclusion, or `pending`. Of two with one name the worse one counts."""
    found: dict[str, str] = {}
    said = [(run.name, run.conclusion or "pending") for run in github.checks.runs(repo, commit)]
    said += [(status.name, status.state) for status in github.checks.statuses(repo, commit)]
    for name, conclusion in said:
        if found.get(name, "success") in GREEN:
            found[name] = conclusion
    return found


def not_green(wanted: Iterable[str], found: Mapping[str, str]) -> list[str]:
    """`test is absent`, `build is failure`: the required checks that are not green, absent ones too."""
    return [
        f"{name} is {found.get(name, 'absent')}" for name in wanted if name not in found or found[name] not in GREEN
    ]


def proof_of(github: GitHub, repo: str, commit: str, name: str, wanted: Evidence) -> Proof | None:
    """The newest artifact of this name that a run on this commit left, None where there is none (or it expired)."""
    found = [
        artifact
        for artifact in github.runs.artifacts_named(repo, wanted.artifact or name)
        if artifact.workflow_run is not None and artifact.workflow_run.head_sha == commit and not artifact.expired
    ]
    if not found:
        return None
    newest = max(found, key=lambda artifact: artifact.created_at or 0.0)
    if wanted.key is None:
        return Proof(name, newest.created_at)
    try:
        value = value_in(github.runs.download(repo, newest.id), wanted.file, wanted.key)
    except LookupError as error:
        return Proof(name, newest.created_at, trouble=str(error))
    return Proof(name, newest.created_at, value)


def value_in(content: bytes, pattern: str, key: str) -> float:
    """The number at `key` (`categories.performance.score`) of the JSON file in a zip. Raises LookupError in words."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [info for info in archive.infolist() if fnmatchcase(info.filename, pattern)]
            if not names:
                raise LookupError(f"no file {pattern} in it")
            if names[0].file_size > _LARGEST_FILE:
                raise LookupError(f"{names[0].filename} is too large to be a result")
            document: Any = json.loads(archive.read(names[0]))
    except (zipfile.BadZipFile, ValueError) as error:
        raise LookupError("it is no zip with JSON in it") from error
    for part in key.split("."):
        document = (
            document[int(part)] if isinstance(document, list) and part.isdigit() else _member(document, part, key)
        )
    if isinstance(document, bool) or not isinstance(document, (int, float)):
        raise LookupError(f"{key} is no number")
    return float(document)


def _member(document: Any, part: str, key: str) -> Any:
    if not isinstance(document, dict) or part not in document:
        raise LookupError(f"no {key} in it")
    return document[part]
