"""What GitHub keeps of a promotion: a deployment, how it ended, the evidence's head; a failure to write is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hotops.core.evidence import EvidenceFolder
from hotops.core.verification import verify
from tests.stage import Stage
from tests.twin.test_dead_runs import killed

REPO = "acme/shop"

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, github_repo=REPO, samples=2)


def kept(stage: Stage) -> list[Any]:
    return list(stage.twin.github.hub.repositories[REPO].deployments.values())


def commit_of(stage: Stage) -> str:
    release = stage.twin.world.apps["shop-staging"].releases[-1]
    image = stage.twin.world.images.resolve(release.image_ref)
    assert image is not None
    return str(image.content.labels["GH_SHA"])


def asked_of_github(stage: Stage) -> list[str]:
    entries = [entry for entry in stage.control("GET", "log")["entries"] if entry["surface"] == "github"]
    return [
        f"{entry['method']} {entry['path'].partition('/shop/')[2]}" for entry in entries if "deploy" in entry["path"]
    ]


def test_a_promotion_stands_in_the_history_for_two_calls_and_says_nothing_that_is_not_for_all(stage: Stage) -> None:
    told = stage.promote()["notify"]
    (found,) = kept(stage)
    assert (found.sha, found.environment) == (commit_of(stage), "stage")
    assert [status.state for status in found.statuses] == ["success"]
    assert found.payload["hotops_run"] == "20260101T000000Z-promote-stage"
    # The gate that looks whether this commit failed here before, what earlier runs left open, then what is written.
    written = ["POST deployments", f"POST deployments/{found.id}/statuses"]
    assert asked_of_github(stage) == ["GET deployments", "GET deployments", *written]
    assert told.result["warnings"] == []
    said = json.dumps(
        [found.description, found.payload, found.task, *(status.description for status in found.statuses)]
    )
    assert "shop" not in said.replace(REPO, "")
    stage.promote("20260101T000100Z-promote-stage")
    assert len(kept(stage)) == 1, "nothing was done the second time"
    assert asked_of_github(stage)[4:] == ["GET deployments", f"GET deployments/{found.id}/statuses"]


def test_the_head_of_the_evidence_is_kept_elsewhere_and_proves_that_nothing_was_cut(
    stage: Stage, tmp_path: Path
) -> None:
    folder = EvidenceFolder.open_run(
        tmp_path / "runs", playbook="promote", environment="stage", env_kind="sandbox", reason="a test", who="ada",
        versions={}, clock=stage.clock,
    )  # fmt: skip
    stage.journal = folder
    stage.promote(folder.run_id)
    (found,) = kept(stage)
    head = found.payload["evidence_head"]
    assert head in found.statuses[0].description
    assert len(found.statuses[0].description) <= 140
    folder.seal("promoted", 0, next_step="", changed=1)
    assert verify(folder.run_dir, expected_head=head).problems == verify(folder.run_dir).problems
    journal = folder.run_dir / "evidence.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:3]), encoding="utf-8")
    assert any(head in problem for problem in verify(folder.run_dir, expected_head=head).problems)


@pytest.mark.parametrize("path", ["/repos/acme/shop/deployments", "/repos/acme/shop/deployments/*/statuses"])
@pytest.mark.parametrize("kind", ["500", "503", "reset_before", "reset_after", "truncate"])
def test_a_failure_to_write_it_is_a_warning_and_never_a_failed_promotion(stage: Stage, path: str, kind: str) -> None:
    fault = {"kind": "status", "status": int(kind)} if kind.isdigit() else {"kind": kind}
    stage.control("POST", "faults", {**fault, "match": {"surface": "github", "path": path, "method": "POST"}})
    outcome = stage.promote()["notify"]
    assert outcome.result["hotops_outcome"] == {"outcome": "promoted"}
    assert len(kept(stage)) <= 1
    written = bool(kept(stage)) and bool(kept(stage)[0].statuses)
    assert written or any("not in GitHub's history" in text for text in outcome.result["warnings"])


def test_a_token_without_the_right_is_told_and_the_promotion_stands(stage: Stage) -> None:
    made = stage.control("POST", "github", {"do": "token", "login": "ada", "permissions": {"contents": "write"}})
    stage.twin.tokens["github"] = made["token"]
    outcome = stage.promote()["notify"]
    assert kept(stage) == []
    assert "not in GitHub's history" in outcome.result["warnings"][0]


def test_what_was_rolled_back_is_a_failed_deployment_of_its_commit(stage: Stage) -> None:
    stage.push("v43-prod-crash")
    error = stage.failure_of_promotion("20260101T000000Z-promote-stage")
    assert error is not None
    assert int(error.failure_exit) == 6
    (found,) = kept(stage)
    assert (found.sha, found.statuses[0].state) == (commit_of(stage), "failure")
    assert found.statuses[0].description.startswith("rolled back,")


@pytest.mark.parametrize(
    ("tag", "after", "state"),
    [("v42", "accept", "success"), ("v42", "deployment", "success"), ("v43-prod-crash", "deployment", "failure")],
)
def test_what_a_dead_run_could_not_tell_any_more_the_next_one_tells(
    stage: Stage, tag: str, after: str, state: str
) -> None:
    """It was accepted, or brought back, and died before GitHub knew of it, or knew how it ended."""
    died = "20260101T000000Z-promote-stage"
    if tag != "v42":
        stage.push(tag)
    commit = commit_of(stage)
    calls = {"accept": (r"^PATCH .*/metadata$", 2), "deployment": (r"^POST /repos/acme/shop/deployments$", 1)}
    killed(stage, *calls[after], run=died)
    assert [list(found.statuses) for found in kept(stage)] == ([[]] if after == "deployment" else [])
    again = "20260101T000100Z-promote-stage"
    if state == "failure":
        stage.push("v44", age_s=7200)
    stage.promote(again)
    (found,) = [found for found in kept(stage) if found.payload["hotops_run"] == died]
    assert found.sha == commit
    assert len(kept(stage)) == (1 if state == "success" else 2)
    assert [status.state for status in found.statuses] == [state]
    assert found.statuses[0].description.endswith(f"run {died}")
    stage.control("DELETE", "log")
    stage.promote("20260101T000200Z-promote-stage")
    assert not [call for call in asked_of_github(stage) if call.startswith("POST")], "told once"


def test_who_may_write_nothing_leaves_it_to_the_next_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(stage, r"^POST /repos/acme/shop/deployments$", 1, run="20260101T000000Z-promote-stage")
    monkeypatch.setenv("HOTOPS_READONLY", "1")
    stage.promote("20260101T000100Z-promote-stage")
    assert kept(stage)[0].statuses == []


def test_a_no_go_is_no_deployment(stage: Stage) -> None:
    stage.push("v43", age_s=1)
    error = stage.failure_of_promotion("20260101T000000Z-promote-stage")
    assert error is not None
    assert int(error.failure_exit) == 3
    assert kept(stage) == []


def test_without_a_repository_nothing_is_read_or_written(tmp_path: Path) -> None:
    alone = Stage(tmp_path, samples=2)
    assert alone.promote()["notify"].result["told"] == []
    assert asked_of_github(alone) == []
