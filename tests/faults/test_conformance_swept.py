"""Trials of the clouds, any call broken or killed anywhere: nobody else's is touched, and the next run leaves none."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from hotops.conformance.trials import PREFIX, REFERENCES
from tests.faults.repositories import a_world, carries_out, references, repository
from tests.faults.sweep import EVERY, FIRST, Sweep
from tests.stage import Stage

THEIRS = "refs/hotops/freeze/elsewhere"
TRY = carries_out("conformance", {"budget": 0.05})
LOOK = carries_out("conformance", {})


class There(NamedTuple):
    """Apps, and references of hotops."""

    apps: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def others(self) -> There:
        """What no trial made."""
        return There(
            tuple(app for app in self.apps if not app.startswith(PREFIX)),
            tuple(name for name in self.references if not name.startswith(REFERENCES)),
        )


def there(stage: Stage) -> There:
    return There(tuple(sorted(stage.twin.world.apps)), tuple(references(stage)))


def left_by_a_dead_run(folder: Path) -> Stage:
    """An app and a reference of trials whose run died, beside a freeze of somebody else's."""
    stage = a_world(folder)
    org = stage.twin.world.apps["shop-production"].org
    stage.twin.world.add_app(f"{PREFIX}0badcafe", org, stage.clock.now())
    repo = repository(stage)
    head = repo.refs[f"refs/heads/{repo.default_branch}"]
    repo.refs.update({f"{REFERENCES}0badcafe": head, THEIRS: head})
    return stage


WANTED = There(("shop-production", "shop-staging"), (THEIRS,))
CONFORMANCE = Sweep(
    "conformance", world=left_by_a_dead_run, run=TRY, state=there, wanted=lambda state: state == WANTED,
    half_way=lambda state: state.others == WANTED,
    meanwhile=lambda stage: [] if there(stage).others == WANTED else ["what is no trial's was touched"],
    # An app that is said to be gone (404) and is there: the proof says that it is left, by exit code 7.
    may_stop_half_way=True, faults=EVERY,
)  # fmt: skip


def test_whatever_breaks_the_next_run_leaves_nothing_of_the_trials(tmp_path: Path) -> None:
    CONFORMANCE.all_hold(tmp_path, short=10)


def test_a_look_keeps_a_file_only_where_something_may_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    stage = left_by_a_dead_run(tmp_path)
    monkeypatch.setenv("HOTOPS_READONLY", "1")
    LOOK(stage, FIRST)
    assert not (tmp_path / "artifacts/conformance").exists()
    monkeypatch.delenv("HOTOPS_READONLY")
    LOOK(stage, FIRST)
    assert len(list((tmp_path / "artifacts/conformance").iterdir())) == 1
    assert there(stage).references == (f"{REFERENCES}0badcafe", THEIRS)
