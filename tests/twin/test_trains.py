"""Several apps of one run: in order, under load, and back together when one of them fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome
from hotops.core.errors import HotopsError
from hotops.promote.phases import PhaseName
from hotops.promote.run import promote
from tests.load import LoadedStage
from tests.stage import Stage
from tests.twin.stages import FIRST, SECOND, ended, in_one_order, refused, verdict_of, wrong_with
from tests.twin.test_dead_runs import killed

pytestmark = pytest.mark.usefixtures("own_state")

THREE_APPS: Mapping[str, Any] = {
    "shop-api": {"promote_from": "api-staging"},
    "shop-web": {"promote_from": "web-staging", "after": ["shop-api"]},
    "shop-edge": {"promote_from": "edge-staging", "after": ["shop-web"]},
}
#: Without visitors in the log: most of a promotion's time is reading what they were answered.
QUIET: Mapping[str, Any] = {"sandbox": {"traffic_rps": 0}}
TWO_APPS: Mapping[str, Any] = {host: THREE_APPS[host] for host in ("shop-api", "shop-web")}


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_a_train_under_load_arrives_without_a_lost_request(tmp_path: Path, strategy: str) -> None:
    stage = LoadedStage(tmp_path, apps=THREE_APPS, seed=5, deploy_strategy=strategy, drain_s=10, traffic_rps=0)
    stage.promote(FIRST)
    stage.turns.sleep(20)
    assert stage.lost() == []
    for app in THREE_APPS:
        assert wrong_with(stage, app, tag="v42") == []


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_when_the_last_app_fails_the_whole_train_comes_back_and_no_request_is_lost(
    tmp_path: Path, strategy: str
) -> None:
    stage = LoadedStage(tmp_path, apps=THREE_APPS, seed=6, deploy_strategy=strategy, drain_s=10, traffic_rps=0)
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


def independent(tmp_path: Path, **more: Any) -> Stage:
    return Stage(tmp_path, apps=THREE_APPS, train="independent", **QUIET, **more)


def fates(error: HotopsError) -> dict[str, str]:
    """By app, what the end of a run says became of it."""
    apps: Any = error.details["apps"]
    return {app: told.get("code") or told["outcome"] for app, told in apps.items()}


def test_an_independent_train_arrives_as_any_other(tmp_path: Path) -> None:
    stage = independent(tmp_path)
    told = stage.promote(FIRST)
    assert told["watch"].result["watch_verdict"] == "good"
    assert set(told["deploy"].result["apps"]) == set(THREE_APPS)
    for app in THREE_APPS:
        assert wrong_with(stage, app, tag="v42") == []
    stage.control("DELETE", "log")
    stage.promote(SECOND)
    assert stage.writes() == []


@pytest.mark.parametrize(("strategy", "tag"), [("rolling", "v43-prod-error3pct"), ("bluegreen", "v43-prod-crash")])
def test_of_an_independent_train_one_bad_app_goes_back_by_itself(tmp_path: Path, strategy: str, tag: str) -> None:
    """The watch finds the first of them, the deploy the second."""
    limits = {"interval_s": 3, "error_share": 0.005}
    stage = LoadedStage(
        tmp_path,
        apps=THREE_APPS,
        seed=6,
        train="independent",
        deploy_strategy=strategy,
        watch_s=120,
        watch=limits,
        traffic_rps=0,
    )
    stage.push(tag, app="web-staging")
    error = refused(stage.promote, FIRST)
    assert ended(error) == ("partly_promoted", 6)
    assert fates(error) == {"shop-api": "promoted", "shop-web": "rolled_back", "shop-edge": "promoted"}
    stage.turns.sleep(20)
    assert wrong_with(stage, "shop-web", tag="v41") == []
    for app in ("shop-api", "shop-edge"):
        assert wrong_with(stage, app, tag="v42") == []
        assert {verdict_of(machine) for machine in stage.machines(app)} == {"good"}
    lost = {visit.app for visit in stage.lost()}
    assert lost <= {"shop-web"}, "nobody else lost a request"


def test_one_that_is_not_proven_after_the_deploy_goes_back_by_itself(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=TWO_APPS, train="independent", **QUIET)

    def unwell(phase: PhaseName, _outcome: Outcome) -> None:
        if phase == "deploy":
            fault = {"kind": "status", "status": 500, "match": {"host": "shop-web.fly.dev"}}
            stage.control("POST", "faults", fault)
        if phase == "verify":
            stage.control("DELETE", "faults")

    with in_one_order(), stage.context(FIRST) as context:
        error = refused(promote, context, on_phase=unwell)
    assert ended(error) == ("partly_promoted", 6)
    assert fates(error) == {"shop-api": "promoted", "shop-web": "rolled_back"}
    assert wrong_with(stage, "shop-api", tag="v42") == []
    assert wrong_with(stage, "shop-web", tag="v41") == []


def test_whose_release_command_fails_is_as_it_was_and_the_others_arrive(tmp_path: Path) -> None:
    apps = {
        **THREE_APPS,
        "shop-web": {**THREE_APPS["shop-web"], "sandbox": {"release_command": "bin/warm", "traffic_rps": 0}},
    }
    stage = Stage(tmp_path, apps=apps, train="independent", **QUIET)
    stage.push("v43-command-fails", app="web-staging")
    error = refused(stage.promote, FIRST)
    assert ended(error) == ("partly_promoted", 6)
    assert fates(error)["shop-web"] == "release_command_failed"
    assert "shop-web is as it was" in error.message
    assert [wrong_with(stage, app, tag="v42") for app in ("shop-api", "shop-edge")] == [[], []]
    assert wrong_with(stage, "shop-web", tag="v41") == []


def test_where_all_of_them_fail_the_run_says_so_and_watches_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=TWO_APPS, train="independent", **QUIET)
    for app in ("api-staging", "web-staging"):
        stage.push("v43-prod-crash", app=app)
    error = refused(stage.promote, FIRST)
    assert ended(error) == ("rolled_back", 6)
    assert [wrong_with(stage, app, tag="v41") for app in TWO_APPS] == [[], []]


def test_one_gate_of_one_app_stops_an_independent_train_too(tmp_path: Path) -> None:
    stage = independent(tmp_path)
    stage.push("v43", app="web-staging", age_s=1)
    error = refused(stage.promote, FIRST)
    assert ended(error) == ("no_go", 3)
    assert stage.writes() == []


def test_of_a_dead_independent_train_what_can_be_finished_is_and_the_rest_is_undone(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=TWO_APPS, train="independent", **QUIET)
    killed(stage, r"^POST /v1/apps/shop-web/machines/[0-9a-f]+$")
    stage.push("v43", app="web-staging")
    assert stage.phase("check_ready", SECOND).result["undone"]
    assert stage.tags("shop-api") == {"v42"}, "its staging still runs that image: it is finished"
    assert wrong_with(stage, "shop-web", tag="v41") == []
    stage.promote(SECOND)
    assert [stage.tags(app) for app in TWO_APPS] == [{"v42"}, {"v43"}]


def test_one_app_of_an_independent_train_goes_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=THREE_APPS, train="independent")
    with stage.context(FIRST, selection=("shop-web",)) as context:
        promote(context)
    assert (stage.tags("shop-web"), stage.tags("shop-api")) == ({"v42"}, {"v41"})


def test_a_train_that_died_on_its_second_app_is_undone_whole_when_staging_moved_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=TWO_APPS, **QUIET)
    killed(stage, r"^POST /v1/apps/shop-web/machines/[0-9a-f]+$")
    assert stage.tags("shop-api") == {"v42"}
    stage.push("v43", app="web-staging")
    assert stage.phase("check_ready", SECOND).result["undone"]
    for app in TWO_APPS:
        assert wrong_with(stage, app, tag="v41") == []
