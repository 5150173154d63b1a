"""I-20: readiness and the days of a certificate are computed; what somebody typed is compared with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import drive
from hotops.look.readiness import Readiness, ReadinessWanted
from tests.twin.asking import app_seed
from tests.twin.looking import Scene


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


def computed(tag: str, **want: Any) -> dict[str, Any]:
    releases = [
        {"version": 41, "tag": "v41", "status": "complete", "age_s": 864_000},
        {"version": 42, "tag": tag, "status": "complete", "age_s": 3000},
    ]
    staging = app_seed("shop-staging", traffic_rps=1)
    scene = Scene(
        app_seed("shop", traffic_rps=2, releases=releases),
        staging,
        declared={"shop": {"promote_from": "shop-staging", "samples": 5}},
    )
    apps = {"shop": scene.environment.apps["shop"]}
    scene.environment = scene.environment.model_copy(update={"apps": apps})
    with scene.context() as context:
        result = drive(Readiness(ReadinessWanted(**want), context)).result
    assert {call["effect"] for call in scene.twin.calls.since()} == {"none"}
    return result


def test_a_typed_95_percent_with_92_percent_errors_and_88_days_that_are_fewer_is_refused() -> None:
    result = computed("v42-crash", claimed_percent=95, claimed_certificate_days=88)
    assert result["ready"] is False
    assert result["percent"] < 95
    told = {finding["kind"]: finding["says"] for finding in result["failed_findings"] if finding["kind"] != "claim"}
    assert "were 5xx (100.0%, at most 1.0%)" in told["errors_5xx"]
    claims = [finding["says"] for finding in result["failed_findings"] if finding["kind"] == "claim"]
    assert claims == [
        f"somebody typed 95 % ready, computed are {result['percent']} %.",
        f"somebody typed certificates good for 88 days, computed: {result['certificate_days']} days.",
    ]
    fine = sum(item["verdict"] == "yes" for item in result["items"])
    assert result["percent"] == int(100 * fine / len(result["items"]))


def test_a_claim_that_is_true_is_no_finding_and_what_is_unknown_is_not_ready() -> None:
    first = computed("v42")
    again = computed("v42", claimed_percent=first["percent"], claimed_certificate_days=first["certificate_days"])
    assert not [finding for finding in again["failed_findings"] if finding["kind"] == "claim"]
    verdicts = {item["what"]: item["verdict"] for item in first["items"]}
    assert verdicts["errors_5xx"] == verdicts["p95"] == verdicts["certificate"] == "yes"
    assert verdicts["backup_fresh"] == "unknown"
    assert first["ready"] is False
