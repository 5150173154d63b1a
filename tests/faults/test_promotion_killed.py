"""A promotion killed before any of its calls: traffic is served, and one re-run ends promoted or restored."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import httpx
import pytest

from tests.stage import Stage

FIRST = "20260101T000000Z-promote-stage"
AGAIN = "20260101T000100Z-promote-stage"
#: The short form kills before every fourth call or so; HOTOPS_SOAK=1 before every one.
STRIDES = dict.fromkeys(("rolling", "bluegreen", "canary", "immediate"), 1)
if not os.environ.get("HOTOPS_SOAK"):
    STRIDES |= {"rolling": 5, "bluegreen": 6, "canary": 12, "immediate": 12}


class Killed(BaseException):
    """The process ends here; nothing of it runs on, as with SIGKILL."""


class DyingTransport(httpx.BaseTransport):
    """Dies instead of sending request number `at` (1-based)."""

    def __init__(self, inner: httpx.BaseTransport, at: int) -> None:
        self.inner, self.at, self.sent = inner, at, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += 1
        if self.sent >= self.at:
            raise Killed
        return self.inner.handle_request(request)


def calls_of_a_whole_promotion(tmp_path: Path, strategy: str) -> int:
    stage = Stage(tmp_path, deploy_strategy=strategy)
    stage.promote()
    return len(stage.control("GET", "log")["entries"])


def kill_and_rerun(tmp_path: Path, strategy: str, at: int) -> str:
    stage = Stage(tmp_path, deploy_strategy=strategy)
    before = stage.tags()
    stage.wrap = lambda transport: DyingTransport(transport, at)
    # A run's log pages differ by a call or two, so the last kills may come after its end.
    with contextlib.suppress(Killed):
        stage.promote(FIRST)
    answers = [stage.get("https://shop-production.fly.dev/health") for _ in range(10)]
    assert strategy == "immediate" or answers == [200] * 10, (
        f"traffic is not served after a kill before call {at}: {answers}"
    )
    stage.wrap = lambda transport: transport
    failure = stage.failure_of_promotion(AGAIN)
    assert failure is None or int(failure.failure_exit) in (3, 6), failure
    ended = "restored" if failure else "promoted"
    machines = stage.living_machines()
    assert stage.tags() == ({"v42"} if ended == "promoted" else before)
    assert not [machine.id for machine in machines if machine.cordoned]
    assert {machine.state for machine in machines} == {"started"}
    assert {machine.metadata.get("hotops_verdict", "good") for machine in machines} == {"good"}
    assert len(machines) == 2
    return ended


@pytest.mark.parametrize("strategy", sorted(STRIDES))
def test_a_killed_promotion_is_finished_or_undone_by_one_rerun(tmp_path: Path, strategy: str) -> None:
    calls = calls_of_a_whole_promotion(tmp_path, strategy)
    start = 1 if strategy == "rolling" else 2
    endings = [kill_and_rerun(tmp_path, strategy, at) for at in range(start, calls + 1, STRIDES[strategy])]
    print(f"{strategy}: {len(endings)} kills over {calls} calls: {endings.count('promoted')} promoted, rest restored")
    assert len(endings) >= calls // STRIDES[strategy]
