"""All lines of a repository that somebody can read: files, untracked ones, the whole history, and commit messages."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hotops.core.errors import UsageError

_LARGEST = 2 << 20
_HUNK = re.compile(r"@@ -\S+ \+(\d+)")
_SCISSORS = "# ------------------------ >8"
_COMMIT = "\x01commit "


@dataclass(frozen=True)
class Line:
    """One line and where it is: in a file of today, in a commit's change of a file, or in a commit's message."""

    text: str
    path: str
    number: int
    commit: str = ""

    @property
    def place(self) -> str:
        """`src/db.ts:12`, `src/db.ts:12 in 3fa9c1d2`, `message of 3fa9c1d2`."""
        if self.commit and not self.path:
            return f"message of {self.commit}"
        return f"{self.path}:{self.number}" + (f" in {self.commit}" if self.commit else "")


def files_today(folder: Path) -> Iterator[Line]:
    """Tracked and untracked files, but for what git ignores."""
    for name in _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        file = folder / name
        if not name or not file.is_file() or file.is_symlink() or file.stat().st_size > _LARGEST:
            continue
        content = file.read_bytes()
        if b"\0" in content[:8000]:
            continue
        for number, text in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
            yield Line(text, name, number)


def being_committed(folder: Path, message: Path) -> Iterator[Line]:
    """A commit that is being made: its message, without git's own comments, and the lines that it adds."""
    try:
        texts = message.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UsageError(
            f"{message} can't be read: {error.strerror}.", remedy="Give the file that git names."
        ) from None
    for number, text in enumerate(texts, start=1):
        if text.startswith(_SCISSORS):
            break
        if not text.startswith("#"):
            yield Line(text, "", number, "this commit")
    staged = _git(
        folder, "diff", "--cached", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"
    )
    yield from _told(iter(staged.splitlines()))


def history(folder: Path) -> Iterator[Line]:
    """Every line that any commit of any branch or tag added, and every line of every message."""
    command = [
        "git",
        "-C",
        str(folder),
        "log",
        "--all",
        "-p",
        "--unified=0",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
    ]
    command += ["--no-renames", "--diff-merges=first-parent", f"--format={_COMMIT.replace(chr(1), '%x01')}%h%n%B%x02"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None  # noqa: S101 (PIPE makes it)
        lines = (raw.decode("utf-8", "replace").rstrip("\n") for raw in process.stdout)
        yield from _told(lines)
    if process.returncode != 0:
        raise UsageError(f"git could not read the history of {folder}.", remedy="git -C FOLDER log")


def _told(lines: Iterator[str]) -> Iterator[Line]:
    commit, path, number, in_message = "", "", 0, False
    for text in lines:
        if text.startswith(_COMMIT):
            commit, in_message, number = text.removeprefix(_COMMIT), True, 0
        elif in_message:
            number += 1
            in_message = "\x02" not in text
            yield Line(text.replace("\x02", ""), "", number, commit)
        elif text.startswith("+++ "):
            path = text[6:] if text.startswith("+++ b/") else ""
        elif hunk := _HUNK.match(text):
            number = int(hunk[1])
        elif text.startswith("+") and path:
            yield Line(text[1:], path, number, commit)
            number += 1


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise UsageError(f"{folder} is no git repository.", remedy="Name the repository's folder with `path`.")
    return done.stdout.decode("utf-8", "surrogateescape")
