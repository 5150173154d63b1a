"""Scaling under load and of sixty machines: no request is lost, and only what nobody can hurry takes time."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hotops.core.driver import Outcome, drive
from hotops.deploy.roll import PROPAGATION_S
from hotops.sandbox.fly import durations
from hotops.scale.scale import Scale
from hotops.scale.wanted import ScaleWant
from tests.benchmarks_page import table, write_section
from tests.load import LoadedStage
from tests.scale_stage import sizes
from tests.twin.stages import APP, FIRST

APPS = {f"shop-{name}": {} for name in "abcdef"}
MACHINES = 10
DRAIN_S = 10.0
MAX_UNAVAILABLE = 0.33
#: What each call takes on the stage's clock, in seconds. It is no part of the floor.
CALL_S = 0.05


def floor_s() -> float:
    """The first machine alone, then as many as may be away; each turn drains, is replaced, boots, passes its checks.

    Fly's limits are per machine and app, and no machine is asked more than they allow at once: they add nothing.
    """
    at_once = math.floor(MACHINES * MAX_UNAVAILABLE)
    turns = 1 + math.ceil((MACHINES - 1) / at_once)
    turn_s = DRAIN_S + durations.REPLACE_S + durations.PULL_S + durations.BOOT_S + durations.FIRST_CHECK_S
    return turns * turn_s + (turns - 1) * PROPAGATION_S


def scaled(stage: LoadedStage, **want: object) -> Outcome:
    hosts = tuple(stage.environment.apps)

    def act() -> Outcome:
        with stage.context(FIRST, selection=hosts) as context:
            return drive(Scale(ScaleWant.model_validate(want), context))

    found: Outcome = stage.in_turns(act)
    return found


def sixty_scaled_in_s(tmp_path: Path) -> float:
    declared = {"process_groups": {"app": {"memory_mb": 2048}}}
    stage = LoadedStage(
        tmp_path,
        apps=dict.fromkeys(APPS, declared),
        machines=MACHINES,
        per_s=12,
        drain_s=DRAIN_S,
        max_unavailable=MAX_UNAVAILABLE,
    )
    stage.turns.sleep(30)
    stage.control("POST", "faults", {"kind": "latency", "seconds": CALL_S, "match": {"surface": "machines"}})
    began = stage.clock.now()
    scaled(stage)
    took_s = stage.clock.now() - began
    stage.control("DELETE", "faults")
    assert stage.control("GET", "status")["limits"] is True
    assert [entry for entry in stage.control("GET", "log")["entries"] if entry["status"] == 429] == []
    assert stage.lost() == []
    for app in APPS:
        assert sizes(stage, app) == {"app": ["shared-1x 2048 MB"] * MACHINES}
    return took_s


def test_sixty_machines_are_scaled_within_a_tenth_of_the_floor(tmp_path: Path) -> None:
    took_s = sixty_scaled_in_s(tmp_path)
    print(f"sixty machines: floor {floor_s():.1f} s, took {took_s:.1f} s")
    assert floor_s() <= took_s <= 1.1 * floor_s()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "want", [{"memory_mb": 2048}, {"count": 4}, {"count": 1}, {"memory_mb": 512, "count": 3}], ids=str
)
def test_two_machines_lose_no_request_at_fifty_a_second(tmp_path: Path, want: dict[str, int], seed: int) -> None:
    stage = LoadedStage(tmp_path, seed=seed, machines=2, drain_s=DRAIN_S)
    stage.turns.sleep(30)
    scaled(stage, app=APP, **want)
    stage.turns.sleep(30)
    assert len(stage.living_machines()) == want.get("count", 2)
    assert len(stage.visitors.visits) > 3000
    assert stage.lost() == []


@pytest.mark.soak
def test_the_figure_of_sixty_scaled_machines(tmp_path: Path) -> None:
    took_s = sixty_scaled_in_s(tmp_path)
    rows = [[f"{floor_s():.1f}", f"{took_s:.1f}", f"{took_s / floor_s() - 1:+.0%}"]]
    text = table(["floor (s)", "took (s)", "above"], rows)
    print(f"\n{text}")
    write_section("scale-sixty", "The memory of sixty machines", f"{EXPLAINED}\n\n{text}")


EXPLAINED = f"""\
`fly_scale` gives six apps of {MACHINES} machines another memory in one run, in the sandbox's twin with Fly's published
limits enforced, {CALL_S * 1000:.0f} ms a call, visitors coming all the time (none is lost). The floor is made of what
nobody can hurry: a drain of {DRAIN_S:.0f} s, the twin's replacement, boot and first check, and the
{PROPAGATION_S:.0f} s that the proxy may take to learn who serves, turn after turn.
The limits add nothing to it: they are per machine."""
