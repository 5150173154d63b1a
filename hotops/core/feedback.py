"""A team's feedback file: one short entry per run, appended in the form that the team reads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hotops.core.clock import rfc3339
from hotops.core.errors import HotopsError, UsageError
from hotops.core.secret import Secret, scrub

#: The team reads summaries; the whole is in the evidence folder.
MOST_EVIDENCE_LINES = 10


class FeedbackUnwritable(HotopsError):
    """The entry could not be appended."""

    code = "feedback_unwritable"


@dataclass(frozen=True)
class FeedbackEntry:
    """One entry. `at` is in unix seconds; `status` is a word or two (`Promoted`, `Rolled back`)."""

    at: float
    status: str
    working_on: str
    progress: Sequence[str] = ()
    evidence: Sequence[str] = ()
    blockers: Sequence[str] = ()
    next: Sequence[str] = ()


def append_entry(path: Path, entry: FeedbackEntry, *, project: Path, secrets: Iterable[Secret] = ()) -> None:
    """Append `entry` to the file `path` (relative ones: in `project`); one write under a lock, all or nothing.

    Raises UsageError if the file lies outside of the project, also by way of links, and FeedbackUnwritable.
    """
    root = project.resolve()
    target = (root / path).resolve()
    if not target.is_relative_to(root):
        raise UsageError(
            f"The feedback file {path} lies outside of the project {root}.",
            remedy="Let `feedback_file` name a file inside the project.",
        )
    text = scrub(render_entry(entry), secrets)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _append(target, text)
    except OSError as error:
        raise FeedbackUnwritable(
            f"The feedback file {target} can't be written: {error.strerror or error}.",
            remedy="Make room or give access; the run itself is not touched by this.",
        ) from error


def render_entry(entry: FeedbackEntry) -> str:
    """The entry as Markdown, with its heading and a newline at the end."""
    parts = [
        f"## {rfc3339(entry.at)} — Deployment: {_one_line(entry.status)}",
        f"**Working On:** {_one_line(entry.working_on)}",
        _section("Progress", entry.progress),
        _section("Evidence", _shortened(entry.evidence)),
        _section("Blockers", entry.blockers),
        _section("Next", entry.next),
    ]
    return "\n\n".join(parts) + "\n"


def _section(name: str, lines: Sequence[str]) -> str:
    if not lines:
        return f"**{name}:** None"
    return f"**{name}:**\n" + "\n".join(f"- {_one_line(line)}" for line in lines)


def _shortened(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) <= MOST_EVIDENCE_LINES:
        return lines
    shown = MOST_EVIDENCE_LINES - 1
    return [*lines[:shown], f"… {len(lines) - shown} more lines in the evidence folder"]


def _one_line(text: str) -> str:
    """A text with line breaks could make headings and entries of its own."""
    return " ".join(text.split())


def _append(target: Path, text: str) -> None:
    descriptor = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        end = os.pread(descriptor, 2, max(0, size - 2))
        gap = "" if not size or end == b"\n\n" else "\n" if end.endswith(b"\n") else "\n\n"
        data = (gap + text).encode("utf-8", "replace")
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
