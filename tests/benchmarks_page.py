"""The page of measured figures: a test that measures writes its own section, and leaves the others as they are."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def write_section(name: str, title: str, body: str, page: Path = PAGE) -> None:
    """Put a section between its markers, with the day of its figures; one that is not there yet comes last."""
    begin, end = f"<!-- {name}: written by a test -->", f"<!-- {name}: end -->"
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    section = f"{begin}\n## {title}\n\nMeasured on {today}.\n\n{body.strip()}\n\n{end}"
    with page.open("a+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # workers measure at the same time
        handle.seek(0)
        before = handle.read() or "# Benchmarks\n"
        if begin in before and end in before:
            head, _, rest = before.partition(begin)
            after = head + section + rest.partition(end)[2]
        else:
            after = f"{before.rstrip()}\n\n{section}\n"
        handle.seek(0)
        handle.truncate()
        handle.write(after)
        handle.flush()
        os.fsync(handle.fileno())


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown, its columns aligned as in the source."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    lines = [f"| {' | '.join(row)} |" for row in padded]
    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([lines[0], rule, *lines[1:]])
