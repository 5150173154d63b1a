"""Bad images, on staging and with production's secrets only: a gate stops each, or the run brings the old one back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hotops.deploy.marks import VERDICT
from tests.stage import Stage
from tests.twin.stages import APP, DEFAULTS, blocking, ended, forget_calls, refused, told, verdict_of, wrong_with

Rows = list[tuple[str, str, float]]

#: On staging for an hour: which gates say no.
STOPPED_BY = {
    "slow": {"latency"},
    "crash": {"source_healthy", "smoke", "latency"},
    "wrong-path": {"source_healthy", "smoke", "latency"},
    "no-db": {"source_healthy", "smoke", "latency"},
    "error3pct": {"source_errors"},
    "oom": {"source_healthy", "smoke", "latency"},
}
#: Good on staging, bad with production's secrets: who brings the old image back, within how many seconds of a run, and
#: a word of the reason.
BROUGHT_BACK_BY = {
    "slow": ("watch", 120, "ms before"),
    "crash": ("deploy", 60, "crashes again and again (2): exit code 1"),
    "wrong-path": ("deploy", 90, "404 Not Found"),
    # A 503 may be a database that is slow to answer: the machine gets all of wait_timeout_s, out of rotation.
    "no-db": ("deploy", 360, "UnknownHost"),
    "error3pct": ("watch", 360, "errors in"),
    "oom": ("deploy", 90, "out of memory"),
}


@pytest.fixture(scope="module")
def rows() -> Iterator[Rows]:
    """Who stopped what, and when: printed at the end (pytest -s)."""
    found: Rows = []
    yield found
    print()
    for image, who, seconds in found:
        print(f"{image:22} {who:50} {seconds:6.1f} s")


@pytest.mark.parametrize("fault", STOPPED_BY)
@pytest.mark.usefixtures("own_state")
def test_an_image_that_is_bad_on_staging_is_stopped_by_a_gate_and_nothing_is_written(
    tmp_path: Path, fault: str, rows: Rows
) -> None:
    stage = Stage(tmp_path, **DEFAULTS)
    stage.push(f"v43-{fault}")
    forget_calls(stage)
    began = stage.clock.now()
    error = refused(stage.promote)
    rows.append((f"staging v43-{fault}", ", ".join(blocking(error)), stage.clock.now() - began))
    assert ended(error) == ("no_go", 3)
    assert set(blocking(error)) == STOPPED_BY[fault]
    assert stage.writes() == []
    assert wrong_with(stage, tag="v41") == []


@pytest.mark.parametrize("age_s", [660, 30])
@pytest.mark.parametrize("fault", ["crash", "oom"])
@pytest.mark.usefixtures("own_state")
def test_an_image_that_keeps_ending_on_staging_is_stopped_while_it_is_still_restarted(
    tmp_path: Path, fault: str, age_s: float
) -> None:
    stage = Stage(tmp_path)
    stage.push(f"v43-{fault}", age_s=age_s)
    error = refused(stage.promote)
    assert ended(error) == ("no_go", 3)
    assert {"source_errors", "restarts"} <= set(blocking(error))
    assert wrong_with(stage, tag="v41") == []


@pytest.mark.parametrize("fault", BROUGHT_BACK_BY)
@pytest.mark.usefixtures("own_state")
def test_an_image_that_is_bad_with_the_secrets_of_production_alone_is_brought_back(
    tmp_path: Path, fault: str, rows: Rows
) -> None:
    stage = Stage(tmp_path, **DEFAULTS)
    stage.push(f"v43-prod-{fault}")
    began = stage.clock.now()
    error = refused(stage.promote)
    took_s = stage.clock.now() - began
    who, within_s, word = BROUGHT_BACK_BY[fault]
    rows.append((f"production v43-prod-{fault}", f"{who}: {word}", took_s))
    assert ended(error) == ("rolled_back", 6)
    assert word in error.message
    assert error.message.startswith("The watch broke off" if who == "watch" else "Deploy to shop-production failed")
    assert took_s <= within_s
    assert wrong_with(stage, tag="v41") == []
    assert {verdict_of(machine) for machine in stage.machines()} <= {"good", None}, f"{VERDICT} of {APP}"


@pytest.mark.parametrize("fault", BROUGHT_BACK_BY)
@pytest.mark.usefixtures("own_state")
def test_after_a_bad_image_the_release_records_tell_what_failed_and_what_runs(tmp_path: Path, fault: str) -> None:
    stage = Stage(tmp_path, **DEFAULTS)
    stage.push(f"v43-prod-{fault}")
    refused(stage.promote)
    records = told(stage)
    assert (42, "failed", f"v43-prod-{fault}") in records
    complete = [record for record in records if record[1] == "complete"]
    assert complete[0][2] == "v41", f"the newest complete record is what runs: {records}"
    assert not [record for record in records if record[1] == "running"]
