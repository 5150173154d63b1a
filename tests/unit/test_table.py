"""Plain-text tables keep their columns whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hotops.core.table import WIDTH, aligned, harmless, one_line, wrapped_last


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([["shop", "ok"], ["shop-production", "bad"]], header=["app", "state"]) == [
        "app              state",
        "shop             ok",
        "shop-production  bad",
    ]


def test_wide_characters_keep_the_columns_straight() -> None:
    lines = aligned([["日本", "x"], ["abcd", "x"], ["🙂", "x"]])
    assert {cell_len(line) for line in lines} == {7}


def test_rows_of_different_lengths_are_filled_up() -> None:
    assert aligned([["a"], ["b", "c"]]) == ["a", "b  c"]


def test_long_cells_can_be_shortened() -> None:
    assert aligned([["abcdefgh", "x"]], widest=5) == ["abcd…  x"]


def test_foreign_text_can_neither_break_a_line_nor_drive_the_terminal() -> None:
    assert aligned([["a\nb\x1b[31mred\x1b[0m\x07", "x"]]) == ["a b red  x"]
    assert one_line("safe\u202egnp.exe") == "safe gnp.exe"


def test_the_last_column_is_wrapped_below_itself() -> None:
    lines = wrapped_last([["smoke", "go", "GET https://shop.example " * 6]], ("gate", "verdict", "found"))
    assert lines[0] == "gate   verdict  found"
    assert lines[1].startswith("smoke  go       GET https://shop.example GET")
    assert {line[:16] for line in lines[2:]} == {" " * 16}
    assert max(map(cell_len, lines)) <= WIDTH
    assert " ".join(line[16:] for line in lines[1:]).split() == ("GET https://shop.example " * 6).split()
    assert wrapped_last([]) == []


def test_no_rows_are_no_lines() -> None:
    assert aligned([]) == []
    assert aligned([], header=["app"]) == ["app"]


@given(st.lists(st.lists(st.text(max_size=12), max_size=4), max_size=6), st.integers(0, 8))
def test_every_row_is_one_line_and_nothing_is_lost_between_columns(rows: list[list[str]], widest: int) -> None:
    lines = aligned(rows, widest=widest)
    assert len(lines) == len(rows)
    assert not any("\n" in line or "\x1b" in line for line in lines)


@pytest.mark.parametrize(
    "foreign",
    ["::error::no", "  ::set-env name=A::b", "##[group]x", "\x1b]0;title\x07::warning::x", "\x1b[2K::stop-commands::x"],
)
def test_no_foreign_word_drives_a_terminal_or_a_runner(foreign: str) -> None:
    shown = harmless(foreign)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert not shown.lstrip().startswith(("::", "##["))


@pytest.mark.parametrize("own", ["  2 to change", "## Heading", "a ::b::", "Next: hotops status production", "# x"])
def test_a_line_of_ours_stays_as_it_is(own: str) -> None:
    assert harmless(own) == own
