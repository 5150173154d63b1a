"""Every sweep has locks and keys of its own: stages of tests that run at the same time bear one name."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State in the test's own folder."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
