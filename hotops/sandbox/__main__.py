"""The sandbox as a process: ``python -m hotops.sandbox --state-dir DIR``, with its seed on standard input."""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hotops.sandbox.files import AlreadyRunning, hold

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux

log = logging.getLogger("hotops.sandbox")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop. Exit code 0 after a clean end, 1 when it could not start, 2 for a wrong call."""
    options = _parse(arguments)
    os.umask(0o077)
    folder: Path = options.state_dir.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        held = hold(folder)
    except AlreadyRunning as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _log_to(folder / "sandbox.log", anew=not options.clean)
    try:
        _clear_what_was_left(folder)
        if options.clean:
            return 0
        return _run(folder, options)
    finally:
        os.close(held)


def _run(folder: Path, options: argparse.Namespace) -> int:
    try:
        # Loaded here: cleaning up must work where an extra is missing.
        from hotops.sandbox.runtime import Sandbox
    except ImportError as error:
        return _refuse(f"{error.name} is not installed. Install it with: pip install 'hotops[sandbox]'")
    try:
        seed: dict[str, Any] = json.load(sys.stdin)
    except ValueError:
        return _refuse("The seed on standard input is not JSON.")
    if seed.get("schema") != 1:
        return _refuse(f"The seed's schema is {seed.get('schema')!r}; this sandbox reads schema 1.")
    sandbox = Sandbox(folder, _cache_dir(), seed, options.speed)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: sandbox.ask_to_stop())
    if options.with_parent:
        _end_with_parent(options.with_parent)
    try:
        sandbox.start()
        sandbox.serve()
    except RuntimeError as error:  # PostgreSQL cannot be found or started, and says why
        return _refuse(str(error))
    except Exception as error:
        log.info("where it failed", exc_info=True)
        return _refuse(f"The sandbox failed: {type(error).__name__}: {error}")
    finally:
        sandbox.stop()
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hotops.sandbox", description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True, help="folder of state.json, the log and the databases")
    parser.add_argument("--speed", type=float, default=1.0, help="divides the platform's durations, never its limits")
    parser.add_argument("--with-parent", type=int, metavar="PID", help="end when this process, the caller, ends")
    parser.add_argument("--clean", action="store_true", help="only remove what a killed sandbox left behind")
    return parser.parse_args(arguments)


def _clear_what_was_left(folder: Path) -> None:
    """A sandbox that was killed leaves a state file that points nowhere, and perhaps a database server."""
    from hotops.sandbox import clients
    from hotops.sandbox.files import BACKUPS
    from hotops.sandbox.orphans import stop_orphans

    clients.forget(folder)
    for pid in stop_orphans(folder / "pg"):
        log.info("ended the database server %s of a sandbox that was killed", pid)
    for name in (clients.GH, BACKUPS):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("state.json", "ca.pem", clients.PROFILE, clients.SOCKET):
        (folder / name).unlink(missing_ok=True)


def _cache_dir() -> Path:
    declared = os.environ.get("HOTOPS_CACHE_DIR")
    if declared:
        return Path(declared).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hotops"


def _log_to(path: Path, *, anew: bool) -> None:
    """Cleaning up keeps the log: it may tell how the sandbox ended."""
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(filename=path, filemode="w" if anew else "a", level=logging.INFO, format=form)
    path.chmod(0o600)


def _refuse(message: str) -> int:
    log.error("%s", message)
    return 1


def _end_with_parent(parent_pid: int) -> None:
    """Have the kernel send SIGTERM when the caller ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
