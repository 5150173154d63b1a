"""An environment frozen by hand: promotions are refused with the reason, wherever they start; the way back is free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.backup.prune import PruneBackups, PruneWanted
from hotops.core.driver import Outcome, drive
from hotops.core.errors import Forbidden, NoGo, UsageError
from hotops.core.operation import Plan
from hotops.drill.drill import DrDrill, DrillWanted
from hotops.inventory.frozen import frozen_by, told
from hotops.promote.freezing import Freeze, FreezeWant, moment_of
from hotops.promote.holding import LockUnknown
from tests.stage import Stage

REPO = "acme/shop"

pytestmark = pytest.mark.usefixtures("own_state")


def set_to(stage: Stage, state: str, reason: str = "holidays", *, check: bool = False, **want: Any) -> Outcome:
    with stage.context("freeze") as context:
        return drive(Freeze(FreezeWant(state=state, reason=reason, **want), context), check=check)  # type: ignore[arg-type]


def gate_of(stage: Stage, run: str = "20260101T000000Z-promote-stage") -> str:
    with pytest.raises(NoGo) as stopped:
        stage.promote(run)
    (row,) = [row for row in stopped.value.details["gates"] if row["gate"] == "freeze"]  # type: ignore[attr-defined]
    return str(row["found"])


@pytest.mark.parametrize("repository", [{}, {"github_repo": REPO}], ids=["file", "github"])
def test_a_promotion_is_refused_until_it_is_thawed(tmp_path: Path, repository: dict[str, str]) -> None:
    stage = Stage(tmp_path, **repository)
    frozen = set_to(stage, "frozen", until="8h")
    assert frozen.changed
    assert frozen.result["scope"] == ("GitHub, acme/shop" if repository else "this computer only")
    assert set_to(stage, "frozen", until="9h").changed, "another end is a change"
    assert "holidays" in gate_of(stage)
    assert stage.tags() == {"v41"}
    assert set_to(stage, "thawed", "all are back").changed
    assert set_to(stage, "thawed", "all are back").changed is False
    stage.promote()
    assert stage.tags() == {"v42"}


def test_everybody_sees_it_and_it_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, github_repo=REPO)
    set_to(stage, "frozen", until="2d")
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "another-laptop"))
    assert "holidays" in gate_of(stage)
    stage.clock.sleep(2 * 86400)
    with stage.context() as context:
        assert frozen_by(context, stage.environment) == (None, "GitHub, acme/shop")


def test_what_a_colleague_thaws_is_thawed_here_too_and_half_a_right_freezes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, github_repo=REPO)
    here = str(tmp_path / "state")
    monkeypatch.setenv("HOTOPS_STATE_DIR", here)
    set_to(stage, "frozen")
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "another-laptop"))
    set_to(stage, "thawed", "all are back")
    monkeypatch.setenv("HOTOPS_STATE_DIR", here)
    with stage.context() as context:
        assert frozen_by(context, stage.environment) == (None, "GitHub, acme/shop")
    token = next(iter(stage.twin.github.hub.tokens.values()))
    token.permissions = {"metadata": "read", "contents": "read"}
    with pytest.raises(Forbidden):  # colleagues would go on promoting, though it said done
        set_to(stage, "frozen")
    with stage.context() as context:
        assert frozen_by(context, stage.environment) == (None, "GitHub, acme/shop")


def test_a_thaw_claims_nothing_where_the_token_may_not_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, github_repo=REPO)
    set_to(stage, "frozen")
    stage.control("POST", "faults", {"kind": "status", "status": 403, "match": {"path": "/repos/*"}})
    with pytest.raises(Forbidden):
        set_to(stage, "thawed", "all are back")
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "another-laptop"))
    with pytest.raises(LockUnknown, match="frozen for everybody is not known"):
        set_to(stage, "thawed", "all are back")
    set_to(stage, "frozen", "this laptop only")
    assert set_to(stage, "thawed", "all are back").result["scope"].startswith("this computer only")


def test_the_way_back_is_free_while_it_is_frozen(tmp_path: Path) -> None:
    from hotops.deploy.rollback import Rollback, RollbackWant

    stage = Stage(tmp_path)
    stage.promote()
    set_to(stage, "frozen")
    with stage.context("rollback") as context:
        drive(Rollback(RollbackWant(), context))
    assert stage.tags() == {"v41"}


def test_check_mode_freezes_nothing_and_the_second_run_changes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, github_repo=REPO)
    stage.control("DELETE", "log")
    assert set_to(stage, "frozen", check=True).changed
    assert stage.writes() == []
    assert set_to(stage, "frozen").changed
    assert set_to(stage, "frozen").changed is False


def test_a_token_without_the_right_leaves_a_note_on_this_computer(tmp_path: Path) -> None:
    stage = Stage(tmp_path, github_repo=REPO)
    stage.control("POST", "faults", {"kind": "status", "status": 403, "match": {"path": "/repos/*"}})
    assert set_to(stage, "frozen").result["scope"].startswith("this computer only")
    with stage.context() as context:
        holder, _ = frozen_by(context, stage.environment)
    assert holder is not None
    assert "until somebody thaws it: holidays" in told(holder)


@pytest.mark.parametrize(
    ("want", "says"),
    [({"reason": " "}, "for a reason"), ({"until": "tomorrow"}, "is no time"), ({"until": "2020-01-01"}, "is past")],
)
def test_what_nobody_could_read_later_is_refused(tmp_path: Path, want: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        set_to(Stage(tmp_path), "frozen", **want)


def test_ends_in_every_form() -> None:
    assert moment_of("90min", 1000.0) == 1000 + 5400
    assert moment_of("2026-12-27", 0.0) == moment_of("2026-12-28T00:00:00Z", 0.0)
    assert moment_of("2026-12-27T10:00:00+02:00", 0.0) == moment_of("2026-12-27T08:00:00Z", 0.0)


def test_a_freeze_stops_a_drill_and_the_removal_of_backups_before_anything(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    set_to(stage, "frozen", until="8h")
    wanted = DrDrill(DrillWanted(scenario="machine_lost", confirm="stage"), stage.context())
    for begin in (
        lambda: wanted.prepare(Plan()),
        lambda: PruneBackups(PruneWanted(confirm="shop"), stage.context()).prepare(Plan()),
    ):
        with pytest.raises(NoGo, match="holidays") as refused:
            begin()
        assert refused.value.failure_code == "frozen"
    set_to(stage, "thawed", "everybody is back")
    PruneBackups(PruneWanted(confirm="shop"), stage.context()).prepare(Plan())
