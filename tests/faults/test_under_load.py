"""Promotions under 50 requests a second, with cordons that the proxy learns of up to 5 s late: no request is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.load import LoadedStage
from tests.twin.stages import FIRST, ended, refused, wrong_with

SHORT = 2
LONG = 20
#: Machines, and how many of a group may be away at once: from one seed to the next.
SHAPES = ((2, 0.33), (3, 0.33), (4, 0.33), (4, 0.5), (3, 0.67))


def promoted(tmp_path: Path, strategy: str, seed: int, **declared: Any) -> LoadedStage:
    """A stage after a promotion with the default drain, and half a minute of visits more."""
    machines, max_unavailable = SHAPES[seed % len(SHAPES)]
    shape = {"machines": machines, "max_unavailable": max_unavailable, "drain_s": 10, **declared}
    stage = LoadedStage(tmp_path, seed=seed, deploy_strategy=strategy, traffic_rps=0, **shape)
    stage.turns.sleep(5)
    stage.promote()
    stage.turns.sleep(30)
    assert stage.tags() == {"v42"}
    assert len(stage.living_machines()) == shape["machines"]
    return stage


def lose_nothing(tmp_path: Path, strategy: str, promotions: int) -> None:
    sent = 0
    lost: list[str] = []
    for seed in range(promotions):
        stage = promoted(tmp_path, strategy, seed)
        began = stage.visitors.visits[0].at
        sent += len(stage.visitors.visits)
        lost += [f"seed {seed}: {visit.status} after {visit.at - began:.2f} s" for visit in stage.lost()]
    print(f"{strategy}: {promotions} promotions under 50 requests/s: {sent} requests sent, {len(lost)} lost")
    assert not lost, lost[:20]
    assert sent > promotions * 50 * 60


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_a_promotion_under_load_loses_no_request(tmp_path: Path, strategy: str) -> None:
    lose_nothing(tmp_path, strategy, SHORT)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_twenty_promotions_under_load_lose_no_request(tmp_path: Path, strategy: str) -> None:
    lose_nothing(tmp_path, strategy, LONG)


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_visitors_notice_machines_that_leave_before_the_proxy_knows(tmp_path: Path, strategy: str) -> None:
    stage = LoadedStage(tmp_path, seed=1, machines=3, deploy_strategy=strategy, drain_s=0, traffic_rps=0)
    stage.failure_of_promotion(FIRST)
    assert stage.lost()


@pytest.mark.parametrize(
    ("seed", "broken"),
    [(0, {"kind": "status", "status": 400}), (1, {"kind": "no_capacity"}), (1, {"kind": "reset_before"})],
)
def test_a_machine_that_can_not_be_replaced_brings_the_others_back_and_no_request_is_lost(
    tmp_path: Path, seed: int, broken: dict[str, Any]
) -> None:
    stage = LoadedStage(tmp_path, seed=seed, drain_s=10, traffic_rps=0)
    last = sorted(stage.machines(), key=lambda machine: (machine.created_at or 0.0, machine.id))[-1]
    match = {"surface": "machines", "method": "POST", "path": f"*/machines/{last.id}"}
    stage.control("POST", "faults", {**broken, "match": match})
    stage.turns.sleep(5)
    error = refused(stage.promote, FIRST)
    stage.turns.sleep(20)
    assert ended(error) == ("rolled_back", 6)
    assert {visit.release for visit in stage.visitors.visits} == {"v41", "v42"}
    assert stage.lost() == []
    stage.control("DELETE", "faults")
    assert wrong_with(stage, tag="v41") == []


def test_one_run_is_like_the_next_to_the_last_visit(tmp_path: Path) -> None:
    first, second = (promoted(tmp_path, "rolling", 1).visitors.visits for _ in range(2))
    assert first == second
