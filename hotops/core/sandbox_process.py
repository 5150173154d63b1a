"""Starting and stopping the sandbox's process, which shares nothing with the library but its files and the wire."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotops.core.errors import HotopsError, WaitTimeout
from hotops.core.sandbox_control import ControlClient
from hotops.core.state import private_folder, read_json, state_dir, write_atomically
from hotops.core.world import SandboxDown, sandbox_state

MODULE = "hotops.sandbox"
START_TIMEOUT_S = 300.0
"""Long, since the first start on a computer without PostgreSQL downloads it."""

STOP_TIMEOUT_S = 15.0
_LOG_LINES = 8
_PASSED_ON = (
    *("PATH", "HOME", "USER", "LANG", "TMPDIR", "TZ", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH"),
    *("HOTOPS_STATE_DIR", "HOTOPS_CACHE_DIR", "HOTOPS_PG_BIN"),
)
_PASSED_ON_PREFIXES = ("LC_", "XDG_")


class SandboxFailed(HotopsError):
    """The sandbox did not start; the message holds the end of its log."""

    code = "sandbox_failed"


class SandboxDiffers(HotopsError):
    """A sandbox is up, but of another seed."""

    code = "sandbox_differs"


@dataclass(frozen=True)
class Started:
    """A sandbox that is up: its state document, and whether this call started it."""

    state: Mapping[str, Any]
    is_new: bool

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self.state["pid"])


def sandbox_folder() -> Path:
    """The sandbox's folder in the state directory."""
    return private_folder(state_dir() / "sandbox")


def running_sandbox() -> dict[str, Any]:
    """The state document of the sandbox that is up. Raises SandboxDown if none is."""
    state = sandbox_state()
    if state is None or not _is_sandbox(int(state["pid"])):
        raise SandboxDown("No sandbox runs on this computer.", remedy="hotops sandbox up --detach")
    return state


def is_sandbox_up() -> bool:
    """Whether a sandbox is up."""
    try:
        running_sandbox()
    except SandboxDown:
        return False
    return True


def start_sandbox(seed: Mapping[str, Any], *, speed: float = 1.0, detached: bool = True) -> Started:
    """Start a sandbox from a seed and wait until it answers; one that is up with the same seed is left as it is.

    The seed goes through standard input, since it holds secrets. One that is not `detached` ends with this process.
    Raises SandboxFailed and SandboxDiffers.
    """
    folder = sandbox_folder()
    fingerprint = seed_fingerprint(seed, speed)
    if is_sandbox_up():
        known = read_json(folder / "seed.json")
        if not isinstance(known, dict) or known.get("fingerprint") != fingerprint:
            raise SandboxDiffers(
                "A sandbox is already up, with another seed or speed.",
                remedy="hotops sandbox down, then up again (reset only brings back the seed it was started with).",
            )
        return Started(running_sandbox(), is_new=False)
    child = _spawn(folder, seed, speed, detached=detached)
    state = _wait_for_state(folder, child)
    child.returncode = 0  # from here it lives on its own; whoever ends it finds it by its state file
    write_atomically(folder / "seed.json", json.dumps({"schema": 1, "fingerprint": fingerprint}))
    return Started(state, is_new=True)


def stop_sandbox() -> bool:
    """End the sandbox and clear away what it or a killed one left; whether one was up. Safe to repeat."""
    folder = sandbox_folder()
    try:
        state: dict[str, Any] | None = running_sandbox()
    except SandboxDown:
        state = None
    if state is not None:
        _end(state)
    subprocess.run(
        [sys.executable, "-m", MODULE, "--state-dir", str(folder), "--clean"],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    (folder / "seed.json").unlink(missing_ok=True)
    return state is not None


def seed_fingerprint(seed: Mapping[str, Any], speed: float) -> str:
    """A hash of what a seed declares: all but the values of secrets, which are made anew each time."""
    text = json.dumps([_declared(seed), speed], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _declared(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        if key in ("secrets", "staged_secrets", "tokens", "api_keys"):
            return sorted(value)
        return {name: _declared(item, name) for name, item in value.items() if name != "db_pass"}
    if isinstance(value, (list, tuple)):
        return [_declared(item) for item in value]
    return value


def _spawn(folder: Path, seed: Mapping[str, Any], speed: float, *, detached: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", MODULE, "--state-dir", str(folder), "--speed", f"{speed:g}"]
    if not detached:
        command += ["--with-parent", str(os.getpid())]
    said = os.open(folder / "sandbox.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        child = subprocess.Popen(
            command,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            # Its own session: closing the terminal, or a Ctrl-C in it, is for the caller to pass on.
            start_new_session=True,
        )
    finally:
        os.close(said)
    if child.stdin is not None:
        try:
            with child.stdin as pipe:
                pipe.write(json.dumps(seed).encode())
        except BrokenPipeError as error:
            child.wait()
            raise _failed(folder, child) from error
    return child


def _environment() -> dict[str, str]:
    """What a sandbox may see of this process's environment: no token of any cloud is among it."""
    return {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }


def _wait_for_state(folder: Path, child: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        state = read_json(folder / "state.json")
        if isinstance(state, dict) and state.get("pid") == child.pid:
            return state
        if child.poll() is not None:
            raise _failed(folder, child)
        time.sleep(0.02)
    child.terminate()
    raise SandboxFailed(
        f"The sandbox was not ready after {START_TIMEOUT_S:.0f} s.", remedy=f"Read {folder / 'sandbox.log'}."
    )


def _failed(folder: Path, child: subprocess.Popen[bytes]) -> SandboxFailed:
    lines: list[str] = []
    for name in ("sandbox.err", "sandbox.log"):
        if (folder / name).exists():
            lines += (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if " ERROR " in line]
    tail = "\n  ".join((errors or lines)[-_LOG_LINES:]) or "it said nothing"
    return SandboxFailed(
        f"The sandbox ended with exit code {child.returncode} before it was ready:\n  {tail}\n",
        remedy=f"The whole log is {folder / 'sandbox.log'}.",
    )


def _end(state: Mapping[str, Any]) -> None:
    """Ask, then insist."""
    pid = int(state["pid"])
    try:
        ControlClient(state).shutdown()
    except HotopsError:
        _signal(pid, signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _has_ended(pid, STOP_TIMEOUT_S):
            return
        _signal(pid, number)
    if not _has_ended(pid, STOP_TIMEOUT_S):
        raise WaitTimeout(f"The sandbox's process {pid} does not end.", remedy=f"kill -9 {pid}")


def _has_ended(pid: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        _reap(pid)
        if not _is_sandbox(pid):
            return True
        time.sleep(0.02)
    return False


def _reap(pid: int) -> None:
    """Collect the process where it is this one's own child: it would stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _is_sandbox(pid: int) -> bool:
    """Whether a process is a sandbox; an id left in a file may by now be anybody's."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self").exists():
            return False
        return _exists(pid)  # no /proc on this system
    return MODULE.encode() in command.split(b"\0")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    if _is_sandbox(pid):
        os.kill(pid, number)
