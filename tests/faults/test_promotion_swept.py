"""A whole promotion with any of its calls broken, or killed anywhere: promoted or as before, and a re-run converges."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.deploy import marks
from hotops.deploy.deploy import STRATEGIES
from tests.faults.fleets import fleet, leftovers, quiet, runs, unserved
from tests.faults.sweep import Sweep, nothing
from tests.stage import Stage

#: Cases of the short form. A promotion is by far the dearest operation to sweep.
SHORT = {"rolling": 22, "bluegreen": 20, "canary": 10, "immediate": 10}


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


def independent(folder: Path) -> Stage:
    """Two apps, of which one's failure is its own."""
    apps = {"shop-api": {"promote_from": "api-staging"}, "shop-web": {"promote_from": "web-staging"}}
    own = {app: {**declared, "sandbox": {"traffic_rps": 0}} for app, declared in apps.items()}
    return Stage(folder, apps=own, train="independent")


def each_is_whole(stage: Stage) -> list[str]:
    """Apps with machines of both releases, right after a run that was not killed on them."""
    tags = {app: stage.tags(app) for app in ("shop-api", "shop-web")}
    pending = {app for app in tags if any(marks.is_pending(machine) for machine in stage.machines(app))}
    return [f"{app} runs {found}" for app, found in tags.items() if len(found) > 1 and app not in pending]


INDEPENDENT = Sweep(
    "promotion/independent",
    world=independent,
    run=lambda stage, run: stage.promote(run),
    state=fleet,
    wanted=runs("v42", apps=("shop-api", "shop-web")),
    left_behind=leftovers,
    meanwhile=lambda stage: [*unserved(stage), *each_is_whole(stage)],
    may_end_old=True,
    may_end_partly="partly_promoted",
)


def test_an_independent_train_is_whole_app_by_app_and_a_rerun_converges(tmp_path: Path) -> None:
    INDEPENDENT.all_hold(tmp_path, short=10)
