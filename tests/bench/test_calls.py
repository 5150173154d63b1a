"""How many calls each operation makes, as a table for readers; `tests/twin/test_api_calls.py` asserts each one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.core.options import validated
from hotops.promote.phases import PhaseName
from hotops.registry import operation
from tests.bench.figures import Cell, Figures, Table
from tests.stage import Stage

APP = "shop-production"
OPERATIONS: Mapping[str, Mapping[str, Any]] = {
    "fly_app_info": {"app": APP},
    "fly_machine_info": {"app": APP},
    "fly_release_info": {"app": APP},
    "fly_secret_info": {"app": APP},
    "fly_log_scan": {"app": APP},
    "health_report": {},
    "fly_rollback": {},
}

pytestmark = pytest.mark.bench


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    return Stage(tmp_path, samples=10, warmup=1, watch_s=10, watch={"interval_s": 2})


def test_the_calls_of_each_operation(stage: Stage, figures: Figures, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[list[Cell]] = []

    def note(phase: PhaseName, _outcome: Outcome) -> None:
        rows.append([f"promote: {phase}", *counted(taken(stage))])

    taken(stage)
    stage.promote(on_phase=note)
    stage.promote("20260101T010000Z-promote-stage")
    rows.append(["promote: a second time", *counted(taken(stage))])
    for name, options in OPERATIONS.items():
        kind = operation(name)
        with stage.context("20260101T020000Z-promote-stage") as context:
            drive(kind(validated(kind.Want, options, of=name), context))
        rows.append([name, *counted(taken(stage))])
    figures.show(
        Table(
            "Calls of each operation",
            "One app of two machines with 10 latency samples and a watch of 10 s in looks of 2 s. Requests are those\n"
            "to the app itself; reads of deploy and rollback grow with the time that machines take to become healthy.",
            ("operation", "reads", "writes", "requests"),
            rows,
        ),
        capsys,
    )


def taken(stage: Stage) -> Sequence[Mapping[str, Any]]:
    """The calls since the last time."""
    entries: list[dict[str, Any]] = stage.control("GET", "log")["entries"]
    stage.control("DELETE", "log")
    return entries


def counted(entries: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """Reads, writes, and requests to the app."""
    requests = sum(entry["surface"] == "proxy" for entry in entries)
    writes = sum(entry["effect"] != "none" for entry in entries)
    return [len(entries) - requests - writes, writes, requests]
