"""The page of a run in a real browser: on a phone, in the dark, on a desk, on paper, and under attack."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from hotops.core.report.page import render
from tests.browser import Frame, Looked, look, print_to_pdf
from tests.report_samples import attacked, brought_back

pytestmark = pytest.mark.peer("chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A promotion that was brought back."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(render(brought_back()), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def looked(page: Path) -> Looked:
    """One start of the browser for all that follows."""
    hostile = page.with_name("hostile.html")
    hostile.write_text(render(attacked()), encoding="utf-8")
    frames = [
        Frame("phone", page, 390),
        Frame("dark", page, 390, "dark"),
        Frame("desk", page, 1200),
        Frame("attacked", hostile, 390),
    ]
    return look(frames, page.parent)


@pytest.mark.parametrize("frame", ["phone", "dark", "desk", "attacked"])
def test_nothing_has_to_be_scrolled_sideways_and_everything_can_be_read(looked: Looked, frame: str) -> None:
    seen = looked.frames[frame]
    assert seen["width"] in (390, 1200)
    assert seen["needs_width"] <= seen["width"], seen["too_wide"]
    assert seen["smallest_px"] >= 12
    assert seen["plots"] >= 10
    assert "rolled back" in seen["text"]


def test_nothing_is_fetched_and_no_word_is_run(looked: Looked) -> None:
    for seen in looked.frames.values():
        assert seen["fetched"] == []
        assert seen["scripts"] == 0
    assert "owned" not in looked.frames["attacked"]["title"].replace("document.title='owned'", "")
    assert looked.frames["attacked"]["height"] > 1000, "no style of theirs hides the page"


@pytest.mark.parametrize("frame", ["phone", "dark"])
def test_ink_stands_out_from_paper(looked: Looked, frame: str) -> None:
    ink, paper = (_luminance(looked.frames[frame][name]) for name in ("ink", "paper"))
    assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 7  # WCAG 2.2, AAA
    assert (paper < 0.1) is (frame == "dark")


def test_the_picture_shows_all_of_them(looked: Looked) -> None:
    width, height, colours = _png(looked.picture)
    assert (width, height) == (390 * 3 + 1200 + 24, 1400)
    assert len(colours) > 50, "a blank page has one"


def test_it_prints_on_a_few_pages(page: Path) -> None:
    printed = print_to_pdf(page, page.parent)
    assert printed.startswith(b"%PDF-")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 5


def _luminance(colour: str) -> float:
    """Relative luminance of `rgb(…)`, as WCAG has it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _png(file: Path) -> tuple[int, int, set[bytes]]:
    """Width, height, and pixels of every fourth line as the file filters them: enough to tell a page from a blank."""
    data, packed, place = file.read_bytes(), b"", 8
    header: Any = None
    while place < len(data):
        (length,), kind = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
        body = data[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
        place += length + 12
    width, height, _, colour_type = header[:4]
    size = {2: 3, 6: 4}[colour_type]
    pixels = zlib.decompress(packed)
    row = 1 + width * size
    found = set()
    for line in range(0, height, 4):
        part = pixels[line * row + 1 : (line + 1) * row]
        found.update(part[number : number + size] for number in range(0, len(part), size))
    return width, height, found
