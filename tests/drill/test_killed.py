"""A drill killed at any moment: the dead man's handle brings all back, and the next drill of the same passes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hotops.drill.experiment import scenarios
from tests.drill.conftest import Shop
from tests.drill.test_drills import drill, is_as_before

pytestmark = pytest.mark.timeout(1800)
ROOT = Path(__file__).resolve().parents[2]
#: How many moments of each scenario are tried; HOTOPS_SWEEP=all tries every one.
DRAWN = 3
WITHIN_S = 180.0

#: A drill that dies when its journal writes its nth line: before a step (its intent) or after it (its outcome), also of
#: the steps of operations inside of it. It says how many lines there were where it was not killed.
KILLED = """
import os, signal, sys
from pathlib import Path
from hotops.core.driver import drive
from hotops.core.sandbox_control import ControlClient
from hotops.core.world import sandbox_state
from hotops.drill.drill import DrDrill, DrillWanted
from tests.drill.conftest import Shop

folder, state, scenario, at = sys.argv[1:5]
shop = Shop(Path(folder), Path(state), ControlClient(sandbox_state()))
context = shop.context()
lines = 0

def counted(write):
    def call(*given, **named):
        global lines
        answer = write(*given, **named)
        lines += 1
        if lines == int(at):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return call

context.journal.intent = counted(context.journal.intent)
context.journal.outcome = counted(context.journal.outcome)
environment = context.environment
context.environment = environment.model_copy(update={"dr": environment.dr.model_copy(update={"rpo_s": 86400})})
drive(DrDrill(DrillWanted(scenario=scenario, confirm="shop"), context))
print(lines)
"""


def run(shop: Shop, scenario: str, at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(shop.folder), str(shop.state_dir), scenario, str(at)],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def wait_for_the_handle(shop: Shop) -> str:
    """Until the dead man's handle has carried the last rollback out; what it told."""
    log = max(shop.environment().evidence_path.glob("*/deadman.log"))
    end = time.monotonic() + WITHIN_S
    while "all is as before" not in (told := log.read_text(encoding="utf-8")):
        assert "Traceback" not in told, told
        assert time.monotonic() < end, told
        time.sleep(0.2)
    log.unlink()
    return told


@pytest.mark.soak
@pytest.mark.parametrize("scenario", [name for name in scenarios() if name != "backup_restored"])
def test_whenever_it_dies_all_comes_back_and_the_next_drill_passes(shop: Shop, scenario: str) -> None:
    drill(shop, scenario)  # the first one of all has more to do: login roles are made
    whole = run(shop, scenario, 0)
    assert whole.returncode == 0, whole.stderr
    moments = list(range(1, int(whole.stdout.split()[-1]) + 1))
    if os.environ.get("HOTOPS_SWEEP") != "all":
        seed = int(os.environ.get("HOTOPS_SWEEP_SEED", "1"))
        moments = sorted(random.Random(f"{seed}{scenario}").sample(moments, min(DRAWN, len(moments))))
    for at in moments:
        died = run(shop, scenario, at)
        assert died.returncode == -9, f"{scenario} at {at}: {died.stdout}{died.stderr}"
        told = wait_for_the_handle(shop)
        print(f"{scenario}: killed at line {at}, {told.count(chr(10))} lines of the handle")
        # The dead run's lock is still there: the next one takes it over.
        assert drill(shop, scenario)["passed"] is True, f"{scenario} after a kill at {at}"
        is_as_before(shop)
