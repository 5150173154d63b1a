"""What a child process needs of its parent's environment and must not have in its own: handed over in a private file.

A runner writes down the environment of what it starts, and `/proc` shows it. So only what is harmless by name stays
in the environment; all else (tokens, webhooks, whatever an inventory may name) goes into a file of mode 600, which the
child reads into its memory once and removes.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from hotops.core.errors import UsageError
from hotops.core.process import die_with_parent

#: Names the file to the child.
HANDOVER_VARIABLE = "HOTOPS_HANDOVER_FILE"
#: Names the process that started the child and with which it ends.
RUNNER_VARIABLE = "HOTOPS_RUNNER_PID"

_HARMLESS = frozenset(
    {
        *(
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "SHELL",
            "LANG",
            "TZ",
            "TERM",
            "TMPDIR",
            "PWD",
            "COLUMNS",
            "NO_COLOR",
            "CI",
        ),
        *(
            "PYTHONPATH",
            "PYTHONDONTWRITEBYTECODE",
            "VIRTUAL_ENV",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "REQUESTS_CA_BUNDLE",
        ),
        *("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START", "COVERAGE_RCFILE"),
    }
)
#: Ours that say a place or a switch. Not all that begins like ours is: an inventory may name any variable for a secret.
_OURS = frozenset(
    f"HOTOPS_{name}"
    for name in (
        *("STATE_DIR", "CACHE_DIR", "RUN_DIR", "RUN_PID", "RUNNER_PID", "HANDOVER_FILE", "RECORD_TASKS"),
        *("READONLY", "DEBUG", "PG_BIN", "DRILL_RECORD", "DRILL_INVENTORY"),
    )
)
_HARMLESS_PREFIXES = ("LC_", "XDG_", "ANSIBLE_")
_TELLING = ("PASS", "PASSWORD", "TOKEN", "SECRET", "_KEY")


def split_environment(environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The harmless part of an environment, and the rest."""
    harmless = {name: value for name, value in environ.items() if _is_harmless(name)}
    return harmless, {name: value for name, value in environ.items() if name not in harmless}


def _is_harmless(name: str) -> bool:
    if name in _HARMLESS or name in _OURS:
        return True
    return name.startswith(_HARMLESS_PREFIXES) and not name.endswith(_TELLING)


def write_handover(path: Path, variables: Mapping[str, str]) -> None:
    """Write the file, readable by its owner only from its first moment."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(dict(variables), file)


def take_handover(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take what the parent handed over into this process's environment, and remove the file; nothing if there is none.

    From then on this process ends with its parent. Raises UsageError where others may read the file.
    """
    runner = environ.pop(RUNNER_VARIABLE, None)
    if runner:
        die_with_parent(int(runner))
    named = environ.pop(HANDOVER_VARIABLE, None)
    if not named:
        return
    path = Path(named)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    with os.fdopen(handle, encoding="utf-8") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise UsageError(f"{path}: others may read what was handed over.", remedy="Start it again with hotops.")
        variables: dict[str, str] = json.load(file)
    path.unlink(missing_ok=True)
    environ.update(variables)


@contextmanager
def only(environ: Mapping[str, str]) -> Iterator[None]:
    """This process's environment is `environ` for the block: for what copies the whole of it."""
    kept = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(environ)
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
