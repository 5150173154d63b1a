"""What sweeps of operations on a repository start from and compare: the twin's own books, past every fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hotops.core.driver import drive
from hotops.core.options import validated
from hotops.registry import operation
from tests.stage import Stage

REPO = "acme/shop"


def a_world(folder: Path, **common: Any) -> Stage:
    """A stage with a repository of its own, which nobody but the team reads."""
    made = Stage(folder, github_repo=REPO, **common)
    made.environment = made.environment.model_copy(update={"project_dir": folder})
    repository(made).private = True
    return made


def repository(stage: Stage) -> Any:
    """The repository as the twin holds it."""
    found = stage.twin.github.hub.repository(REPO)
    assert found is not None
    return found


def carries_out(name: str, wanted: Mapping[str, Any]) -> Callable[[Stage, str], object]:
    """A run of an operation with these options."""

    def run(stage: Stage, run_id: str) -> object:
        kind = operation(name)
        with stage.context(run_id) as context:
            return drive(kind(validated(kind.Want, dict(wanted), of=name), context))

    return run


def dispatched(stage: Stage) -> list[str]:
    """Titles of the runs that somebody started."""
    return [each.title for each in repository(stage).runs.values() if each.event == "workflow_dispatch"]


def references(stage: Stage) -> list[str]:
    """Every reference of hotops."""
    return sorted(name for name in repository(stage).refs if name.startswith("refs/hotops/"))
