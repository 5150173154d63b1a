"""Locks, limits and keys of each test are its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State in the test's own folder."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
