"""Several apps of one run: in order, under load, and back together when one of them fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.load import LoadedStage
from tests.stage import Stage
from tests.twin.stages import FIRST, SECOND, ended, refused, wrong_with
from tests.twin.test_dead_runs import killed

pytestmark = pytest.mark.usefixtures("own_state")

THREE_APPS: Mapping[str, Any] = {
    "shop-api": {"promote_from": "api-staging"},
    "shop-web": {"promote_from": "web-staging", "after": ["shop-api"]},
    "shop-edge": {"promote_from": "edge-staging", "after": ["shop-web"]},
}
TWO_APPS: Mapping[str, Any] = {host: THREE_APPS[host] for host in ("shop-api", "shop-web")}


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_a_train_under_load_arrives_without_a_lost_request(tmp_path: Path, strategy: str) -> None:
    stage = LoadedStage(tmp_path, apps=THREE_APPS, seed=5, deploy_strategy=strategy, drain_s=10)
    stage.promote(FIRST)
    stage.turns.sleep(20)
    assert stage.lost() == []
    for app in THREE_APPS:
        assert wrong_with(stage, app, tag="v42") == []


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_when_the_last_app_fails_the_whole_train_comes_back_and_no_request_is_lost(
    tmp_path: Path, strategy: str
) -> None:
    stage = LoadedStage(tmp_path, apps=THREE_APPS, seed=6, deploy_strategy=strategy, drain_s=10)
    stage.push("v43-prod-crash", app="edge-staging")
    error = refused(stage.promote, FIRST)
    stage.turns.sleep(20)
    assert ended(error) == ("rolled_back", 6)
    assert "shop-edge" in error.message
    assert stage.lost() == []
    visited = {(visit.app, visit.release) for visit in stage.visitors.visits}
    assert {("shop-api", "v42"), ("shop-web", "v42")} <= visited, "they had been deployed when the last one failed"
    assert ("shop-edge", "v43-prod-crash") not in visited
    for app in THREE_APPS:
        assert wrong_with(stage, app, tag="v41") == []


def test_an_independent_train_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=THREE_APPS, train="independent")
    error = refused(stage.promote, FIRST)
    assert ended(error) == ("train_not_offered", 2)
    assert "-l APP" in error.remedy
    assert stage.writes() == []


def test_one_app_of_an_independent_train_goes_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=THREE_APPS, train="independent")
    with stage.context(FIRST, selection=("shop-web",)) as context:
        from hotops.promote.run import promote

        promote(context)
    assert (stage.tags("shop-web"), stage.tags("shop-api")) == ({"v42"}, {"v41"})


def test_a_train_that_died_on_its_second_app_is_undone_whole_when_staging_moved_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=TWO_APPS)
    killed(stage, r"^POST /v1/apps/shop-web/machines/[0-9a-f]+$")
    assert stage.tags("shop-api") == {"v42"}
    stage.push("v43", app="web-staging")
    assert stage.phase("check_ready", SECOND).result["undone"]
    for app in TWO_APPS:
        assert wrong_with(stage, app, tag="v41") == []
