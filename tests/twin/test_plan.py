"""A promotion's plan by itself: what it says, what it writes, and how a reviewer is asked about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.core.errors import UsageError
from hotops.promote.asked import ApprovePlan, ApproveWanted
from hotops.promote.planning import PlanWanted, PromotePlan
from tests.documented import as_documented
from tests.stage import Stage

REPO = "acme/shop"

pytestmark = pytest.mark.usefixtures("own_state")


def planned(stage: Stage, **want: Any) -> dict[str, Any]:
    with stage.context("plan") as context:
        return drive(PromotePlan(PlanWanted(**want), context)).result


def ask(stage: Stage, plan_id: str, *, check: bool = False) -> Outcome:
    with stage.context("approve") as context:
        return as_documented("approve_plan", drive(ApprovePlan(ApproveWanted(plan_id=plan_id), context), check=check))


def test_the_plan_is_told_written_and_said_as_commands_and_changes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    result = planned(stage, as_commands=True, out=str(tmp_path / "plan.json"))
    (image,) = {str(machine.image_ref) for machine in stage.machines("shop-staging")}
    assert result["commands"] == [f"fly deploy --app shop-production --image {image} --strategy rolling"]
    written = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert (written["schema"], written["plan_id"], written["go"]) == (1, result["plan_id"], True)
    assert [step["target"] for step in written["steps"]] == ["shop-production", *_ids(stage)]
    screen = "\n".join(result["hotops_screen"])
    assert "2 to change, 1 to add, 0 to destroy. Nothing was written." in screen
    assert f"Plan {result['plan_id']}, until" in screen
    assert stage.writes() == []


def _ids(stage: Stage) -> list[str]:
    return [machine.id for machine in stage.machines()]


def test_the_id_is_the_decision_s_and_moves_with_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    first = planned(stage)["plan_id"]
    stage.clock.sleep(60)
    assert planned(stage)["plan_id"] == first, "time decides nothing"
    stage.push("v43")
    assert planned(stage)["plan_id"] != first


def test_a_no_go_is_told_with_the_plan(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.push("v43", age_s=5)
    result = planned(stage)
    assert (result["go"], result["hotops_outcome"]["exit_code"]) == (False, 3)
    assert result["steps"], "what would be done is told all the same"


def test_where_nothing_is_to_do_nothing_is_approved(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.promote()
    result = planned(stage)
    assert (result["nothing_to_do"], result["steps"]) == (True, [])


def test_a_reviewer_is_asked_once_and_stands_by_login(tmp_path: Path) -> None:
    stage = Stage(tmp_path, github_repo=REPO, approval="github")
    plan_id = planned(stage)["plan_id"]
    assert ask(stage, plan_id, check=True).changed
    assert stage.writes() == [], "check mode asks nobody"
    asked = ask(stage, plan_id)
    assert asked.changed
    assert asked.result["url"].startswith(f"https://github.com/{REPO}/actions/runs/")
    stage.clock.sleep(60)
    again = ask(stage, plan_id)
    assert (again.changed, again.result["url"]) == (False, asked.result["url"])
    stage.control("POST", "github", {"do": "review", "login": "reviewer"})
    stage.clock.sleep(60)
    assert ask(stage, plan_id).result["approved_by"] == "reviewer"
    stage.promote()
    assert stage.tags() == {"v42"}


@pytest.mark.parametrize(("approval", "next_step"), [("none", "hotops promote stage"), ("self", "--approve ")])
def test_where_nobody_is_to_be_asked_it_says_what_to_do(tmp_path: Path, approval: str, next_step: str) -> None:
    stage = Stage(tmp_path, approval=approval)
    with pytest.raises(UsageError, match="nobody to ask") as refused:
        ask(stage, planned(stage)["plan_id"])
    assert next_step in refused.value.remedy
