"""Where a vault's files are: a folder of env files, behind the few calls that every back end has."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from hotops.core.state import private_folder, write_atomically
from hotops.vault.errors import VaultError, VaultMissing
from hotops.vault.names import SUFFIXES, without_sibling

#: hotops' own files in a vault: the key of the fingerprints and the ledger.
OWN = ".hotops"
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Loose:
    """A file or folder that others may read, and the mode that it should have."""

    path: str
    mode: int
    wanted: int

    def __str__(self) -> str:
        return f"{self.path} has mode {self.mode:o}, not {self.wanted:o}"


class Store(Protocol):
    """A vault's files by their paths inside it. Paths are relative, with `/`."""

    #: How messages name the vault.
    place: str

    def paths(self) -> list[str]:
        """Files that may hold secrets, sorted; without hotops' own."""
        ...

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is none."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Write a file whole or not at all, readable by its owner alone."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is fine."""
        ...

    def loose(self) -> list[Loose]:
        """What others may read."""
        ...

    def tighten(self) -> list[Loose]:
        """Take what others may read away from them; returns what was changed."""
        ...

    def locked(self) -> AbstractContextManager[None]:
        """A context in which no other process of this computer changes the vault."""
        ...


class FolderStore:
    """A folder of env files, as teams have it."""

    def __init__(self, folder: Path) -> None:
        self.place = str(folder)
        self._folder = folder
        if not folder.is_dir():
            raise VaultMissing(f"There is no vault {folder}.", remedy="Set `vault` in the inventory to its folder.")

    def paths(self) -> list[str]:
        found = []
        for parent, folders, names in os.walk(self._folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in names:
                path = Path(parent, name).relative_to(self._folder).as_posix()
                suffix = PurePosixPath(without_sibling(path)[0]).suffix
                if not name.startswith(".") and suffix in SUFFIXES and Path(parent, name).is_file():
                    found.append(path)
        return sorted(found)

    def read(self, path: str) -> bytes | None:
        file = self._file(path)
        try:
            if file.stat().st_size > _LARGEST:
                raise VaultError(f"{path} is larger than a mebibyte; that is no secret.", remedy="Keep it elsewhere.")
            return file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VaultError(f"{path} can't be read: {error.strerror}.", remedy=f"ls -l {file}") from None

    def write(self, path: str, content: bytes) -> None:
        file = self._file(path)
        _make_folders(self._folder, file.parent)
        try:
            write_atomically(file, content.decode("utf-8"))
        except OSError as error:
            raise VaultError(f"{path} can't be written: {error.strerror}.", remedy=f"ls -ld {file.parent}") from None

    def remove(self, path: str) -> None:
        self._file(path).unlink(missing_ok=True)

    def loose(self) -> list[Loose]:
        found = []
        for parent, folders, names in os.walk(self._folder):
            folders.sort()
            for name, wanted in [("", 0o700), *((name, 0o600) for name in sorted(names))]:
                file = Path(parent, name)
                if file.is_symlink():
                    continue
                mode = stat.S_IMODE(file.stat().st_mode)
                allowed = wanted if wanted == 0o700 else 0o700  # a script of the team's may be executable
                if mode & ~allowed:
                    found.append(Loose(file.relative_to(self._folder).as_posix(), mode, wanted))
        return found

    def tighten(self) -> list[Loose]:
        changed = self.loose()
        for item in changed:
            file = self._folder / item.path
            file.chmod(item.mode & 0o700 if item.wanted == 0o600 else 0o700)
        return changed

    @contextmanager
    def locked(self) -> Iterator[None]:
        own = private_folder(self._folder / OWN)
        handle = os.open(own / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _file(self, path: str) -> Path:
        pure = PurePosixPath(path)
        file = self._folder / pure
        if pure.is_absolute() or ".." in pure.parts or not path:
            raise VaultError(f"{path!r} is no path inside the vault.", remedy="Name a file below the vault's folder.")
        if not file.resolve().is_relative_to(self._folder.resolve()):
            raise VaultError(f"{path} is a link that leads out of the vault.", remedy="Put the file itself there.")
        return file


def _make_folders(root: Path, folder: Path) -> None:
    missing = []
    while folder != root and not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        made.mkdir(mode=0o700, exist_ok=True)
