"""A real browser for tests of pages: headless Chromium, off the network, started once for many looks."""

from __future__ import annotations

import html
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.peers import find_peer

#: As root it has no sandbox of its own; the rest keeps it from calling anybody.
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--allow-file-access-from-files",
)  # fmt: skip

#: Asks a page that is shown in a frame what a reader would see of it.
_LOOKER = """
const found = [...document.querySelectorAll("iframe")].map((frame) => {
  const page = frame.contentDocument, view = frame.contentWindow, root = page.documentElement;
  const shown = [...page.body.querySelectorAll("*")].filter((each) => each.innerText && each.children.length === 0);
  return {
    name: frame.name, title: page.title, width: root.clientWidth, needs_width: root.scrollWidth,
    height: root.scrollHeight, paper: view.getComputedStyle(page.body).backgroundColor,
    ink: view.getComputedStyle(page.body).color,
    smallest_px: Math.min(...shown.map((each) => parseFloat(view.getComputedStyle(each).fontSize))),
    fetched: view.performance.getEntriesByType("resource").map((each) => each.name),
    too_wide: [...page.body.querySelectorAll("*")]
      .filter((each) => each.getBoundingClientRect().right > root.clientWidth + 0.5)
      .map((each) => each.outerHTML.slice(0, 120)),
    plots: page.querySelectorAll("svg").length, scripts: page.scripts.length, text: page.body.innerText,
  };
});
document.getElementById("found").textContent = encodeURIComponent(JSON.stringify(found));
"""


@dataclass(frozen=True)
class Frame:
    """A page as it is to be looked at: how wide, and in which colours."""

    name: str
    page: Path
    width: int
    scheme: str = "light"


@dataclass(frozen=True)
class Looked:
    """What was seen in each frame, by its name, and a picture of all of them side by side."""

    frames: dict[str, dict[str, Any]]
    picture: Path


def look(frames: list[Frame], folder: Path, *, height: int = 1400) -> Looked:
    """Show pages side by side, in one browser."""
    shown = "".join(
        f'<iframe name="{html.escape(frame.name)}" src="{frame.page.as_uri()}" '
        f'style="width: {frame.width}px; height: {height}px; border: 0; color-scheme: {frame.scheme}"></iframe>'
        for frame in frames
    )
    harness = folder / "harness.html"
    harness.write_text(
        f'<!doctype html><meta charset="utf-8"><body style="margin: 0; display: flex; gap: 8px">{shown}'
        f'<script id="found" type="application/json"></script><script>onload = () => {{{_LOOKER}}};</script>',
        encoding="utf-8",
    )
    picture = folder / "pages.png"
    width = sum(frame.width for frame in frames) + 8 * (len(frames) - 1)
    dumped = _run(folder, harness, "--dump-dom", f"--screenshot={picture}", f"--window-size={width},{height}")
    found = re.search(r'<script id="found" type="application/json">(.*?)</script>', dumped, re.DOTALL)
    assert found, dumped[-2000:]
    return Looked({each["name"]: each for each in json.loads(unquote(found[1]))}, picture)


def print_to_pdf(page: Path, folder: Path) -> bytes:
    """The page on paper."""
    printed = folder / "page.pdf"
    _run(folder, page, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    return printed.read_bytes()


def _run(folder: Path, page: Path, *flags: str) -> str:
    program = find_peer("chromium")
    assert program is not None
    done = subprocess.run(
        [str(program), *_FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
