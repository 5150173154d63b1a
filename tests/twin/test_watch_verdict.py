"""The watch's verdict on the twin: good at its end, bad once it is proven, longer where it is too thin to tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.core.journal import NoJournal
from hotops.promote.run import promote
from tests.stage import SMALL, Stage
from tests.twin.stages import APP, DEFAULTS, ended, refused, tag_of, told

pytestmark = pytest.mark.usefixtures("own_state")
STRICT: Mapping[str, Any] = {"watch": {"interval_s": 3, "error_share": 0.01}}


class Noted(NoJournal):
    """A journal that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []

    def event(self, kind: str, **fields: object) -> None:
        self.events.append({"kind": kind, **fields})


def watched(stage: Stage) -> dict[str, Any]:
    """What the watch of a whole promotion returned."""
    return dict(stage.promote()["watch"].result)


def test_a_release_that_is_known_to_be_good_is_watched_no_longer_than_declared(tmp_path: Path) -> None:
    result = watched(Stage(tmp_path))
    assert result["watch_verdict"] == "good"
    assert result["watched_s"] == pytest.approx(SMALL["watch_s"], abs=1)
    assert result["hotops_screen"][0].startswith(f"{APP}: good after 12 s")


def test_a_release_of_which_too_little_was_seen_is_watched_three_times_as_long_and_says_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path, **STRICT)
    journal = Noted()
    with stage.context(journal=journal) as context:
        result = dict(promote(context)["watch"].result)
    assert result["watch_verdict"] == "too_thin"
    assert result["watched_s"] == pytest.approx(3 * SMALL["watch_s"], abs=1)
    assert result["hotops_screen"][0].startswith(f"{APP}: accepted, but too thin to tell after 36 s")
    assert "answers more would decide" in result["hotops_screen"][0]
    verdicts = [event for event in journal.events if event["kind"] == "verdict" and event["scope"] == "watch"]
    assert [event["verdict"] for event in verdicts] == ["too_thin"]
    assert "too thin to tell" in str(verdicts[0]["text"])
    assert tag_of(told(stage)[0][2]) == "v42"
    assert told(stage)[0][1] == "complete"


def test_it_is_watched_on_only_until_it_is_known(tmp_path: Path) -> None:
    result = watched(Stage(tmp_path, watch_s=150, watch={"interval_s": 10, "error_share": 0.004}))
    assert result["watch_verdict"] == "good"
    assert 150 < result["watched_s"] < 450


def test_what_was_before_is_signed_with_the_go_and_compared_with(tmp_path: Path) -> None:
    row = watched(Stage(tmp_path, **DEFAULTS))["apps"][APP]["verdict"]
    assert row["verdict"] == "good"
    assert "before" in row["answers"]["says"]
    assert "and 40 requests" in row["times"]["says"]


def test_a_slower_release_is_brought_back_with_both_medians_and_the_chance(tmp_path: Path) -> None:
    stage = Stage(tmp_path, **DEFAULTS)
    stage.push("v43-prod-slow")
    error = refused(stage.promote)
    assert ended(error) == ("rolled_back", 6)
    assert "ms before (" in error.message
    assert "chance if nothing had changed" in error.message
