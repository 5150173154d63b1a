"""Scaling with any call broken, or killed anywhere: the wanted sizes or the old ones, and a re-run converges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.sweep import Sweep
from tests.scale_stage import apps_with, scale, sizes, unwell
from tests.stage import Stage

#: One machine more, all of them bigger: everything that scaling can write but a removal. A removal is swept beside it.
GROUPS = {"web": {"count": 2, "memory_mb": 512}}
FORMS = {"more": {"count": 3, "memory_mb": 1024}, "fewer": {"count": 1, "memory_mb": 1024}}


def unserved(stage: Stage) -> list[str]:
    """Visitors who are not answered, whatever just broke."""
    answers = [stage.get("https://shop-production.fly.dev/health") for _ in range(10)]
    return [] if answers == [200] * 10 else [f"traffic is not served: {answers}"]


def leftovers(stage: Stage) -> list[str]:
    """What a later run would still find to do, and machines that are not well."""
    stage.clock.sleep(20)
    found = [str(each) for each in unwell(stage)]
    return [*found, "a third run has something to do"] if scale(stage, "third").changed else found


def scaling(form: str) -> Sweep[Stage]:
    wanted = {"web": ["shared-1x 1024 MB"] * int(FORMS[form]["count"])}
    return Sweep(
        f"fly_scale/{form}",
        world=lambda folder: Stage(folder, apps=apps_with(GROUPS, process_groups={"web": FORMS[form]})),
        run=scale,
        state=sizes,
        wanted=lambda state: state == wanted,
        left_behind=leftovers,
        meanwhile=unserved,
    )


@pytest.mark.parametrize("form", FORMS)
def test_whatever_breaks_or_dies_a_rerun_converges(tmp_path: Path, form: str) -> None:
    scaling(form).all_hold(tmp_path, short=24)
