"""What a run that died left behind, and the next run's ways to deal with it: finish, undo, put back, take over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.core.driver import drive
from hotops.deploy.roll import PROPAGATION_S
from hotops.deploy.rollback import Rollback, RollbackWant
from tests.scale_stage import scale
from tests.stage import Stage
from tests.twin.stages import APP, FIRST, SECOND, ended, lock_holder, refused, wrong_with

UPDATE = rf"^POST .*/apps/{APP}/machines/[0-9a-f]+$"
CORDON = rf"^POST .*/apps/{APP}/machines/[0-9a-f]+/cordon$"
UNCORDON = rf"^POST .*/apps/{APP}/machines/[0-9a-f]+/uncordon$"
ACCEPT = r"^PATCH .*/metadata$"

pytestmark = pytest.mark.usefixtures("own_state")


class Killed(BaseException):
    """The process ends here; nothing of it runs on, as with SIGKILL."""


class Dies(httpx.BaseTransport):
    """Dies after the n-th request of a kind was answered."""

    def __init__(self, inner: httpx.BaseTransport, after: str, nth: int) -> None:
        self.inner, self.after, self.nth, self.dead = inner, after, nth, False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.dead:
            raise Killed
        answer = self.inner.handle_request(request)
        if re.search(self.after, f"{request.method} {request.url.path}"):
            self.nth -= 1
            self.dead = self.nth == 0
            if self.dead:
                raise Killed
        return answer


def killed(stage: Stage, after: str, nth: int = 1, *, run: str = FIRST, **options: Any) -> None:
    """A promotion that dies there; a while later its leases are over."""
    stage.wrap = lambda transport: Dies(transport, after, nth)
    with pytest.raises(Killed):
        stage.promote(run, **options)
    stage.wrap = lambda transport: transport
    stage.clock.sleep(20)


def times_of(stage: Stage, pattern: str) -> list[float]:
    """When the twin answered the calls that match, since its log was emptied."""
    entries = stage.control("GET", "log")["entries"]
    return [entry["at"] for entry in entries if re.search(pattern, f"{entry['method']} {entry['path']}")]


def test_the_next_machine_leaves_when_the_proxy_knows_of_the_one_that_came_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    killed(stage, UPDATE)
    stage.control("DELETE", "log")
    stage.promote(SECOND)
    (back, _), (left,) = times_of(stage, UNCORDON), times_of(stage, CORDON)
    assert left - back >= PROPAGATION_S
    assert wrong_with(stage, tag="v42") == []


def test_a_bad_release_of_a_dead_run_does_not_get_to_the_next_machine(tmp_path: Path) -> None:
    """The run found it to be bad and died on the way back: finishing it begins with a look at what it left."""
    stage = Stage(tmp_path)
    stage.push("v43-prod-crash")
    killed(stage, UPDATE)
    stage.control("DELETE", "log")
    assert ended(refused(stage.promote, SECOND)) == ("rolled_back", 6)
    assert len(times_of(stage, UPDATE)) == 1, "the way back of the first machine"
    assert wrong_with(stage, tag="v41") == []


@pytest.mark.parametrize("after", [CORDON, UPDATE, UNCORDON], ids=["cordon", "update", "uncordon"])
@pytest.mark.parametrize("nth", [1, 2])
def test_what_may_not_be_finished_is_brought_back(tmp_path: Path, after: str, nth: int) -> None:
    """The gates say no to what the dead run had begun."""
    stage = Stage(tmp_path)
    killed(stage, after, nth)
    stage.control("POST", "secrets", {"app": APP, "set": {"NEW_FLAG": "on"}, "staged": True})
    changed_nothing = (after, nth) == (CORDON, 1)
    assert ended(refused(stage.promote, SECOND))[1] == (3 if changed_nothing else 6)
    assert wrong_with(stage, tag="v41") == []


@pytest.mark.parametrize(("after", "nth"), [(UPDATE, 1), (UNCORDON, 1), (CORDON, 2), (UPDATE, 2), (UNCORDON, 2)])
def test_the_fire_exit_brings_back_what_ran_before_the_dead_run(tmp_path: Path, after: str, nth: int) -> None:
    stage = Stage(tmp_path)
    killed(stage, after, nth)
    with stage.context(SECOND) as context:
        drive(Rollback(RollbackWant(), context))
    assert stage.tags() == {"v41"}
    assert not [machine.id for machine in stage.machines() if machine.cordoned]


def test_the_fire_exit_after_a_kill_at_the_first_cordon_undoes_no_earlier_promotion(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.promote("20251231T000000Z-promote-stage")
    stage.push("v43")
    killed(stage, CORDON)
    assert [machine.id for machine in stage.machines() if machine.cordoned]
    with stage.context(SECOND) as context:
        outcome = drive(Rollback(RollbackWant(), context))
    assert outcome.result["undone_run"] == FIRST
    assert f"run {FIRST} had changed nothing, and only taken 1 machine out of rotation" in str(outcome.result)
    stage.clock.sleep(10)
    assert stage.tags() == {"v42"}, "what the promotion before it brought stays"
    assert not [machine.id for machine in stage.machines() if machine.cordoned]
    with stage.context("20260101T020000Z-rollback-stage") as context:
        drive(Rollback(RollbackWant(), context))
    assert stage.tags() == {"v41"}, "the next one is about the promotion before"


def test_the_lock_of_a_run_that_died_when_all_was_done_is_given_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    killed(stage, ACCEPT, 2)
    assert lock_holder(stage) == FIRST
    stage.phase("check_ready", SECOND)
    assert lock_holder(stage) is None
    assert wrong_with(stage, tag="v42") == []


@pytest.mark.parametrize("promoted", [True, False])
def test_a_dead_scaling_s_cordon_is_no_promotion(tmp_path: Path, promoted: bool) -> None:
    """The fire exit brings the last promotion back, at once; where there is none, only the machine returns."""
    stage = Stage(tmp_path)
    if promoted:
        stage.promote("20251231T000000Z-promote-stage")
    stage.wrap = lambda transport: Dies(transport, CORDON, 1)
    with pytest.raises(Killed):
        scale(stage, FIRST, memory_mb=2048)
    stage.wrap = lambda transport: transport
    stage.clock.sleep(20)
    assert [machine.id for machine in stage.machines() if machine.cordoned]
    with stage.context(SECOND) as context:
        outcome = drive(Rollback(RollbackWant(), context))
    assert outcome.result["undone_run"] == ("20251231T000000Z-promote-stage" if promoted else FIRST)
    assert stage.tags() == {"v41"}
    assert not [machine.id for machine in stage.machines() if machine.cordoned]


def test_greens_of_a_dead_run_go_with_the_next_one_and_no_blue_is_left(tmp_path: Path) -> None:
    """It died with one green made; meanwhile staging runs another image."""
    stage = Stage(tmp_path, deploy_strategy="bluegreen")
    blues = {machine.id for machine in stage.machines()}
    killed(stage, rf"^POST .*/apps/{APP}/machines$")
    (zombie,) = {machine.id for machine in stage.machines()} - blues
    stage.push("v43")
    stage.promote(SECOND)
    left = {machine.id for machine in stage.machines()}
    assert zombie not in left
    assert not left & blues
    assert wrong_with(stage, tag="v43") == []
