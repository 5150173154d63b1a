"""Days on which a promotion should stop before it changes anything: each says why, with its own code and exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotops.core import lock as locks
from hotops.core.errors import HotopsError, InventoryError
from hotops.fly import Fly
from hotops.promote.holding import local_lock
from hotops.selection import select
from tests.stage import Stage
from tests.twin.stages import APP, SOURCE, blocking, ended, forget_calls, gates_of, lock_holder, refused, wrong_with

pytestmark = pytest.mark.usefixtures("own_state")


def stopped(stage: Stage) -> HotopsError:
    """A promotion that ends with an error and leaves the app as it was, without a single write."""
    forget_calls(stage)
    error = refused(stage.promote)
    assert stage.writes() == [], "nothing was changed"
    assert error.remedy, "an error says what to do"
    return error


@contextmanager
def token(stage: Stage, **scope: Any) -> Iterator[None]:
    """Another token than the one that may do everything."""
    known = dict(stage.twin.tokens)
    stage.twin.tokens["fly"] = stage.control("POST", "tokens", scope)["token"] if scope else "sandbox-nobody-knows-it"
    yield
    stage.twin.tokens.update(known)


def broken(stage: Stage, status: int = 503, **match: str) -> None:
    stage.control("POST", "faults", {"kind": "status", "status": status, "match": match})


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_target_that_fly_does_not_have_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps={"shop": {"app": "shop-production", "promote_from": "shop-staging"}})
    apps = stage.twin.world.apps
    apps["shop-produktion"] = apps.pop("shop-production")
    apps["shop-produktion"].name = "shop-produktion"
    error = stopped(stage)
    assert ended(error) == ("unknown_app", 2)
    assert "'shop-production'" in error.message
    assert error.remedy == "Did you mean shop-produktion?"


def test_a_source_that_fly_does_not_have_is_named_with_those_there_are(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    del stage.twin.world.apps[SOURCE]
    error = stopped(stage)
    assert ended(error) == ("unknown_app", 2)
    assert error.message.startswith("promote_from: there is no Fly app 'shop-staging'")
    assert APP in error.remedy


def test_a_selection_that_leaves_no_app_is_an_error_and_names_what_there_is(tmp_path: Path) -> None:
    environment = Stage(tmp_path).environment
    error = refused(select, environment, (), patterns=("worker-*",))
    assert ended(error) == ("empty_selection", 2)
    assert "-l worker-*" in error.message
    assert APP in error.message
    assert ended(refused(select, environment, (APP,), apps="shop-prod")) == ("unknown_app", 2)


def test_an_app_without_a_source_can_not_be_promoted(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps={APP: {"promote_from": SOURCE}, "chat": {}})
    with stage.context(selection=("chat",)) as context:
        from hotops.promote.run import promote

        error = refused(promote, context)
    assert ended(error) == ("no_source", 2)
    assert "chat" in error.message


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_that_fly_does_not_know_stops_the_run_at_its_first_call(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with token(stage):
        error = stopped(stage)
    assert ended(error) == ("unauthorized", 4)
    assert "make a new one" in error.remedy


def test_a_token_of_another_app_stops_the_run_at_its_first_call(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with token(stage, apps=[SOURCE], access="write"):
        error = stopped(stage)
    assert ended(error) == ("forbidden", 4)
    assert APP in error.message


def test_a_token_that_may_only_read_both_apps_is_refused_before_the_first_change(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    forget_calls(stage)
    with token(stage, apps=[APP, SOURCE], access="read"):
        error = refused(stage.promote)
    assert ended(error) == ("forbidden", 4)
    assert "read-only" in error.message
    assert not [e for e in stage.control("GET", "log")["entries"] if e["applied"]]
    assert wrong_with(stage, tag="v41") == []


# --- the source -----------------------------------------------------------------------------------------------------


def test_staging_whose_machines_were_stopped_is_not_promoted(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.control("POST", "machines", {"app": SOURCE, "do": "stop"})
    stage.clock.sleep(30)
    error = stopped(stage)
    assert ended(error) == ("no_go", 3)
    assert "source_healthy" in blocking(error)


def test_two_images_on_staging_are_not_promoted_and_each_machine_is_named(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    one, other = stage.machines(SOURCE)
    with stage.context() as context:
        config = one.known_config.with_image(f"registry.fly.io/{SOURCE}:v41")
        context.client(Fly).machines.update(SOURCE, one.id, config)
    stage.clock.sleep(20)
    error = stopped(stage)
    assert ended(error) == ("two_digests", 3)
    assert one.id in error.message
    assert other.id in error.message


def test_an_image_that_was_pruned_from_the_source_is_not_promoted(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.control("POST", "prune", {"app": SOURCE, "tag": "v42"})
    error = stopped(stage)
    assert ended(error) == ("no_go", 3)
    assert blocking(error) == ["image_readable"]
    assert "pruned" in error.message


def test_a_named_image_that_no_registry_has_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    forget_calls(stage)
    error = refused(stage.promote, image=f"registry.fly.io/{SOURCE}:v99")
    assert ended(error) == ("usage", 2)
    assert f"{SOURCE}:v99" in error.message
    assert stage.writes() == []


# --- the moment -----------------------------------------------------------------------------------------------------


def test_a_closed_window_says_when_it_opens(tmp_path: Path) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[tomorrow.weekday()]
    stage = Stage(tmp_path, windows=[{"days": [day], "from": "09:00", "to": "10:00", "tz": "UTC"}])
    error = stopped(stage)
    assert ended(error) == ("no_go", 3)
    assert blocking(error) == ["window"]
    assert f"closed until {tomorrow:%Y-%m-%d}T09:00:00Z ({day} 09:00-10:00 UTC)" in error.message


def test_a_freeze_says_why_and_until_when(tmp_path: Path) -> None:
    today = datetime.now(UTC)
    freezes = [{"from": f"{today:%Y-%m-%d}", "to": f"{today + timedelta(days=2):%Y-%m-%d}", "reason": "the big sale"}]
    error = stopped(Stage(tmp_path, freezes=freezes))
    assert ended(error) == ("no_go", 3)
    assert blocking(error) == ["freeze"]
    assert "the big sale" in error.message


def test_a_lock_held_by_a_living_run_stops_this_one_and_stays_where_it_is(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    store = local_lock(stage.environment)
    other = "20260101T000500Z-promote-other"
    taken = locks.take(store, run=other, reason="a hotfix", pid=os.getpid(), clock=stage.clock)
    error = stopped(stage)
    assert ended(error) == ("lock_held", 9)
    assert other in error.message
    assert "a hotfix" in error.message
    assert store.read() == replace(taken.holder, place="")


def test_a_lock_taken_between_the_gates_and_the_deploy_stops_the_deploy(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    store, other = local_lock(stage.environment), "20260101T000500Z-promote-other"

    def snatch(phase: str, _outcome: object) -> None:
        if phase == "ask_gates":
            locks.take(store, run=other, reason="a hotfix", pid=os.getpid(), clock=stage.clock)

    forget_calls(stage)
    error = refused(stage.promote, on_phase=snatch)
    assert ended(error) == ("lock_held", 9)
    assert stage.writes() == []
    assert lock_holder(stage) == other


# --- the target -----------------------------------------------------------------------------------------------------


def test_without_an_older_release_that_was_good_there_is_no_way_back_and_no_deploy(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for release in stage.twin.world.apps[APP].releases:
        release.status = "failed"
    error = stopped(stage)
    assert ended(error) == ("no_go", 3)
    assert blocking(error) == ["way_back"]
    assert "v41 is failed" in error.message


def test_a_running_image_that_was_pruned_is_no_way_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.control("POST", "prune", {"app": APP, "tag": "v41"})
    error = stopped(stage)
    assert blocking(error) == ["way_back"]
    assert "what runs now could not be brought back" in error.message


def test_a_target_of_another_organisation_is_refused(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    world = stage.twin.world
    world.apps[APP].org = replace(world.apps[APP].org, slug="elsewhere")
    world.orgs["elsewhere"] = world.apps[APP].org
    error = stopped(stage)
    assert ended(error) == ("no_go", 3)
    assert "target" in blocking(error)
    assert "belongs to elsewhere, not to personal" in error.message


# --- half of the cloud is away --------------------------------------------------------------------------------------


def test_a_registry_that_is_down_is_a_no_since_the_image_and_the_way_back_can_not_be_proven(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    broken(stage, surface="registry")
    error = stopped(stage)
    assert ended(error) == ("no_go", 3)
    assert set(blocking(error)) == {"image_readable", "way_back"}
    assert "could not be read" in error.message


def test_a_log_that_can_not_be_read_is_a_no_that_says_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    broken(stage, 500, surface="logs")
    error = stopped(stage)
    assert ended(error) == ("no_go", 3)
    assert blocking(error) == ["source_errors"]
    assert "could not be read" in error.message


def test_release_records_that_can_not_be_read_stop_the_run_with_what_the_cloud_said(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    broken(stage, 500, surface="uiex")
    error = refused(stage.promote)
    assert ended(error) == ("server_error", 1)
    assert "/releases answered 500" in error.message
    assert stage.writes() == []


def supabase(stage: Stage, status: int) -> None:
    """A Management API that answers every request with this status."""
    from hotops.sandbox.wire import Response

    stage.twin.tokens["supabase"] = "sandbox-supabase"
    stage.twin.mount("api.supabase.com", "supabase", lambda _request, _now: Response(status, {}, b"{}"))


@pytest.mark.parametrize("status", [500, 503, 401])
def test_a_backup_that_can_not_be_asked_about_is_a_no_where_one_is_declared(tmp_path: Path, status: int) -> None:
    stage = Stage(tmp_path, supabase_project="shop", backup={"max_age_h": 24})
    supabase(stage, status)
    error = stopped(stage)
    assert ended(error) == ("no_go", 3)
    assert blocking(error) == ["backup_fresh"]
    assert "could not be asked" in error.message


def test_without_a_declared_backup_supabase_may_be_down(tmp_path: Path) -> None:
    stage = Stage(tmp_path, supabase_project="shop")
    supabase(stage, 503)
    stage.promote()
    assert wrong_with(stage, tag="v42") == []


# --- waivers and switches -------------------------------------------------------------------------------------------


def waiver(until: datetime, level: str = "warn") -> Mapping[str, Any]:
    return {"latency": {"level": level, "reason": "CPU upgrade is ordered", "until": f"{until:%Y-%m-%d}"}}


@pytest.mark.parametrize("level", ["warn", "off"])
def test_a_waiver_lets_through_and_is_shown_with_its_reason_and_its_end(tmp_path: Path, level: str) -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    stage = Stage(tmp_path, gates=waiver(until, level))
    stage.push("v43-slow")
    gate = gates_of(stage)["latency"]
    assert gate["status"] == ("waived" if level == "warn" else "off")
    assert not gate["blocks"]
    assert (gate["reason"], gate["until"]) == ("CPU upgrade is ordered", f"{until:%Y-%m-%d}")
    with stage.context() as context:
        from hotops.core.driver import drive
        from hotops.promote.gate import AskSomeGates, GateWant

        screen = drive(AskSomeGates(GateWant(stop=False), context)).result["hotops_screen"]
    assert f"waiver: latency until {until:%Y-%m-%d}: CPU upgrade is ordered" in screen


def test_an_expired_waiver_waives_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, gates=waiver(datetime.now(UTC) - timedelta(days=1)))
    stage.push("v43-slow")
    assert blocking(stopped(stage)) == ["latency"]


@pytest.mark.parametrize("gate", ["source_one_digest", "target", "source_healthy", "lock", "way_back"])
def test_some_gates_can_never_be_waived(tmp_path: Path, gate: str) -> None:
    until = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    error = refused(Stage, tmp_path, gates={gate: {"level": "warn", "reason": "in a hurry", "until": until}})
    assert isinstance(error, InventoryError)
    assert ended(error) == ("inventory", 2)
    assert "can never be waived" in error.message


def test_where_nothing_may_be_written_the_run_stops_at_its_first_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path)
    monkeypatch.setenv("HOTOPS_READONLY", "1")
    error = stopped(stage)
    assert ended(error) == ("readonly", 5)
    assert "HOTOPS_READONLY" in error.message
