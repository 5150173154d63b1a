"""A file of JSON lines, each with the hash of the one before, that several processes and threads append to.

Each append opens the file anew and holds `flock` on it: that lock belongs to the open file, so it keeps out threads as
well as forked workers, and the kernel drops it with a killed process. Number and hash are read from the last line, not
kept in memory, as any process may have written it.

A writer that is killed in the middle of a write (or a power cut) leaves a last line without its end. The next writer
ends it as it is, and says so in a line of its own; the fragment stays, so nothing that was recorded is lost unseen.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotops.core.errors import HotopsError

#: What the first line carries as the hash of the line before it.
NO_LINE_BEFORE = "0" * 64
#: A lock is held for one write and one fsync; whoever waits longer than this waits for a process that is stopped.
LOCK_TIMEOUT_S = 30.0

_FIRST_READ = 8192

Record = Mapping[str, object]


class EvidenceUnwritable(HotopsError):
    """A line of evidence can't be written: no room, no permission, no folder, or a stopped process holds the file."""

    code = "evidence_unwritable"


@dataclass(frozen=True)
class Tail:
    """The end of a chain: how many lines, the hash of the last one, and whether that one is cut off."""

    lines: int
    head: str
    cut_off: bool
    size: int


@dataclass(frozen=True)
class Line:
    """One line as it stands in the file; `fields` is None if it is not a JSON object. `hash` is of its bytes."""

    number: int
    hash: str
    fields: dict[str, Any] | None
    cut_off: bool = False


def line_hash(line: bytes) -> str:
    """SHA-256, in hex, of a line without its newline."""
    return hashlib.sha256(line).hexdigest()


def split_lines(data: bytes) -> list[Line]:
    """The lines of a chain's file; the last one is `cut_off` if it has no newline."""
    chunks = data.split(b"\n")
    rest = chunks.pop()
    lines = [Line(number, line_hash(chunk), _fields(chunk)) for number, chunk in enumerate(chunks, 1)]
    if rest:
        lines.append(Line(len(lines) + 1, line_hash(rest), _fields(rest), cut_off=True))
    return lines


def records(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The whole lines' fields, in order; what is cut off or no JSON is left out."""
    return [line.fields for line in lines if line.fields is not None and not line.cut_off]


class LockedChain:
    """A chain's file, opened and locked; see `locked`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.tail = _read_tail(descriptor)

    def prepare(self, new: Sequence[Record], *, about_cut_off: Callable[[int], Record]) -> tuple[bytes, Tail]:
        """The bytes that appending `new` would add, and the tail after it; nothing is written.

        `about_cut_off(number)` is the record that tells of a fragment found at the end; it goes before the others.
        """
        lines, head = self.tail.lines, self.tail.head
        data = b""
        pending = list(new)
        if self.tail.cut_off:
            data = b"\n"
            pending.insert(0, about_cut_off(lines))
        for record in pending:
            lines += 1
            text = json.dumps({"n": lines, **record, "prev": head}, ensure_ascii=False, allow_nan=False)
            line = text.encode()
            head = line_hash(line)
            data += line + b"\n"
        return data, Tail(lines, head, cut_off=False, size=self.tail.size + len(data))

    def write(self, data: bytes, tail: Tail, *, sync: bool = True) -> None:
        """Append what `prepare` made, in one write, and bring it to the disk. Raises OSError, with nothing added.

        Without `sync` it may get there later, at the latest with the next line that is synced.
        """
        try:
            if os.write(self._descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if sync:
                os.fsync(self._descriptor)
        except OSError:
            # Half a line is worse than none; if this fails too, the next writer deals with the fragment.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.tail.size)
            raise
        self.tail = tail

    def content(self) -> bytes:
        """All bytes of the file."""
        return os.pread(self._descriptor, self.tail.size, 0)


@contextlib.contextmanager
def locked(path: Path, *, timeout_s: float | None = None) -> Iterator[LockedChain]:
    """The chain in `path`, which must exist, while nobody else writes to it.

    Raises OSError if it can't be opened, EvidenceUnwritable if another process keeps it longer than `timeout_s`
    (LOCK_TIMEOUT_S if omitted).
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        _lock(descriptor, path, LOCK_TIMEOUT_S if timeout_s is None else timeout_s)
        try:
            yield LockedChain(descriptor)
        finally:
            # Said aloud: a worker forked in between holds a copy of the descriptor, so closing ours is not enough.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, timeout_s: float) -> None:
    """Asked for again and again, as `flock` itself knows no timeout. Real time: the holder is another process."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EvidenceUnwritable(
                    f"{path} has been locked by another process for {timeout_s:.0f} s.",
                    remedy="`lsof` on that file names the process; it is probably stopped.",
                ) from None
            time.sleep(random.uniform(0.0002, 0.002))  # noqa: S311 (spreads the waiters; no secret)
        else:
            return


def _read_tail(descriptor: int) -> Tail:
    """From the last line whose number can be read: one line back as a rule, one more after a fragment."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        return Tail(0, NO_LINE_BEFORE, cut_off=False, size=0)
    reach = _FIRST_READ
    while True:
        start = max(0, size - reach)
        chunks = os.pread(descriptor, size - start, start).split(b"\n")
        if start > 0:
            chunks.pop(0)  # may be the end of a longer line
        cut_off = bool(chunks and chunks[-1])
        if not cut_off and chunks:
            chunks.pop()
        for newer, chunk in enumerate(reversed(chunks)):
            number = (_fields(chunk) or {}).get("n")
            if isinstance(number, int):
                return Tail(number + newer, line_hash(chunks[-1]), cut_off, size)
        if start == 0:
            return Tail(len(chunks), line_hash(chunks[-1]), cut_off, size)
        reach *= 4


def _fields(chunk: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(chunk)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None
