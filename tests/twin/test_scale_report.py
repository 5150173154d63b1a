"""Memory on one page: declared, in fly.toml, running, used; incident I-7, in which all four said something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import drive
from hotops.core.errors import HotopsError
from hotops.scale.report import ReportWanted, ScaleReport
from tests.scale_stage import apps_with
from tests.stage import Stage
from tests.twin.test_scale_fly_toml import TOML

pytestmark = pytest.mark.usefixtures("own_state")


def report(stage: Stage, **want: Any) -> dict[str, Any]:
    with stage.context(selection=tuple(stage.environment.apps)) as context:
        return dict(drive(ScaleReport(ReportWanted(**want), context)).result)


def test_drift_is_told_by_group_and_advice_by_what_was_used(tmp_path: Path) -> None:
    declared = {"process_groups": {"web": {"memory_mb": 512}}, "memory_floor_mb": 1024, "fly_toml": "apps/fly.toml"}
    stage = Stage(
        tmp_path,
        apps=apps_with(
            {
                "web": {"count": 2, "memory_mb": 512},
                "worker": {"count": 1, "memory_mb": 2048, "service": "none", "health_path": None},
            },
            **declared,
        ),
    )
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps/fly.toml").write_text(TOML, encoding="utf-8")
    stage.clock.sleep(3 * 86400)
    stage.twin.calls.clear()
    found = report(stage)
    web, worker = sorted(found["groups"], key=lambda group: str(group["process_group"]))
    assert web["drift"] == ["runs with 512 MB, declared are 1024 MB"]
    assert web["deploy"] == "shared-1x 512 MB"
    assert web["advised"] == "shared-1x 1024 MB"
    assert "floor" in web["why"]
    assert web["saves_usd_a_year"] < 0
    assert worker["drift"] == ["the next deploy gives it shared-1x 512 MB (fly.toml)"]
    assert worker["peak_mb"] == round(2048 * 0.45)
    assert (worker["advised"], worker["back_test"]) == ("shared-1x 1280 MB", "would have held on 4 of 4 days")
    assert worker["saves_usd_a_year"] > 0
    assert {entry["effect"] for entry in stage.control("GET", "log")["entries"]} == {"none"}
    with pytest.raises(HotopsError) as drifts:
        report(stage, fail_on_drift=True)
    assert (drifts.value.failure_code, int(drifts.value.failure_exit)) == ("memory_drifts", 8)


def test_metrics_that_can_t_be_read_leave_the_drift_and_no_advice(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=apps_with())
    stage.control("POST", "faults", {"kind": "status", "status": 403, "match": {"surface": "prometheus"}})
    groups = report(stage)["groups"]
    assert [group["advised"] for group in groups] == [None, None]
    assert [group["running"] for group in groups] == [["shared-1x 512 MB"]] * 2
