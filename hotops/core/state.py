"""Where hotops keeps its own files on this machine, and how it writes them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def state_dir() -> Path:
    """The folder for locks, keys, limiter buckets and the sandbox (mode 700).

    `HOTOPS_STATE_DIR`, else `$XDG_STATE_HOME/hotops`, else `~/.local/state/hotops`.
    """
    declared = os.environ.get("HOTOPS_STATE_DIR")
    if declared:
        folder = Path(declared).expanduser().absolute()
    else:
        base = os.environ.get("XDG_STATE_HOME")
        folder = (Path(base) if base else Path.home() / ".local" / "state") / "hotops"
    return private_folder(folder)


def private_folder(folder: Path) -> Path:
    """`folder`, made with mode 700 if it was not there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write `path` whole or not at all: temporary file beside it, fsync, rename."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_json(path: Path) -> Any:
    """The JSON document in `path`, or None if there is no such file; ValueError names the file if it is not JSON."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error


def process_is_alive(pid: int, started: float | None = None) -> bool:
    """Whether `pid` runs (and, where /proc tells, is the same process that started at `started`)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    fields = _stat(pid)
    if fields is None:
        return True
    if fields[0] == "Z":
        return False
    return started is None or float(fields[19]) == started


def process_started(pid: int) -> float | None:
    """Clock ticks since boot at which `pid` started (field 22 of /proc/PID/stat), None where /proc does not tell."""
    fields = _stat(pid)
    return float(fields[19]) if fields else None


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on (the name before may hold spaces), None without a /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
