"""Scaling with one call broken, or killed before it: the wanted sizes or the old ones, and one re-run converges."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path

import pytest

from hotops.core.errors import HotopsError
from tests.faults.test_promotion_faults import FAULTS
from tests.faults.test_promotion_killed import DyingTransport, Killed
from tests.scale_stage import apps_with, scale, sizes, unwell
from tests.stage import Stage
from tests.twin.stages import FIRST, SECOND

#: One machine more, all of them bigger: everything that scaling can write but a removal. A removal is swept beside it.
GROUPS = {"web": {"count": 2, "memory_mb": 512}}
FORMS = {"more": {"count": 3, "memory_mb": 1024}, "fewer": {"count": 1, "memory_mb": 1024}}
STRIDE = 1 if os.environ.get("HOTOPS_SOAK") else 5
OLD = {"web": ["shared-1x 512 MB"] * 2}


def wanted(form: str) -> dict[str, list[str]]:
    return {"web": ["shared-1x 1024 MB"] * int(FORMS[form]["count"])}


def stage_of(tmp_path: Path, form: str) -> Stage:
    return Stage(tmp_path, apps=apps_with(GROUPS, process_groups={"web": FORMS[form]}))


def calls_of_a_whole_run(tmp_path: Path, form: str) -> int:
    stage = stage_of(tmp_path, form)
    scale(stage)
    return len(stage.control("GET", "log")["entries"])


def converges(stage: Stage, form: str, case: str) -> None:
    stage.clock.sleep(20)
    scale(stage, SECOND)
    assert sizes(stage) == wanted(form), f"{case}: the re-run did not converge"
    stage.clock.sleep(20)
    assert unwell(stage) == [], case
    assert not scale(stage, SECOND).changed, f"{case}: a third run has something to do"


def failure_of_scaling(stage: Stage) -> HotopsError | None:
    try:
        scale(stage, FIRST)
    except HotopsError as error:
        return error
    return None


def broken_run(tmp_path: Path, form: str, kind: str, at: int) -> str:
    stage, case = stage_of(tmp_path, form), f"{form}, {kind} at call {at}"
    stage.control("POST", "faults", {**FAULTS[kind], "match": {}, "nth": [at]})
    failure = failure_of_scaling(stage)
    ended = failure.failure_code if failure else "scaled"
    assert failure is None or int(failure.failure_exit) != 7, f"{case}: {failure}"
    stage.control("DELETE", "faults")
    assert sizes(stage) == (wanted(form) if ended == "scaled" else OLD), f"{case} left it mixed after {ended}"
    converges(stage, form, case)
    return ended


def killed_run(tmp_path: Path, form: str, at: int) -> str:
    stage, case = stage_of(tmp_path, form), f"{form}, killed before call {at}"
    stage.wrap = lambda transport: DyingTransport(transport, at)
    with contextlib.suppress(Killed):
        scale(stage, FIRST)
    stage.wrap = lambda transport: transport
    answers = [stage.get("https://shop-production.fly.dev/health") for _ in range(10)]
    assert answers == [200] * 10, f"{case}: traffic is not served: {answers}"
    left = "scaled" if sizes(stage) == wanted(form) else "old" if sizes(stage) == OLD else "between"
    converges(stage, form, case)
    return left


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_breaks_it_is_scaled_or_as_it_was_and_a_rerun_converges(tmp_path: Path, kind: str, form: str) -> None:
    calls = calls_of_a_whole_run(tmp_path, form)
    start = 1 + list(FAULTS).index(kind) % STRIDE
    endings = Counter(broken_run(tmp_path, form, kind, at) for at in range(start, calls + 1, STRIDE))
    print(f"{form}, {kind}: {endings.total()} cases over {calls} calls: {dict(endings)}")
    assert endings.total() >= calls // STRIDE


@pytest.mark.parametrize("form", FORMS)
def test_killed_before_any_call_it_serves_on_and_a_rerun_converges(tmp_path: Path, form: str) -> None:
    calls = calls_of_a_whole_run(tmp_path, form)
    stride = 1 if STRIDE == 1 else 3
    left = Counter(killed_run(tmp_path, form, at) for at in range(1, calls + 1, stride))
    print(f"{form}: {left.total()} kills over {calls} calls left it {dict(left)}")
    assert left.total() >= calls // stride
