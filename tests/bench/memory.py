"""The memory of this process and of all that it started, as long as something runs."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 0.2
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass
class Most:
    """The most that was seen, in MB: shared pages count once (proportional set size, proc(5))."""

    mb: float = 0.0
    looks: int = 0


@contextlib.contextmanager
def watched(but: int) -> Iterator[Most]:
    """Look at the tree of this process every 0.2 s; `but` is a child whose own tree does not count (a server)."""
    most, over = Most(), threading.Event()

    def look() -> None:
        while True:
            most.mb = max(most.mb, _tree_mb(but))
            most.looks += 1
            if over.wait(EVERY_S):
                return

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def _tree_mb(but: int) -> float:
    kilobytes, left = 0, [Path("/proc/self")]
    while left:
        process = left.pop()
        with contextlib.suppress(OSError):  # it ended meanwhile
            found = _PSS.search((process / "smaps_rollup").read_text())
            kilobytes += int(found[1]) if found else 0
            for task in (process / "task").iterdir():
                children = (task / "children").read_text().split()
                left += [Path("/proc") / child for child in children if int(child) != but]
    return kilobytes * 1024 / 1e6
