"""Secrets that are easy to find again: planted in every store, looked for everywhere, in every form they may take."""

from __future__ import annotations

import base64
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LOOK_S = 0.04


def canary() -> str:
    """A value whose plain, URL and JSON forms all differ outside of a core of 20 letters and digits."""
    return f'/+ "{secrets.token_hex(10)}"\\é'


def core(value: str) -> str:
    """The part of a canary that escaping leaves alone; other values are their own core."""
    return value[4:24] if value.startswith('/+ "') else value


def forms(value: str) -> frozenset[bytes]:
    """What shows that a value is there: its core as it is (so in URLs and JSON, too), in hex, and inside of base64."""
    content = core(value).encode()
    found = {content, content.hex().encode(), content.hex().upper().encode()}
    for before in range(3):
        # The characters that share bits with what stands around are left out.
        known = slice((0, 2, 3)[before], ((before + len(content)) * 4) // 3)
        found.add(base64.b64encode(bytes(before) + content)[known])
        found.add(base64.urlsafe_b64encode(bytes(before) + content)[known])
    return frozenset(found)


@dataclass(frozen=True)
class Canaries:
    """Planted values by what they are. Never printed: a find is told by name and place."""

    values: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        assert all(len(core(value)) >= 16 for value in self.values.values()), "too short to be told from noise"

    def found_in(self, content: bytes) -> list[str]:
        """Names of the canaries that some bytes hold."""
        return [name for name, value in self.values.items() if any(form in content for form in forms(value))]

    def only(self, names: Iterable[str]) -> Canaries:
        """Some of them."""
        return Canaries({name: self.values[name] for name in names})

    def below(self, folder: Path, *, apart_from: Iterable[Path] = ()) -> list[str]:
        """`name in path` for each file below a folder that holds one, by content or by name."""
        apart = [path.resolve() for path in apart_from]
        return [
            f"{name} in {path.relative_to(folder)}"
            for path in files_below(folder)
            if not any(path.resolve().is_relative_to(other) for other in apart)
            for name in self.found_in(os.fsencode(path) + b"\0" + _content(path))
        ]


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files, hidden ones too; links are not followed."""
    for parent, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(parent, name)).is_file() and not path.is_symlink())


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # gone meanwhile
        return b""


@dataclass
class ProcessWatch:
    """Looks at every process of this machine while a run goes on, and notes which of the run's show a canary.

    A process is the run's when it carries `mark` in its environment or descends from one that was seen with it.
    What was seen is kept, and searched when it is asked for: some values come to be while the run goes on.
    """

    canaries: Canaries
    mark: str
    programs: set[str] = field(default_factory=set)
    _kept: list[tuple[int, str, bytes, bytes]] = field(default_factory=list, repr=False)
    _ours: set[int] = field(default_factory=set)
    _seen: set[tuple[int, bytes]] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)

    def _look(self) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            pid = int(process.name)
            command = _content(process / "cmdline")
            if not command or (pid, command) in self._seen:
                continue
            environment = _content(process / "environ")
            if self.mark.encode() not in environment and _parent(process) not in self._ours:
                continue
            self._ours.add(pid)
            self._seen.add((pid, command))
            said = command.replace(b"\0", b" ").decode(errors="replace")[:200]
            self.programs.add(said)
            self._kept.append((pid, said, command, environment))

    @property
    def argv(self) -> dict[str, list[str]]:
        """Canaries in a command line, by process."""
        found = {f"process {pid}": self.canaries.found_in(command) for pid, _, command, _ in self._kept}
        return {process: names for process, names in found.items() if names}

    @property
    def handed(self) -> dict[str, list[str]]:
        """Canaries in a process's environment, by its command line. Forked workers of ansible-playbook carry what the
        operator exported, and must; other programs need none."""
        found = {said: self.canaries.found_in(environment) for _, said, _, environment in self._kept}
        return {said: names for said, names in found.items() if names}

    def _watch(self) -> None:
        while not self._over.is_set():
            self._look()
            self._over.wait(LOOK_S)

    @contextmanager
    def watching(self) -> Iterator[ProcessWatch]:
        """Look for as long as the block lasts."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join(10)


def _parent(process: Path) -> int:
    stat = _content(process / "stat").rpartition(b")")[2].split()
    return int(stat[1]) if len(stat) > 1 else 0
