"""Twins for the tests of this folder."""

from __future__ import annotations

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
