"""Twins for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.sandbox.twin import Twin
from tests.twin.asking import START, Asker, Make, fly_seed


@pytest.fixture
def make() -> Make:
    """Make a twin from app seeds, without rate limits unless asked for."""

    def build(*apps: dict[str, Any], limits: bool = False, connect: Any = None, **fly: Any) -> Asker:
        twin = Twin(fly_seed(*apps, **fly), connect=connect or (lambda dsn: None), now=START)
        twin.limits = limits
        return Asker(twin)

    return build


@pytest.fixture
def sky(make: Make) -> Asker:
    """The usual twin: one app, database reachable, no rate limits."""
    return make()


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks and keys of this test alone: stages of tests that run at the same time have one name."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
