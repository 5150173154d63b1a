"""Projects for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.playbooks.project import Project
from tests.sandbox_fixture import sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A user's project, and a sandbox that is there but answers nothing."""
    made = Project(tmp_path)
    made.pretend_sandbox()
    return made
