"""The ways back against the clock: the fire exit with half the world away, and the blues that wait for the verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.core.driver import drive
from hotops.core.errors import HotopsError
from hotops.deploy.rollback import Rollback, RollbackWant
from tests.faults.test_bad_release_under_load import Times
from tests.load import LoadedStage
from tests.twin.stages import APP, DEFAULTS, FIRST, SECOND, forget_calls, wrong_with

FIRST_MOVE_S = 5.0
FIRST_BLUE_S = 3.0
#: What each call takes on the stage's clock, in seconds: the twin itself takes none.
CALL_S = 0.05
SIX_APPS = {
    f"shop-{name}": {"promote_from": f"{name}-staging"} for name in ("api", "web", "jobs", "mail", "docs", "pay")
}


class FlyAlone(httpx.BaseTransport):
    """GitHub and Supabase are away, and so is every other host but Fly's; remembers who was asked in vain."""

    def __init__(self, inner: httpx.BaseTransport, asked: list[str]) -> None:
        self._inner, self._asked = inner, asked

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.host.endswith((".fly.io", ".machines.dev")):
            self._asked.append(request.url.host)
            raise httpx.ConnectError("no route to host", request=request)
        return self._inner.handle_request(request)


@pytest.mark.parametrize(("apps", "machines"), [(None, 2), (SIX_APPS, 10)], ids=["one app", "six apps of ten"])
@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_the_first_machine_moves_within_five_seconds_with_fly_alone(
    tmp_path: Path, strategy: str, apps: Any, machines: int
) -> None:
    shape = {"apps": apps, "machines": machines, "per_s": 1, "traffic_rps": 0}
    stage = LoadedStage(tmp_path, deploy_strategy=strategy, samples=2, warmup=0, **shape)
    stage.promote(FIRST)
    stage.turns.sleep(60)
    forget_calls(stage)
    stage.control("POST", "faults", {"kind": "status", "status": 503, "match": {"surface": "supabase"}})
    stage.control("POST", "faults", {"kind": "latency", "seconds": CALL_S, "match": {}})
    asked: list[str] = []
    stage.wrap = lambda transport: FlyAlone(transport, asked)
    began = stage.clock.now()
    stage.in_turns(rollback(stage))
    moved_s = first_write_to_a_machine(stage) - began
    print(f"{strategy}, {len(apps or [1])} app(s) of {machines}: first machine moves after {moved_s:.1f} s")
    assert moved_s <= FIRST_MOVE_S
    # Only the app itself is asked, once everything is back: what users get now.
    assert [host for host in asked if not host.endswith(".fly.dev")] == []
    stage.control("DELETE", "faults")
    for app in apps or [APP]:
        assert stage.tags(app) == {"v41"}
        assert len(stage.living_machines(app)) == machines


def rollback(stage: LoadedStage) -> Callable[[], None]:
    def act() -> None:
        with stage.context(SECOND) as context:
            drive(Rollback(RollbackWant(), context))

    return act


def first_write_to_a_machine(stage: LoadedStage) -> float:
    entries = stage.control("GET", "log")["entries"]
    return min(float(e["at"]) for e in entries if e["effect"] == "write" and "/machines/" in e["path"])


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2, 3))])
def test_the_first_blue_serves_within_three_seconds_of_the_breach(tmp_path: Path, seed: int) -> None:
    stage = LoadedStage(tmp_path, seed=seed, machines=4, deploy_strategy="bluegreen", **DEFAULTS)
    stage.push("v43-prod-slow")
    stage.turns.sleep(30)
    times = Times(stage.clock)
    with pytest.raises(HotopsError, match="The watch broke off"):
        stage.promote(FIRST, context={"journal": times})
    assert times.noticed_at is not None
    stage.turns.sleep(20)
    visits = [visit for visit in stage.visitors.visits if visit.at > times.noticed_at and visit.release == "v41"]
    served_s = visits[0].at - times.noticed_at
    print(f"seed {seed}: a blue answers a visitor {served_s:.2f} s after the breach")
    assert served_s <= FIRST_BLUE_S
    assert wrong_with(stage, tag="v41", expect=4) == []
