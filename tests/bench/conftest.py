"""Where the benchmarks put their figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.figures import Figures


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """The figures of this run; written down when all benchmarks ran and none failed."""
    found = Figures()
    yield found
    if not request.session.testsfailed and len({item.path for item in request.session.items}) > 1:
        found.write()
