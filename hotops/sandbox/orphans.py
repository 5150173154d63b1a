"""Database servers that outlived their sandbox: found by their data directory, ended, their data removed."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

STOP_TIMEOUT_S = 10.0

log = logging.getLogger(__name__)


def remove_folder(folder: Path) -> None:
    """Remove a cluster's folder, also where it is a link to another user's folder."""
    if folder.is_symlink():
        shutil.rmtree(folder.resolve(), ignore_errors=True)
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def stop_orphans(root: Path) -> list[int]:
    """End servers left by a sandbox that was killed, and remove their data; returns the process ids found.

    A server is known by its working directory, which is its data directory, so a reused id harms nobody.
    """
    if not root.exists():
        return []
    folders = [entry.resolve() / "data" for entry in root.iterdir()]
    found = list(_servers_in(folders))
    for pid in found:
        _signal(pid, signal.SIGQUIT)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while list(_servers_in(folders)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in _servers_in(folders):
        _signal(pid, signal.SIGKILL)
    for entry in list(root.iterdir()):
        remove_folder(entry)
    return found


def _servers_in(data_dirs: list[Path]) -> Iterator[int]:
    wanted = {str(path) for path in data_dirs}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            place = str((process / "cwd").readlink())
        except OSError:
            continue
        if place.removesuffix(" (deleted)") in wanted:
            yield int(process.name)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        log.debug("process %s has ended by itself", pid)
