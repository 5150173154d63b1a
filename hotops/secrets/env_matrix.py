"""The part of a Markdown file that says which secret is where: written between two marks, the rest is left alone."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hotops.core.errors import HotopsError, UsageError
from hotops.core.state import write_atomically

HEADER = ("Secret", "Vault", "Place", "State", "Machines", "Rotate", "Used by")


class MatrixBroken(UsageError):
    """The file's marks contradict each other, or it can't be read; nothing was written. Names file and line."""

    code = "env_matrix"


class MatrixUnwritable(HotopsError):
    """The file can't be written."""

    code = "env_matrix_unwritable"


@dataclass(frozen=True)
class Marks:
    """The lines around the part of one environment."""

    environment: str

    @property
    def begin(self) -> str:
        return (
            f"<!-- hotops secrets audit {self.environment}: begin. Written by hotops; change it in the secret map. -->"
        )

    @property
    def end(self) -> str:
        return f"<!-- hotops secrets audit {self.environment}: end -->"

    def is_begin(self, line: str) -> bool:
        """By its beginning: the words behind the name may be another version's."""
        return line.strip().startswith(f"<!-- hotops secrets audit {self.environment}: begin")

    def is_end(self, line: str) -> bool:
        return line.strip().startswith(f"<!-- hotops secrets audit {self.environment}: end")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; what would break it is escaped."""
    lines = [HEADER, tuple("---" for _ in HEADER), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def with_part(text: str | None, environment: str, part: str, *, shown: str) -> str:
    """The file's text with this part; all else stays byte for byte. A file without marks gets the part at its end.

    Raises MatrixBroken where a mark stands twice, or one without the other.
    """
    marks = Marks(environment)
    end_of_line = "\r\n" if text and "\r\n" in text else "\n"
    block = end_of_line.join([marks.begin, "", *part.rstrip("\n").split("\n"), "", marks.end])
    if text is None:
        return f"# Secrets: what is where\n\n{block}\n"
    place = _place(text, marks, shown)
    if place is not None:
        return text[: place[0]] + block + text[place[1] :]
    gap = "" if not text else end_of_line if text.endswith("\n") else end_of_line * 2
    return f"{text}{gap}{block}{end_of_line}"


def part_of(text: str | None, environment: str, *, shown: str) -> list[str]:
    """The lines between the marks, none where there are no marks. Raises MatrixBroken."""
    place = None if text is None else _place(text, Marks(environment), shown)
    if text is None or place is None:
        return []
    return [line for line in text[place[0] : place[1]].splitlines()[1:-1] if line.strip()]


def read(path: Path, *, project: Path, shown: str) -> str | None:
    """The file's text, line ends and all; None where there is no file. Raises MatrixBroken."""
    target = path.resolve()
    if not target.is_relative_to(project.resolve()):
        raise MatrixBroken(
            f"env_matrix {shown} lies outside of the project.", remedy="Name a file below the project's folder."
        )
    try:
        return target.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise MatrixBroken(f"{shown} can't be read: {why}.", remedy="Correct env_matrix in the inventory.") from None


def write(path: Path, environment: str, part: str, *, project: Path, shown: str) -> None:
    """Bring the part into the file, whole or not at all; what somebody wrote beside it meanwhile stays.

    Raises MatrixBroken, MatrixUnwritable.
    """
    target = path.resolve()
    read(path, project=project, shown=shown)  # outside of the project: refused before a folder is made
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(target.parent):
            text = read(path, project=project, shown=shown)
            mode = 0o644 if text is None else stat.S_IMODE(target.stat().st_mode)
            write_atomically(target, with_part(text, environment, part, shown=shown), mode=mode)
    except OSError as error:
        raise MatrixUnwritable(
            f"{shown} can't be written: {error.strerror}.", remedy=f"ls -ld {target.parent}"
        ) from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One writer at a time: audits of two environments may share the file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _place(text: str, marks: Marks, shown: str) -> tuple[int, int] | None:
    """Where the part begins and ends, its marks included and the last line's end not."""
    begins: list[tuple[int, int]] = []
    ends: list[tuple[int, int]] = []
    at = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if marks.is_begin(line):
            begins.append((number, at))
        elif marks.is_end(line):
            ends.append((number, at + len(line.rstrip("\r\n"))))
        at += len(line)
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        wrong = (begins[1:] or ends[1:] or begins or ends)[0][0]
        raise MatrixBroken(
            f"{shown}:{wrong}: the marks of {marks.environment} have to stand there once each, begin before end.",
            remedy="Remove both marks and what is between them; the next audit writes it anew.",
            details={"file": shown, "line": wrong},
        )
    return begins[0][1], ends[0][1]


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
