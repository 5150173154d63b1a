"""The page of requirements: every number is there, what it names exists, and what is left is said."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests.docs.pages import PAGES, ROOT, table_rows

#: R41 to R71 and R129 to R136: what the page is about.
NUMBERS = [*range(41, 72), *range(129, 137)]


@dataclass(frozen=True)
class Row:
    """A line of the page."""

    number: int
    wanted: str
    command: str
    shown_by: str
    state: str


ROWS = [
    Row(int(cells[0][1:]), *cells[1:])
    for cells in table_rows(PAGES["docs/requirements.md"].text)
    if re.fullmatch(r"R\d+", cells[0])
]


def test_every_number_has_one_line() -> None:
    assert [row.number for row in ROWS] == NUMBERS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"R{row.number}")
def test_it_names_a_command_and_a_test_that_exist_or_says_what_is_left(row: Row) -> None:
    state, _, left = row.state.partition(": ")
    assert state in ("done", "partly", "not")
    assert (state == "partly") <= bool(left)
    if row.command == "none":
        assert (row.shown_by, state) == ("none", "not")
        return
    assert re.fullmatch(r"`hotops .+`", row.command)  # that it exists with its options is asked of all pages
    path, _, name = row.shown_by.strip("`").partition("::")
    assert re.search(rf"^(async )?def {re.escape(name)}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
