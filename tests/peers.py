"""Peers: the other programs a test may need, `@pytest.mark.peer("gh")`, and what their absence means.

On a developer's machine a test whose peer is missing is skipped and says which. Under `CI=true` it fails, and so does
one that skips for any other reason while it carries the mark: a peer test that never runs proves nothing. `.ci/peers`
installs them. Those of OPTIONAL a CI need not have: a test without one is skipped under CI too, so that
what it proves must also be proven by a test that always runs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

PEERS = (
    "actionlint",
    "age",
    "chaos",
    "chromium",
    "flyctl",
    "gh",
    "moto_server",
    "pgbouncer",
    "postgresql",
    "sops",
    "supabase",
    "zstd",
)  # fmt: skip
"""Names the mark accepts; the program is the same word, but for PostgreSQL, whose server is looked for."""

OPTIONAL = frozenset({"actionlint", "chaos", "chromium", "flyctl", "moto_server", "sops"})
"""Peers that a CI may lack: no package index has two of them, Go builds one, and two are large."""

_PROGRAMS = {"postgresql": "postgres"}


def own_peers_dir() -> Path:
    """Where `.ci/peers` installs peers that come from npm, and those it builds."""
    cache = os.environ.get("HOTOPS_CACHE_DIR")
    if cache is None:
        base = os.environ.get("XDG_CACHE_HOME")
        cache = str((Path(base) if base else Path.home() / ".cache") / "hotops")
    return Path(cache) / "peers"


def find_peer(name: str) -> Path | None:
    """The program of a peer, or None. Looks where Debian keeps servers too, which is not on an ordinary user's PATH."""
    folders = [
        os.environ.get("PATH", ""),
        "/usr/sbin",
        str(own_peers_dir() / "node_modules/.bin"),
        str(own_peers_dir() / "bin"),
    ]
    folders += sorted((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    found = shutil.which(_PROGRAMS.get(name, name), path=os.pathsep.join(folders))
    return Path(found) if found else None


def _peers_of(item: pytest.Item) -> list[str]:
    names = [str(name) for mark in item.iter_markers("peer") for name in mark.args]
    for name in names:
        if name not in PEERS:
            raise pytest.UsageError(f"{item.nodeid}: unknown peer {name!r}; known: {', '.join(PEERS)}")
    return names


def _missing(item: pytest.Item) -> list[str]:
    return [name for name in _peers_of(item) if find_peer(name) is None]


def _must_run(item: pytest.Item) -> bool:
    if OPTIONAL.intersection(_missing(item)) or not _peers_of(item):
        return False
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose peers are not all here; the next hook turns the skip into a failure under CI."""
    missing = _missing(item)
    if missing:
        optional = " (a CI need not have it)" if OPTIONAL.issuperset(missing) else ""
        pytest.skip(f"peer not installed: {', '.join(missing)}{optional}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI, a peer test that was skipped has failed, unless it is for want of an optional one."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _must_run(item):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a peer test may not be skipped under CI. {reason}"
    return report
