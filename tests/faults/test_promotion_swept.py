"""A whole promotion with any of its calls broken, or killed anywhere: promoted or as before, and a re-run converges."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.deploy.deploy import STRATEGIES
from tests.faults.fleets import fleet, leftovers, quiet, runs, unserved
from tests.faults.sweep import Sweep, nothing
from tests.stage import Stage

#: Cases of the short form. A promotion is by far the dearest operation to sweep.
SHORT = {"rolling": 30, "bluegreen": 26, "canary": 14, "immediate": 12}


def promotion(strategy: str) -> Sweep[Stage]:
    return Sweep(
        f"promotion/{strategy}",
        world=lambda folder: quiet(folder, deploy_strategy=strategy),
        run=lambda stage, run: stage.promote(run),
        state=fleet,
        wanted=runs("v42"),
        left_behind=leftovers,
        meanwhile=nothing if strategy == "immediate" else unserved,
        may_end_old=True,
    )


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_whatever_breaks_or_dies_a_rerun_converges(tmp_path: Path, strategy: str) -> None:
    promotion(strategy).all_hold(tmp_path, short=SHORT[strategy])
