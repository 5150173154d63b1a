"""PostgreSQL's client programs of the server's major or a newer one: where they are, or where to get them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hotops.backup.errors import ToolsMissing

_NEEDED = ("pg_dump", "pg_restore", "psql")
_PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin")


@dataclass(frozen=True)
class Programs:
    """A folder with pg_dump, pg_restore and psql of one version."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """15 of 15.18."""
        return int(re.split(r"\D", self.version)[0])

    def path(self, program: str) -> str:
        """The program's full path."""
        return str(self.folder / program)


def find_programs(server_major: int, environ: Mapping[str, str] = os.environ) -> Programs:
    """The programs of the server's major, else the nearest newer ones: an older pg_dump leaves out what it does not know.

    `HOTOPS_PG_BIN` names a folder that is looked at first. Raises ToolsMissing.
    """
    found = [programs for folder in _folders(environ) if (programs := _inspect(folder)) is not None]
    usable = [programs for programs in found if programs.major >= server_major]
    if usable:
        return min(usable, key=lambda programs: programs.major)
    have = ", ".join(f"{programs.version} in {programs.folder}" for programs in found) or "none"
    raise ToolsMissing(
        f"The server is PostgreSQL {server_major}; pg_dump, pg_restore and psql found here: {have}. An older pg_dump than the "
        "server refuses, or worse.",
        remedy=f"apt-get install postgresql-client-{server_major} (apt.postgresql.org has every major), brew install "
        f"postgresql@{server_major}, or set HOTOPS_PG_BIN to a folder that holds them.",
    )


def _folders(environ: Mapping[str, str]) -> list[Path]:
    folders = [Path(environ["HOTOPS_PG_BIN"])] if environ.get("HOTOPS_PG_BIN") else []
    folders += [folder for place in _PLACES for folder in sorted(Path("/").glob(place[1:]))]
    on_path = shutil.which("pg_dump", path=environ.get("PATH", os.defpath))
    if on_path:
        folders.append(Path(on_path).parent)
    return folders


def _inspect(folder: Path) -> Programs | None:
    if not all((folder / name).exists() for name in _NEEDED):
        return None
    try:
        said = subprocess.run(
            [str(folder / "pg_dump"), "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            stdin=subprocess.DEVNULL,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+|devel|beta\d+|rc\d+)?)", said)
    return Programs(folder, version[1]) if version else None
