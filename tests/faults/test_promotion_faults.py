"""A promotion with one of its calls broken: it ends promoted or with the old state, and one re-run converges."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.stage import Stage

FIRST = "20260101T000000Z-promote-stage"
AGAIN = "20260101T000100Z-promote-stage"
FAULTS: dict[str, dict[str, Any]] = {
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "429": {"kind": "status", "status": 429},
    "408": {"kind": "status", "status": 408},
    "reset before": {"kind": "reset_before"},
    "reset after": {"kind": "reset_after"},
    "truncated": {"kind": "truncate"},
    "slow": {"kind": "latency", "seconds": 25},
}
#: The short form breaks every ninth call of each kind, each kind at other calls; HOTOPS_SOAK=1 breaks all.
STRIDE = 1 if os.environ.get("HOTOPS_SOAK") else 9


def calls_of_a_whole_promotion(tmp_path: Path) -> int:
    stage = Stage(tmp_path)
    stage.promote()
    return len(stage.control("GET", "log")["entries"])


def break_and_rerun(tmp_path: Path, kind: str, at: int, strategy: str = "rolling") -> str:
    """Break call number `at`; returns how the first run ended."""
    stage = Stage(tmp_path, deploy_strategy=strategy)
    before = stage.tags()
    stage.control("POST", "faults", {**FAULTS[kind], "match": {}, "nth": [at]})
    failure = stage.failure_of_promotion(FIRST)
    ended = f"{failure.failure_code} ({int(failure.failure_exit)})" if failure else "promoted"
    assert failure is None or int(failure.failure_exit) != 7, f"{kind} at call {at}: {failure}"
    stage.control("DELETE", "faults")
    if ended != "promoted":
        assert stage.tags() in (before, {"v42"}), f"{kind} at call {at} left a mixed app after {ended}"
        stage.promote(AGAIN)
    machines = stage.living_machines()
    assert stage.tags() == {"v42"}, f"{kind} at call {at}: {ended}, then the re-run did not promote"
    assert not [machine.id for machine in machines if machine.cordoned], f"{kind} at call {at}: a machine is left out"
    assert {machine.metadata.get("hotops_verdict") for machine in machines} == {"good"}
    assert {machine.state for machine in machines} == {"started"}
    assert len(machines) == 2
    return ended


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen", "canary"])
@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_breaks_a_rerun_converges(tmp_path: Path, kind: str, strategy: str) -> None:
    calls = calls_of_a_whole_promotion(tmp_path)
    stride = STRIDE if STRIDE == 1 or strategy == "rolling" else 3 * STRIDE
    start = 1 + list(FAULTS).index(kind) % STRIDE
    endings = Counter(break_and_rerun(tmp_path, kind, at, strategy) for at in range(start, calls + 1, stride))
    print(f"{strategy}, {kind}: {sum(endings.values())} cases over {calls} calls: {dict(endings)}")
    assert sum(endings.values()) >= calls // stride
