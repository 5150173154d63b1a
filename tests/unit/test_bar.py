"""The bar of a long step: rate and time left on one line, and few plain lines where nobody looks on."""

from __future__ import annotations

import io

import pytest

from hotops.commands.bar import Bar, shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_says_how_far_how_fast_and_how_long_still() -> None:
    assert shown(1_200_000_000, 3_000_000_000, 6.0) == (
        "[##########--------------]  40%  1.2 of 3.0 GB, 200 MB/s, 9.0 s left"
    )
    assert shown(0, 5_000_000, 0.1) == "[------------------------]   0%  0.0 of 5.0 MB"
    assert shown(5_000_000, 5_000_000, 2.0).endswith("100%  5.0 of 5.0 MB, 2 MB/s, in 2.0 s")
    assert shown(0, 0, 3.0).startswith("[########################] 100%")


def test_a_terminal_gets_one_line_that_is_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CI", "TERM"):
        monkeypatch.delenv(name, raising=False)
    file = Terminal()
    bar = Bar(file)
    for step in range(1, 101):
        bar(step * 1_000_000, 100_000_000, step / 10)
    assert file.getvalue().count("\n") == 1
    assert file.getvalue().count("\r") < 60
    assert "100%  100.0 of 100.0 MB, 10 MB/s, in 10 s" in file.getvalue()


def test_what_comes_after_a_failure_begins_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CI", "TERM"):
        monkeypatch.delenv(name, raising=False)
    file = Terminal()
    bar = Bar(file)
    bar(1, 100, 2.0)
    bar.end()
    bar.end()
    assert file.getvalue().count("\n") == 1


def test_elsewhere_there_is_a_plain_line_each_ten_seconds() -> None:
    file = io.StringIO()
    bar = Bar(file, now=lambda: 0.0)
    for second in range(1, 36):
        bar(second * 1_000_000, 35_000_000, float(second))
    lines = file.getvalue().splitlines()
    assert len(lines) == 5
    assert all(line.startswith("1970-01-01T00:00:00Z [") for line in lines)
    quick = io.StringIO()
    Bar(quick)(5, 5, 0.1)
    assert quick.getvalue() == ""
