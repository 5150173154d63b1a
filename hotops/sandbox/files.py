"""Files the sandbox keeps: whole or not at all, readable by their owner only."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

#: Where those who use a sandbox keep backups of its databases: they go with the databases.
BACKUPS = "backups"


class AlreadyRunning(RuntimeError):
    """Another process holds the folder."""


def write_file(path: Path, content: bytes) -> None:
    """Write ``path`` atomically with mode 600."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def hold(folder: Path) -> int:
    """Lock a folder for this process until it ends; returns the descriptor that must stay open.

    Raises: AlreadyRunning.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunning(f"A sandbox already runs in {folder}.") from None
    return descriptor
