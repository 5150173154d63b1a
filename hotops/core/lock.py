"""One run at a time on an environment: the lock, its holder, and what becomes of a dead one's."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import re
import socket
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

from hotops.core.clock import Clock, rfc3339
from hotops.core.errors import LockHeld
from hotops.core.state import private_folder, process_is_alive, process_started, state_dir, write_atomically

#: The year 2100: a lock that nobody can read is no dead one.
_FAR = 4102444800.0
#: A run that never came back must not hold an environment for ever.
LONGEST_HOLD_S = 4 * 3600.0
#: Several may find one dead holder's lock: one takes it over, and the others wait that long to see who it was.
_ATTEMPTS = 12
_PAUSE_S = 0.25
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True)
class Holder:
    """Who holds an environment, for which run, and why."""

    run: str
    reason: str
    user: str
    host: str
    pid: int
    pid_started: float | None
    taken_at: float
    expires_at: float
    #: Which of all computers, for a lock that many see: two of them may have one name.
    place: str = ""

    @classmethod
    def of(cls, run: str, reason: str, pid: int, clock: Clock) -> Holder:
        now = clock.now()
        return cls(
            run, reason, getpass.getuser(), socket.gethostname(), pid, process_started(pid), now,
            now + LONGEST_HOLD_S, this_place(),
        )  # fmt: skip

    @classmethod
    def told(cls, text: str, *, unreadable: str) -> Holder:
        """The holder that a lock tells of. What is no lock of ours is somebody's all the same, until it is broken.

        Fields of another version are passed over; raises nothing.
        """
        try:
            data: Mapping[str, Any] = json.loads(text)
            return cls(**{each.name: data[each.name] for each in fields(cls) if each.name in data})
        except (ValueError, TypeError):
            return cls.unknown(unreadable)

    @classmethod
    def unknown(cls, why: str) -> Holder:
        """Somebody of whom nothing is known, but why."""
        return cls("unknown", why, "?", "?", 0, None, 0.0, _FAR)

    @property
    def is_of_here(self) -> bool:
        """Whether its process number means something here."""
        return self.host == socket.gethostname() and self.place in ("", this_place())

    def is_dead(self, now: float) -> bool:
        """Whether the holder is known to be gone: its process ended here, or its time is over."""
        if self.is_of_here:
            return not process_is_alive(self.pid, self.pid_started)
        return now > self.expires_at

    def lives_here(self, now: float) -> bool:
        """Whether its process runs on this computer."""
        return self.is_of_here and not self.is_dead(now)

    def __str__(self) -> str:
        reason = f", reason: {self.reason}" if self.reason else ""
        return f"run {self.run} of {self.user}@{self.host} (pid {self.pid}) since {rfc3339(self.taken_at)}{reason}"


def this_place() -> str:
    """This computer since its last start, and the container on it: where a process number means something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:  # not Linux
        return f"{uuid.getnode():x}"
    return hashlib.sha256(f"{boot}-{namespace}".encode()).hexdigest()[:16]


class LockStore(Protocol):
    """Where a lock lives: a file here, a git ref for everyone."""

    scope: str

    def create(self, holder: Holder) -> bool:
        """Take the free lock; False if somebody has it. Atomic."""
        ...

    def read(self) -> Holder | None: ...

    def remove(self, holder: Holder, *, own: bool = False) -> None:
        """Remove this holder's lock; another's stays. `own`: the holder itself gives it back."""
        ...

    def put(self, holder: Holder) -> None:
        """Let it be this holder's, whoever had it: at no moment it is nobody's."""
        ...


class FileLock:
    """A lock that only this computer sees, and says so."""

    scope = "this computer only"

    def __init__(self, name: str, folder: Path | None = None) -> None:
        safe = _NOT_IN_FILE_NAMES.sub("_", name)
        self._path = private_folder(folder or state_dir() / "locks") / f"{safe}.json"

    def create(self, holder: Holder) -> bool:
        # Written whole under another name, then linked: never seen half-written, and link(2) refuses a second one.
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}.{holder.run}")
        write_atomically(draft, json.dumps(asdict(holder)))
        try:
            os.link(draft, self._path)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        return True

    def read(self) -> Holder | None:
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        found = Holder.told(text, unreadable=f"{self._path} is no lock of hotops")
        return replace(found, place="")  # it is here that it lies, also after a restart of the computer

    def remove(self, holder: Holder, *, own: bool = False) -> None:
        # One at a time: between the look and the removal another could remove it too, and somebody take it anew.
        guarded = self._path.with_name(f".{self._path.name}.guard")
        with open(guarded, "a", opener=lambda path, flags: os.open(path, flags, 0o600)) as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if self.read() == replace(holder, place=""):
                self._path.unlink(missing_ok=True)

    def put(self, holder: Holder) -> None:
        write_atomically(self._path, json.dumps(asdict(holder)))


@dataclass(frozen=True)
class Taken:
    """A lock in hand; `inherited` names the dead holder it was taken over from, `is_new` tells it from one kept."""

    holder: Holder
    inherited: Holder | None = None
    is_new: bool = True


def take(store: LockStore, *, run: str, reason: str, pid: int, clock: Clock) -> Taken:
    """Take the lock for a run; the run's own lock is simply kept.

    A dead holder's lock is taken over and reported (`inherited`), never in silence.
    Raises LockHeld, which names holder, time and reason.
    """
    mine = Holder.of(run, reason, pid, clock)
    inherited: Holder | None = None
    for attempt in range(_ATTEMPTS):
        if attempt > 1:
            clock.sleep(_PAUSE_S)
        if store.create(mine):
            return Taken(mine, inherited)
        held = store.read()
        if held is None:
            continue
        if held.run == run:
            return Taken(held, is_new=False)
        if not held.is_dead(clock.now()):
            # Who removed a dead one's lock says so, also where somebody else was faster then.
            removed = f" (The lock of dead {inherited} was removed right before.)" if inherited else ""
            raise LockHeld(
                f"The environment is held by {held} ({store.scope}).{removed}",
                remedy="Wait for it to end, or talk to its holder.",
                details=asdict(held),
            )
        store.remove(held)
        inherited = held
    raise LockHeld("The lock changes hands faster than it can be taken.", remedy="Try again.")


def release(store: LockStore, run: str) -> None:
    """Give the run's lock back; somebody else's is left alone."""
    held = store.read()
    if held is not None and held.run == run:
        store.remove(held, own=True)
