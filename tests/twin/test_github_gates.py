"""Gates about the repository: required and absent is red, what may not be asked is unknown, and both are told."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.core.driver import drive
from hotops.github.client import GitHub
from hotops.inventory.policy import Evidence
from hotops.promote.gate import AskSomeGates, GateWant
from hotops.repository.ci import value_in
from tests.stage import Stage

REPO = "acme/shop"
VITEST = {"vitest": {"file": "results.json", "key": "numFailedTests", "at_most": 0}}

pytestmark = pytest.mark.usefixtures("own_state")


def make(tmp_path: Path, **declared: Any) -> Stage:
    return Stage(tmp_path, github_repo=REPO, **declared)


def happen(stage: Stage, deed: str, **more: Any) -> Any:
    return stage.control("POST", "github", {"do": deed, **more})


def commit_of(stage: Stage) -> str:
    release = stage.twin.world.apps["shop-staging"].releases[-1]
    image = stage.twin.world.images.resolve(release.image_ref)
    assert image is not None
    return image.content.labels["GH_SHA"]


def gate(stage: Stage, name: str) -> dict[str, Any]:
    with stage.context() as context:
        (row,) = drive(AskSomeGates(GateWant(names=(name,), stop=False), context)).result["gates"]
    return dict(row)


def test_not_declared_is_not_asked_and_stops_nobody(tmp_path: Path) -> None:
    stage = make(tmp_path)
    for name in ("ci_checks", "test_evidence", "no_blocker"):
        found = gate(stage, name)
        assert (found["status"], found["found"], found["blocks"]) == ("unknown", "not configured", False)
    entries = stage.control("GET", "log")["entries"]
    asked = {e["path"] for e in entries if e["surface"] == "github" and "lock" not in e["path"]}
    assert asked == set()


def test_a_commit_that_failed_here_before_is_worth_a_second_look_and_stops_nobody(tmp_path: Path) -> None:
    stage = make(tmp_path)
    found = gate(stage, "history")
    assert (found["status"], found["found"]) == ("pass", "not deployed here before")
    with stage.context() as context:
        github = context.client(GitHub)
        for outcome in ("promoted", "rolled_back"):
            github.deployments.create(
                REPO, commit_of(stage), "stage", task=outcome, description="", payload={"outcome": outcome}
            )
            stage.clock.sleep(3 * 3600)
    found = gate(stage, "history")
    assert (found["status"], found["blocks"]) == ("warn", False)
    assert found["found"] == "rolled back 3 h ago"
    stage.twin.faults.add({"kind": "status", "status": 503, "match": {"surface": "github", "path": "*/deployments"}})
    found = gate(stage, "history")
    assert (found["status"], found["blocks"]) == ("unknown", False)


def test_where_the_history_is_required_a_commit_that_failed_here_is_a_no(tmp_path: Path) -> None:
    stage = make(tmp_path, gates={"history": {"level": "require"}})
    assert not gate(stage, "history")["blocks"]
    with stage.context() as context:
        context.client(GitHub).deployments.create(
            REPO, commit_of(stage), "stage", task="x", description="", payload={"outcome": "rolled_back"}
        )
    found = gate(stage, "history")
    assert (found["status"], found["blocks"]) == ("fail", True)
    assert found["found"].startswith("rolled back ")
    stage.twin.faults.add({"kind": "status", "status": 503, "match": {"surface": "github", "path": "*/deployments"}})
    assert gate(stage, "history")["blocks"], "declared and not proven is a no"


def test_green_checks_are_a_go(tmp_path: Path) -> None:
    stage = make(tmp_path, required_checks=["build"])
    found = gate(stage, "ci_checks")
    assert (found["status"], found["found"]) == ("pass", f"{commit_of(stage)[:12]}: 1 of 1 green")


@pytest.mark.parametrize("conclusion", ["neutral", "skipped"])
def test_a_check_with_nothing_to_do_is_green(tmp_path: Path, conclusion: str) -> None:
    stage = make(tmp_path, required_checks=["build"])
    happen(stage, "check", sha=commit_of(stage), name="build", conclusion=conclusion)
    assert gate(stage, "ci_checks")["status"] == "pass"


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "pending", None], ids=str)
def test_a_required_check_that_is_red_running_or_absent_is_a_no(tmp_path: Path, conclusion: str | None) -> None:
    stage = make(tmp_path, required_checks=["build"])
    happen(stage, "check", sha=commit_of(stage), name="build", conclusion=conclusion)
    found = gate(stage, "ci_checks")
    assert (found["status"], found["blocks"]) == ("fail", True)
    assert found["found"].endswith(f"build is {conclusion or 'absent'}")
    assert stage.tags() == {"v41"}


def test_an_old_commit_status_counts_as_a_check_and_the_worse_of_two_wins(tmp_path: Path) -> None:
    stage = make(tmp_path, required_checks=["ci/old", "build"])
    happen(stage, "check", sha=commit_of(stage), name="ci/old", conclusion="success", kind="status")
    assert gate(stage, "ci_checks")["status"] == "pass"
    happen(stage, "check", sha=commit_of(stage), name="build", conclusion="failure", kind="status")
    assert "build is failure" in gate(stage, "ci_checks")["found"]


def test_an_image_without_a_commit_proves_nothing(tmp_path: Path) -> None:
    stage = make(tmp_path, required_checks=["build"])
    stage.push("v50", labels={})
    assert gate(stage, "ci_checks")["found"] == "the image claims no commit"


def test_a_commit_that_is_not_in_the_repository_is_a_no(tmp_path: Path) -> None:
    stage = make(tmp_path, required_checks=["build"])
    repo = stage.twin.github.hub.repository(REPO)
    assert repo is not None
    del repo.commits[commit_of(stage)]
    assert f"in {REPO}" in gate(stage, "ci_checks")["found"]


@pytest.mark.parametrize("name", ["ci_checks", "test_evidence", "history", "no_blocker"])
def test_a_missing_right_is_unknown_and_stops_nobody(tmp_path: Path, name: str) -> None:
    stage = make(tmp_path, required_checks=["build"], test_evidence=VITEST, blocking_labels=["P0"])
    next(iter(stage.twin.github.hub.tokens.values())).permissions = {"contents": "write", "metadata": "read"}
    found = gate(stage, name)
    assert (found["status"], found["blocks"]) == ("unknown", False)
    assert "the token may not: needs " in found["found"]


@pytest.mark.parametrize("name", ["ci_checks", "test_evidence", "history", "no_blocker"])
def test_a_missing_token_is_unknown(tmp_path: Path, name: str) -> None:
    stage = make(tmp_path, required_checks=["build"], test_evidence=VITEST, blocking_labels=["P0"])
    del stage.twin.tokens["github"]
    found = gate(stage, name)
    assert (found["status"], found["found"]) == ("unknown", "no GITHUB_TOKEN")


def test_declared_and_not_proven_is_a_no_while_github_is_down(tmp_path: Path) -> None:
    stage = make(tmp_path, required_checks=["build"])
    stage.twin.faults.add({"kind": "status", "status": 503, "match": {"surface": "github", "path": "*/check-runs"}})
    found = gate(stage, "ci_checks")
    assert (found["status"], found["blocks"]) == ("fail", True)
    assert "could not be asked" in found["found"]


def test_a_no_of_theirs_stops_a_promotion_before_anything_is_changed(tmp_path: Path) -> None:
    stage = make(tmp_path, required_checks=["build", "e2e"])
    failure = stage.failure_of_promotion("20260101T000000Z-promote-stage")
    assert failure is not None
    assert (failure.failure_code, int(failure.failure_exit)) == ("no_go", 3)
    assert "ci_checks" in failure.message
    assert "e2e is absent" in failure.message
    assert stage.tags() == {"v41"}


def test_a_result_that_is_there_young_and_good_is_a_go(tmp_path: Path) -> None:
    stage = make(
        tmp_path, test_evidence={**VITEST, "lighthouse": {"key": "categories.performance.score", "at_least": 0.8}}
    )
    happen(
        stage,
        "artifact",
        sha=commit_of(stage),
        name="vitest",
        age_s=3600,
        files={"results.json": {"numFailedTests": 0}},
    )
    report = {"lhr.json": {"categories": {"performance": {"score": 0.93}}}}
    happen(stage, "artifact", sha=commit_of(stage), name="lighthouse", age_s=600, files=report)
    found = gate(stage, "test_evidence")
    assert found["status"] == "pass"
    assert (
        found["found"]
        == "vitest 60 min old, numFailedTests 0; lighthouse 10 min old, categories.performance.score 0.93"
    )


@pytest.mark.parametrize(
    ("artifact", "said"),
    [
        (None, "vitest left nothing for this commit"),
        ({"sha": "f" * 40}, "vitest left nothing for this commit"),
        ({"age_s": 49 * 3600}, "vitest 2 d old, at most 48 h"),
        ({"files": {"results.json": {"numFailedTests": 3}}}, "vitest numFailedTests is 3, at most 0"),
        ({"files": {"other.json": {}}}, "vitest: no file results.json in it"),
        ({"files": {"results.json": {}}}, "vitest: no numFailedTests in it"),
        ({"files": {"results.json": "not JSON"}}, "vitest: it is no zip with JSON in it"),
        ({"age_s": 91 * 86400}, "vitest left nothing for this commit"),
    ],
)
def test_a_result_that_is_missing_old_or_bad_is_a_no(
    tmp_path: Path, artifact: dict[str, Any] | None, said: str
) -> None:
    stage = make(tmp_path, test_evidence=VITEST)
    if artifact is not None:
        good = {"sha": commit_of(stage), "name": "vitest", "files": {"results.json": {"numFailedTests": 0}}}
        happen(stage, "artifact", **{**good, **artifact})
    found = gate(stage, "test_evidence")
    assert (found["status"], found["found"]) == ("fail", said)


def test_an_open_blocker_stops_a_promotion_and_a_closed_one_does_not(tmp_path: Path) -> None:
    stage = make(tmp_path, blocking_labels=["P0", "incident"])
    with stage.context() as context:
        issues = context.client(GitHub).issues
        made = issues.create(REPO, "Checkout is down", labels=["incident"])
        issues.create(REPO, "A typo", labels=["P2"])
        found = gate(stage, "no_blocker")
        assert (found["status"], found["found"]) == ("fail", f"#{made.number} Checkout is down")
        issues.close(REPO, made.number)
    assert gate(stage, "no_blocker")["status"] == "pass"


def test_a_limit_without_a_number_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match="has a limit without 'key'"):
        Evidence(at_least=1)


def test_a_number_is_found_in_lists_too_and_a_word_is_none() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("r.json", '[{"score": 0.5, "word": "x"}]')
    assert value_in(buffer.getvalue(), "*.json", "0.score") == 0.5
    with pytest.raises(LookupError, match="no number"):
        value_in(buffer.getvalue(), "*.json", "0.word")


#: What GitHub says of a repository that was renamed, what a log-in page says, and a list whose next page is elsewhere.
NOT_THE_LIST = {
    "renamed": lambda: httpx.Response(
        301,
        json={"message": "Moved Permanently"},
        headers={"location": "https://api.github.com/repositories/1/issues"},
    ),
    "an error with status 200": lambda: httpx.Response(200, json={"message": "log in"}),
    "an empty body": lambda: httpx.Response(200),
    "not whole": lambda: httpx.Response(200, json=[], headers={"link": '<https://elsewhere.test/x>; rel="next"'}),
}


@pytest.mark.parametrize("answered", NOT_THE_LIST.values(), ids=NOT_THE_LIST)
def test_what_is_not_the_list_of_issues_is_not_an_absence_of_blockers(
    tmp_path: Path, answered: Callable[[], httpx.Response]
) -> None:
    stage = make(tmp_path, blocking_labels=["P0"])
    assert gate(stage, "no_blocker")["status"] == "pass"
    stage.wrap = lambda inner: Instead(inner, f"/repos/{REPO}/issues", answered)
    found = gate(stage, "no_blocker")
    assert found["blocks"]
    assert found["found"].startswith("could not be asked")


class Instead(httpx.BaseTransport):
    """Answers one path otherwise than the cloud does."""

    def __init__(self, inner: httpx.BaseTransport, path: str, answered: Callable[[], httpx.Response]) -> None:
        self._inner, self._path, self._answered = inner, path, answered

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._answered() if request.url.path == self._path else self._inner.handle_request(request)
