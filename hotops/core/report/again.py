"""The page of a run made again: of a run that died, of one sealed by an older hotops, or to lie somewhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hotops.core.chain import records, split_lines
from hotops.core.errors import UsageError
from hotops.core.evidence import JOURNAL_FILE, MANIFEST_FILE, REPORT_FILE
from hotops.core.manifest import read_manifest
from hotops.core.report.page import render
from hotops.core.signing import SignatureInvalid
from hotops.core.state import write_atomically


@dataclass(frozen=True)
class Made:
    """Where the page is, and whether it was written now."""

    path: Path
    written: bool


def make_again(folder: Path, out: Path | None = None) -> Made:
    """Write the page of the run in `folder`, or say that it is there.

    A sealed folder takes the very page that was signed and no other, since anything else in it reads as altered.
    Raises UsageError: no evidence there, or a sealed folder that can't take the page.
    """
    try:
        lines = records(split_lines((folder / JOURNAL_FILE).read_bytes()))
    except OSError as error:
        raise UsageError(
            f"{folder / JOURNAL_FILE} can't be read: {error.strerror}.", remedy="Name the folder of a run."
        ) from error
    page = render(lines)
    path = out or folder / REPORT_FILE
    if out is None and (folder / MANIFEST_FILE).exists():
        if path.exists():
            return Made(path, written=False)
        if _signed_digest(folder) != hashlib.sha256(page.encode()).hexdigest():
            raise UsageError(
                f"{folder} is sealed without this page, and a file more would read as altered.",
                remedy="Write it somewhere else: hotops evidence report DIR --out FILE",
            )
    try:
        write_atomically(path, page, mode=0o644)
    except OSError as error:
        raise UsageError(
            f"{path} can't be written: {error.strerror}.", remedy="Name another file: --out FILE"
        ) from error
    return Made(path, written=True)


def _signed_digest(folder: Path) -> str | None:
    """The digest of the page that the manifest signs; None where it signs none, or is damaged itself."""
    try:
        subjects = read_manifest((folder / MANIFEST_FILE).read_bytes()).body.get("subject") or []
    except (OSError, SignatureInvalid):
        return None
    for subject in subjects:
        match subject:
            case {"name": name, "digest": {"sha256": str(digest)}} if name == REPORT_FILE:
                return digest
    return None
