"""What goes wrong between the gates and the end of the watch: refused, rolled back, or said to be neither."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.core.driver import Outcome
from hotops.core.errors import HotopsError
from hotops.fly import Fly
from hotops.promote.gates import VALID_S
from tests.stage import Stage
from tests.twin.stages import (
    APP,
    FIRST,
    SECOND,
    SOURCE,
    THIRD,
    ended,
    forget_calls,
    lock_holder,
    refused,
    told,
    verdict_of,
    wrong_with,
)

pytestmark = pytest.mark.usefixtures("own_state")


def meanwhile(after: str, act: Callable[[], object]) -> Callable[[str, Outcome], None]:
    """For `on_phase`: let something happen when a phase is over."""

    def happen(phase: str, _outcome: Outcome) -> None:
        if phase == after:
            act()

    return happen


def broken(stage: Stage, status: int = 500, **match: str) -> None:
    stage.control("POST", "faults", {"kind": "status", "status": status, "match": match})


def changed(stage: Stage, **guest: int) -> None:
    with stage.context() as context:
        for machine in stage.machines():
            context.client(Fly).machines.update(APP, machine.id, machine.known_config.with_guest(**guest))
    stage.clock.sleep(20)


class At(httpx.BaseTransport):
    """Lets something happen right before the n-th machine of an app is updated."""

    def __init__(self, inner: httpx.BaseTransport, update: int, act: Callable[[], object]) -> None:
        self.inner, self.update, self.act, self.seen = inner, update, act, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.split("/")
        if request.method == "POST" and parts[3:4] == [APP] and len(parts) == 6:
            self.seen += 1
            if self.seen == self.update:
                self.act()
        return self.inner.handle_request(request)


# --- the verdict ----------------------------------------------------------------------------------------------------


def verdict_of_gates(stage: Stage, run: str = FIRST) -> dict[str, Any]:
    verdict: dict[str, Any] = stage.phase("ask_gates", run).result["verdict"]
    return verdict


def deploy_refused(stage: Stage, verdict: object, run: str = FIRST) -> HotopsError:
    forget_calls(stage)
    error = refused(stage.phase, "deploy", run, verdict=verdict)
    assert stage.writes() == [], "nothing was changed"
    assert wrong_with(stage, tag="v41") == []
    return error


@pytest.mark.parametrize("phase", ["deploy", "verify", "watch"])
def test_without_a_verdict_no_later_phase_does_anything(tmp_path: Path, phase: Any) -> None:
    stage = Stage(tmp_path)
    forget_calls(stage)
    error = refused(stage.phase, phase)
    assert ended(error) == ("no_verdict", 3)
    assert stage.writes() == []


def test_a_forged_verdict_is_refused(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    forged = copy.deepcopy(verdict_of_gates(stage))
    payload = str(forged["payload"])
    forged["payload"] = ("B" if payload[20] != "B" else "C").join((payload[:20], payload[21:]))
    assert ended(deploy_refused(stage, forged)) == ("no_verdict", 3)
    assert ended(deploy_refused(stage, {"verdict": "go"})) == ("no_verdict", 3)


def test_a_verdict_that_another_computer_signed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path)
    verdict = verdict_of_gates(stage)
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "elsewhere"))
    error = deploy_refused(stage, verdict)
    assert ended(error) == ("no_verdict", 3)
    assert "does not know" in error.message


def test_a_verdict_that_has_expired_is_refused(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    verdict = verdict_of_gates(stage)
    stage.clock.sleep(VALID_S + 1)
    error = deploy_refused(stage, verdict)
    assert ended(error) == ("no_verdict", 3)
    assert "expired" in error.message


def test_a_verdict_of_another_run_is_refused(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    error = deploy_refused(stage, verdict_of_gates(stage, FIRST), SECOND)
    assert ended(error) == ("no_verdict", 3)
    assert FIRST in error.message
    assert SECOND in error.message


def test_a_verdict_is_for_its_images_only(tmp_path: Path) -> None:
    from hotops.core.driver import drive
    from hotops.deploy.deploy import Deploy
    from hotops.deploy.target import DeployWant, Target

    stage = Stage(tmp_path)
    verdict = verdict_of_gates(stage)
    digest = "sha256:" + "0" * 64
    want = DeployWant(targets=(Target(app=APP, image=f"registry.fly.io/{APP}:v40@{digest}"),), verdict=verdict)
    forget_calls(stage)
    with stage.context(FIRST) as context:
        error = refused(drive, Deploy(want, context))
    assert ended(error) == ("no_verdict", 3)
    assert stage.writes() == []


# --- somebody else is at work ---------------------------------------------------------------------------------------


def test_a_deploy_by_somebody_else_between_gates_and_deploy_makes_the_go_stale(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    act = meanwhile("ask_gates", lambda: (stage.push("v50", app=APP, age_s=0), stage.clock.sleep(20)))
    error = refused(stage.promote, on_phase=act)
    assert ended(error) == ("plan_changed", 5)
    assert wrong_with(stage, tag="v50") == []


def test_a_scale_by_somebody_else_between_gates_and_deploy_makes_the_go_stale(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    error = refused(stage.promote, on_phase=meanwhile("ask_gates", lambda: changed(stage, memory_mb=512)))
    assert ended(error) == ("plan_changed", 5)
    assert wrong_with(stage, tag="v41") == []


def test_what_staging_gets_after_the_gates_is_not_what_is_deployed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.promote(on_phase=meanwhile("ask_gates", lambda: stage.push("v43-crash", age_s=0)))
    assert wrong_with(stage, tag="v42") == []


def test_a_deploy_by_somebody_else_during_the_watch_is_left_alone_and_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    act = meanwhile("verify", lambda: (stage.push("v50", app=APP, age_s=0), stage.clock.sleep(20)))
    error = refused(stage.promote, on_phase=act)
    assert ended(error) == ("overtaken", 1)
    assert "deployed by somebody else" in error.message
    assert wrong_with(stage, tag="v50") == []
    assert told(stage)[0] == (43, "complete", "v50")


def test_what_somebody_else_deployed_over_an_accepted_release_was_accepted_by_nobody(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.promote()
    stage.push("v50", app=APP, age_s=0)
    stage.push("v50")
    stage.clock.sleep(20)
    outcomes = stage.promote(SECOND)
    assert outcomes["ask_gates"].result["gates"], "the same image, and yet the gates are asked"
    assert (outcomes["deploy"].changed, outcomes["watch"].changed) == (False, True)
    again = stage.promote(THIRD)
    assert (again["ask_gates"].result["gates"], again["watch"].changed) == ([], False)


@pytest.mark.parametrize("deed", ["suspend", "stop"])
def test_an_app_that_somebody_puts_to_sleep_during_the_watch_is_brought_back_started(tmp_path: Path, deed: str) -> None:
    stage = Stage(tmp_path)
    asleep = {"app": APP, "do": deed}
    act = meanwhile("verify", lambda: (stage.control("POST", "machines", asleep), stage.clock.sleep(20)))
    error = refused(stage.promote, on_phase=act)
    assert ended(error) == ("rolled_back", 6)
    assert "is not running" in error.message
    assert wrong_with(stage, tag="v41") == []


# --- machines and surfaces fail half-way ----------------------------------------------------------------------------


@pytest.mark.parametrize("update", [1, 2])
def test_a_machine_that_vanishes_during_the_deploy_brings_the_rest_back_and_wakes_someone(
    tmp_path: Path, update: int
) -> None:
    stage = Stage(tmp_path)
    machine = stage.machines()[update - 1].id
    lost = {"app": APP, "id": machine, "do": "lose"}
    stage.wrap = lambda inner: At(inner, update, lambda: stage.control("POST", "machines", lost))
    error = refused(stage.promote)
    stage.wrap = lambda inner: inner
    assert ended(error) == ("not_restored", 7)
    assert machine in error.message
    assert wrong_with(stage, tag="v41", expect=1) == []


def test_a_machine_that_vanishes_after_its_turn_is_missed_by_the_proof(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    machine = stage.machines()[0].id
    lost = {"app": APP, "id": machine, "do": "lose"}
    stage.wrap = lambda inner: At(inner, 2, lambda: stage.control("POST", "machines", lost))
    error = refused(stage.promote)
    assert ended(error) == ("not_restored", 7)
    assert machine in error.message
    stage.clock.sleep(10)  # the proxy learns late that the other one is back
    assert wrong_with(stage, tag="v41", expect=1) == []


@pytest.mark.parametrize("update", [1, 2])
def test_a_host_that_goes_down_during_the_deploy_is_not_called_restored_and_the_other_machine_is_old(
    tmp_path: Path, update: int
) -> None:
    stage = Stage(tmp_path)
    down = {"app": APP, "id": stage.machines()[update - 1].id, "do": "host_down"}
    stage.wrap = lambda inner: At(inner, update, lambda: stage.control("POST", "machines", down))
    error = refused(stage.promote)
    stage.wrap = lambda inner: inner
    assert ended(error) == ("not_restored", 7)
    stage.control("POST", "machines", {**down, "do": "host_up"})
    stage.clock.sleep(30)
    assert stage.tags() == {"v41"}, str(error)
    stage.promote(SECOND)
    assert wrong_with(stage, tag="v42") == []


def test_a_platform_without_room_for_the_new_version_leaves_the_old_one(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    match = {"surface": "machines", "method": "POST", "path": f"/v1/apps/{APP}/machines/*"}
    stage.control("POST", "faults", {"kind": "no_capacity", "match": match})
    error = refused(stage.promote)
    stage.control("DELETE", "faults")
    assert ended(error) == ("rolled_back", 6)
    assert wrong_with(stage, tag="v41") == []


def test_refused_release_records_are_warnings_and_never_a_failure(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    broken(stage, 403, surface="uiex", method="POST")
    broken(stage, 403, surface="uiex", method="PATCH")
    outcomes = stage.promote()
    assert "could not be recorded" in outcomes["deploy"].result["warnings"][0]
    assert wrong_with(stage, tag="v42") == []
    assert told(stage)[0] == (41, "complete", "v41")


def test_a_log_that_can_not_be_read_during_the_watch_is_noted_and_the_rest_decides(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    outcomes = stage.promote(on_phase=meanwhile("verify", lambda: broken(stage, surface="logs")))
    row = outcomes["watch"].result["apps"][APP]
    assert row["unread"]
    assert row["unread"][0].startswith("log: ")
    assert "not read" in outcomes["watch"].result["hotops_screen"][0]
    assert wrong_with(stage, tag="v42") == []


def test_machines_that_can_not_be_read_to_the_end_of_the_watch_are_not_called_good(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    act = meanwhile("verify", lambda: broken(stage, surface="machines", method="GET", path=f"/v1/apps/{APP}/machines"))
    error = refused(stage.promote, on_phase=act)
    stage.control("DELETE", "faults")
    assert ended(error) == ("not_restored", 7)
    assert {verdict_of(machine) for machine in stage.machines()} == {"pending"}, "nobody accepted it"
    assert lock_holder(stage) == FIRST, "the dead run's lock tells the next one"
    stage.promote(SECOND)
    assert wrong_with(stage, tag="v42") == []


def test_probes_that_get_no_answer_during_the_watch_bring_the_old_release_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    act = meanwhile("verify", lambda: broken(stage, 502, surface="proxy", host=f"{APP}.fly.dev"))
    error = refused(stage.promote, on_phase=act)
    stage.control("DELETE", "faults")
    assert ended(error) == ("rolled_back", 6)
    assert "502" in error.message
    assert wrong_with(stage, tag="v41") == []
    assert SOURCE not in error.message


def test_an_approval_without_a_repository_stops_the_run(tmp_path: Path) -> None:
    stage = Stage(tmp_path, approval="github")
    failure = stage.failure_of_promotion("20260101T000000Z-promote-stage")
    assert failure is not None
    assert (failure.failure_code, int(failure.failure_exit)) == ("usage", 2)
    assert stage.writes() == []
