"""Sixty machines in six apps: a deploy is as fast as what nobody can hurry allows, within a tenth."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hotops.core.driver import Outcome
from hotops.deploy.roll import PROPAGATION_S
from hotops.promote.phases import PhaseName
from hotops.sandbox.fly import durations, limits
from tests.benchmarks_page import table, write_section
from tests.load import LoadedStage
from tests.twin.stages import FIRST

APPS = {f"shop-{name}": {"promote_from": f"{name}-staging"} for name in "abcdef"}
MACHINES = 10
DRAIN_S = 10.0
MAX_UNAVAILABLE = 0.33
#: What each call of the deploy takes on the stage's clock, in seconds. It is no part of the floor.
CALL_S = 0.05
BOOT_S = durations.BOOT_S + durations.FIRST_CHECK_S


def floor_of_rolling_s() -> float:
    """The first machine alone, then as many as may be away; each turn drains, boots, passes its checks.

    Between two turns the proxy gets its time to learn who is back. The limits are per machine and app, and no machine
    is asked anything more than they allow, so they add nothing.
    """
    at_once = math.floor(MACHINES * MAX_UNAVAILABLE)
    turns = 1 + math.ceil((MACHINES - 1) / at_once)
    return turns * (DRAIN_S + durations.REPLACE_S + durations.PULL_S + BOOT_S) + (turns - 1) * PROPAGATION_S


def floor_of_bluegreen_s() -> float:
    """Creates are limited per app, one a second after a burst; then boot, checks, the proxy's time, drain and stop."""
    per_s, burst = limits.DEFAULT
    creates_s = max(0.0, MACHINES - burst) / per_s
    return creates_s + durations.PREPARE_S + BOOT_S + PROPAGATION_S + DRAIN_S + durations.STOP_S


FLOORS = {"rolling": floor_of_rolling_s, "bluegreen": floor_of_bluegreen_s}


def deployed_in_s(tmp_path: Path, strategy: str) -> float:
    """Seconds of the phase deploy, with every limit enforced."""
    stage = LoadedStage(
        tmp_path,
        apps=APPS,
        machines=MACHINES,
        per_s=6,
        traffic_rps=0,
        deploy_strategy=strategy,
        drain_s=DRAIN_S,
        max_unavailable=MAX_UNAVAILABLE,
    )
    ended: dict[PhaseName, float] = {}

    def note(phase: PhaseName, _outcome: Outcome) -> None:
        ended[phase] = stage.clock.now()
        stage.control("DELETE", "faults")
        if phase == "ask_gates":
            stage.control("POST", "faults", {"kind": "latency", "seconds": CALL_S, "match": {"surface": "machines"}})

    stage.promote(FIRST, on_phase=note)
    refused = [entry for entry in stage.control("GET", "log")["entries"] if entry["status"] == 429]
    assert refused == [], "the limits are kept, not run into"
    assert stage.lost() == []
    assert {tag for app in APPS for tag in stage.tags(app)} == {"v42"}
    assert stage.control("GET", "status")["limits"] is True
    return ended["deploy"] - ended["ask_gates"]


def told(strategy: str, took_s: float) -> list[str]:
    floor_s = FLOORS[strategy]()
    return [strategy, f"{floor_s:.1f}", f"{took_s:.1f}", f"{took_s / floor_s - 1:+.0%}"]


@pytest.mark.parametrize("strategy", FLOORS)
def test_sixty_machines_are_deployed_within_a_tenth_of_the_floor(tmp_path: Path, strategy: str) -> None:
    took_s = deployed_in_s(tmp_path, strategy)
    print(" ".join(told(strategy, took_s)))
    assert FLOORS[strategy]() <= took_s <= 1.1 * FLOORS[strategy]()


@pytest.mark.soak
def test_the_figures_of_sixty_machines(tmp_path: Path) -> None:
    rows = [told(strategy, deployed_in_s(tmp_path / strategy, strategy)) for strategy in FLOORS]
    text = table(["strategy", "floor (s)", "took (s)", "above"], rows)
    print(f"\n{text}")
    write_section("sixty-machines", "Sixty machines in six apps", f"{EXPLAINED}\n\n{text}")


EXPLAINED = f"""\
The phase `deploy` of one promotion of six apps of {MACHINES} machines, none after another, in the sandbox's twin with
Fly's published limits enforced, {CALL_S * 1000:.0f} ms a call. The floor is made of what nobody can hurry: the limits
(creates: one a second and app after a burst of three), the twin's boot and first check, the drain of {DRAIN_S:.0f} s,
and the {PROPAGATION_S:.0f} s that the proxy may take to learn who serves. No call's time is in it."""
