"""Plain-text tables: the same lines on a terminal, in a log and in a report."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

#: What would break a line or drive a terminal: foreign text (a log line, a body) gets into tables.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_COMMAND = re.compile(r"^(\s*(?::(?=:)|#(?=#\[)))")
_GAP = "  "
#: A terminal's width: what a person reads is laid out for it, wherever it is read.
WIDTH = 80
_LEAST_WRAPPED = 20


def aligned(rows: Sequence[Sequence[str]], header: Sequence[str] = (), *, widest: int = 0) -> list[str]:
    """The rows as lines with aligned columns, the header first; columns are as wide as their widest cell.

    Widths are counted in terminal cells, so wide characters keep the columns straight. Control characters become
    blanks. Rows may be of different lengths; a missing cell is empty. `widest` shortens what is wider (0: nothing).
    """
    table = [[_clean(cell, widest) for cell in row] for row in ([header, *rows] if header else rows)]
    columns = max((len(row) for row in table), default=0)
    table = [row + [""] * (columns - len(row)) for row in table]
    widths = [max(cell_len(row[column]) for row in table) for column in range(columns)]
    return [_GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def wrapped_last(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> list[str]:
    """As `aligned`, with the last column wrapped below itself, so that no line is wider than a terminal."""
    split = [list(row) for row in rows]
    first = aligned([row[:-1] for row in split], header[:-1])
    left = max((cell_len(line) for line in first), default=0) + len(_GAP)
    found: list[str] = []
    for start, text in zip(first, [*header[-1:], *(row[-1] for row in split)], strict=True):
        lines = textwrap.wrap(one_line(text), max(_LEAST_WRAPPED, WIDTH - left), break_on_hyphens=False) or [""]
        found.append((_padded(start, left) + lines[0]).rstrip())
        found += [" " * left + line for line in lines[1:]]
    return found


def one_line(text: str) -> str:
    """Foreign text on one line that no terminal interprets: escape sequences and control characters become blanks."""
    return _CONTROL.sub(" ", text).strip()


def harmless(text: str) -> str:
    """A line with foreign words in it, as a terminal and a CI's log may show it: it drives neither.

    A runner of GitHub obeys what begins a line with `::` or `##[`.
    """
    line = _CONTROL.sub(" ", text)
    return _COMMAND.sub(r"\1 ", line)


def _clean(cell: str, widest: int) -> str:
    text = one_line(cell)
    if widest and cell_len(text) > widest:
        return set_cell_size(text, widest - 1).rstrip() + "…"
    return text


def _padded(cell: str, width: int) -> str:
    # Not set_cell_size: it would cut a cell that some terminal counts differently.
    return cell + " " * (width - cell_len(cell))
