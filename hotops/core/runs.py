"""Which run a process belongs to: the one its parent opened, or the one that its parent's other children share."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hotops import __version__
from hotops.core.clock import Clock
from hotops.core.evidence import JOURNAL_FILE, EvidenceFolder
from hotops.core.secret import MASK, scrub
from hotops.core.state import private_folder, process_is_alive, process_started, read_json, state_dir, write_atomically

#: What is called so is worth hiding; `secret=DATABASE_URL` is the name of one.
_NAMED = re.compile(
    r"""(?ix) (?P<name> (?: passw(?:or)?d | passphrase | token | (?: api | secret | private | access ) [_-]? key
        | credentials? | dsn ) ["']? \s? [=:] \s? ["']? ) [^\s"',}]+"""
)


@dataclass(frozen=True)
class RunOpening:
    """What the first line of a run's evidence says."""

    evidence_dir: Path
    playbook: str
    environment: str
    env_kind: Literal["live", "sandbox"]
    reason: str = ""
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def open(
        self, *, holder_pid: int | None = None, clock: Clock | None = None, tolerant: bool = False
    ) -> EvidenceFolder:
        """Make the run's folder; the run lives as long as `holder_pid` (this process if not given).

        Raises EvidenceUnwritable, SigningKeyUnusable (tolerant: neither).
        """
        return EvidenceFolder.open_run(
            self.evidence_dir,
            playbook=self.playbook,
            environment=self.environment,
            env_kind=self.env_kind,
            reason=self.reason,
            who=user_name(),
            versions={"hotops": __version__, "python": platform.python_version(), **self.versions},
            command=without_values(self.command),
            holder_pid=holder_pid,
            clock=clock,
            tolerant=tolerant,
        )


def join_run(
    opening: RunOpening, *, holder_pid: int, clock: Clock | None = None, tolerant: bool = False
) -> EvidenceFolder:
    """The run that HOTOPS_RUN_DIR names, else the one that another child of `holder_pid` opened, else a new one.

    Raises EvidenceUnwritable, SigningKeyUnusable; a tolerant run goes on without.
    """
    named = EvidenceFolder.current(clock=clock, tolerant=tolerant)
    if named is not None:
        return named
    try:
        with _register() as register:
            entry = register / f"{holder_pid}.json"
            shared = _shared_folder(entry, process_started(holder_pid))
            if shared is not None:
                return EvidenceFolder.attach(shared, clock=clock, tolerant=tolerant)
            folder = opening.open(holder_pid=holder_pid, clock=clock, tolerant=tolerant)
            known = {"started": process_started(holder_pid), "run_dir": str(folder.run_dir.absolute())}
            write_atomically(entry, json.dumps(known))
            return folder
    except OSError:
        if not tolerant:
            raise
        return opening.open(holder_pid=holder_pid, clock=clock, tolerant=True)


def without_values(command: str) -> str:
    """A command line as evidence may keep it: `-e db_password=…` has its value in no file of ours."""
    return scrub(_NAMED.sub(rf"\g<name>{MASK}", command))


def user_name() -> str:
    """The user of this process; a container may run one that has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


@contextlib.contextmanager
def _register() -> Iterator[Path]:
    """The folder of the runs that go on, one process in it at a time; what dead ones left is taken out."""
    folder = private_folder(state_dir() / "runs")
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for entry in folder.glob("*.json"):
            if not process_is_alive(int(entry.stem)):
                entry.unlink(missing_ok=True)
        yield folder


def _shared_folder(entry: Path, started: float | None) -> Path | None:
    known = read_json(entry)
    if known is None or known["started"] != started:
        return None
    folder = Path(known["run_dir"])
    return folder if (folder / JOURNAL_FILE).is_file() and not EvidenceFolder(folder).is_sealed else None
