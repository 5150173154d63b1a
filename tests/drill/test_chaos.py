"""Scenarios are experiments of the Chaos Toolkit: `chaos run` carries them out, and breaks nothing on live clouds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from hotops.drill import chaos
from hotops.drill.experiment import scenarios
from hotops.drill.provided import ACTIVITIES, ON_LIVE
from hotops.drill.worlds import FaultRefused
from tests.drill.conftest import Shop
from tests.drill.test_drills import is_as_before
from tests.peers import find_peer

SCENARIOS = files("hotops.drill").joinpath("scenarios")
#: That one needs a server beside and a backup: tests/backup/test_drill.py.
HERE = [name for name in scenarios() if name != "backup_restored"]


@pytest.mark.peer("chaos")
@pytest.mark.parametrize(
    "scenario", [pytest.param(name, marks=[] if name == "machine_lost" else [pytest.mark.soak]) for name in HERE]
)
def test_chaos_run_carries_a_scenario_out(shop: Shop, tmp_path: Path, scenario: str) -> None:
    journal, record = tmp_path / "journal.json", tmp_path / "record.json"
    own = {
        "HOTOPS_DRILL_INVENTORY": str(shop.inventory), "HOTOPS_DRILL_RECORD": str(record), "NO_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    ran = subprocess.run(
        [str(find_peer("chaos")), "run", "--journal-path", str(journal), str(SCENARIOS.joinpath(f"{scenario}.json"))],
        cwd=tmp_path, env={**os.environ, **own}, check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told: dict[str, Any] = json.loads(journal.read_text(encoding="utf-8"))
    assert (told["status"], told["deviated"]) == ("completed", False)
    assert {one["status"] for one in told["run"] + told["rollbacks"]} == {"succeeded"}
    moments = json.loads(record.read_text(encoding="utf-8"))["moments"]
    assert moments["served"] > moments["fault"]
    is_as_before(shop)


def test_on_live_clouds_neither_a_fault_nor_its_way_back_is_carried_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The toolkit goes on after an action that failed: a refused fault must not be followed by a real way back."""
    inventory = tmp_path / "inventories" / "live"
    inventory.mkdir(parents=True)
    hosts = "all: {vars: {env_kind: live, fly_org: personal}}\napps: {hosts: {shop-production: {}}}\n"
    (inventory / "hosts.yml").write_text(hosts, encoding="utf-8")
    monkeypatch.setenv(chaos.INVENTORY_VARIABLE, str(inventory))
    chaos.exercise_of.cache_clear()
    try:
        for name in sorted(set(ACTIVITIES) - ON_LIVE):
            with pytest.raises(FaultRefused, match=f"{name} is not done on live clouds"):
                getattr(chaos, name)()
    finally:
        chaos.exercise_of.cache_clear()
