"""What hotops takes for true, asked of the sandbox: all of it holds there, and what does not is found by name."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.conformance.conformance import Conformance, ConformanceWanted
from hotops.conformance.trials import PREFIX, cost_usd
from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError, UsageError
from tests.twin.asking import app_seed
from tests.twin.health_worlds import Seen
from tests.twin.looking import Scene

GITHUB = {"name": "acme/shop", "commits": [{"sha": "a" * 40, "age_s": 7200}]}
#: Rows of docs/unverified.md that reads settle, and those that only writes do.
BY_READS = {0, 3, 12, 24, 26, 30, 32, 37, 38, 41, 43}
BY_WRITES = {2, 4, 5, 6, 7, 8, 10, 15, 16, 17, 18, 19, 22, 24, 64, 65}
BUDGET = 0.05


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(app_seed("shop", traffic_rps=1), project_dir=str(tmp_path), github=GITHUB)


class Dated(Seen):
    """As the sandbox's server answers: with the moment."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.headers.setdefault("date", formatdate(self._clock.now(), usegmt=True))
        return response


def ask(scene: Scene, *, check: bool = False, **want: Any) -> Outcome:
    with scene.context(check=check, transport=Dated(scene.twin, scene.clock)) as context:
        return drive(Conformance(ConformanceWanted(**want), context), check=check)


def verdicts(outcome: Outcome) -> dict[int, str]:
    return {row["number"]: row["verdict"] for row in outcome.result["tried"]}


def test_reads_alone_tell_much_and_write_nothing(scene: Scene) -> None:
    outcome = ask(scene)
    assert not outcome.changed
    assert verdicts(outcome) == dict.fromkeys(BY_READS, "holds"), outcome.result["hotops_screen"]
    assert {call["effect"] for call in scene.twin.calls.since()} == {"none"}
    assert outcome.result["next"] == "hotops conformance try production --budget 0.01"
    assert "SANDBOX, which proves nothing" in outcome.result["hotops_screen"][0]


def test_trials_make_an_app_hold_all_and_leave_nothing(scene: Scene) -> None:
    outcome = ask(scene, budget=BUDGET)
    assert outcome.changed
    assert verdicts(outcome) == dict.fromkeys(BY_READS | BY_WRITES, "holds"), outcome.result["hotops_screen"]
    assert list(scene.twin.world.apps) == ["shop"]
    assert not [name for name in scene.twin.github.hub.repositories["acme/shop"].refs if "conformance" in name]
    written = [call["path"].split("/") for call in scene.twin.calls.since() if call["effect"] != "none"]
    apps = {parts[3] for parts in written if parts[1:3] == ["v1", "apps"] and len(parts) > 3}
    assert len(apps) == 1, "nobody else's app is touched"
    assert apps.pop().startswith(PREFIX)


def test_the_file_keeps_how_it_ended_and_no_value(scene: Scene, tmp_path: Path) -> None:
    value = secrets.token_hex(12)
    hidden = Scene(
        app_seed("shop", env={"LOG_LEVEL": value}, secrets={"DATABASE_URL": value}), project_dir=str(tmp_path)
    )
    outcome = ask(hidden, budget=BUDGET)
    text = Path(outcome.result["file"]).read_text(encoding="utf-8")
    kept = json.loads(text)
    assert kept["env_kind"] == "sandbox"
    assert {row["verdict"] for row in kept["tried"]} == {"holds"}
    assert value not in text
    assert "shop" not in text
    assert PREFIX not in text


def test_check_mode_shows_what_would_be_made_and_writes_nothing(scene: Scene, tmp_path: Path) -> None:
    outcome = ask(scene, check=True, budget=BUDGET)
    assert "1 to add" in outcome.plan.render()
    assert {call["effect"] for call in scene.twin.calls.since()} == {"none"}
    assert not (tmp_path / "artifacts").exists()


def test_a_budget_that_is_too_small_asks_nothing(scene: Scene) -> None:
    with pytest.raises(UsageError, match="may cost"):
        ask(scene, budget=cost_usd() / 2)
    assert scene.log() == []


def test_a_cloud_that_does_otherwise_is_found_and_the_app_goes_all_the_same(scene: Scene) -> None:
    match = {"method": "DELETE", "path": f"/v1/apps/{PREFIX}*/machines/{'?' * 14}"}
    scene.twin.faults.add({"kind": "status", "status": 200, "body": "{}", "match": match})
    outcome = ask(scene, budget=BUDGET)
    (found,) = outcome.result["failed_findings"]
    assert (found["number"], found["seen"]) == (17, "it was carried out")
    assert outcome.result["next"].startswith("change that row of docs/unverified.md")
    assert list(scene.twin.world.apps) == ["shop"]


def test_what_is_refused_is_unknown_and_says_nothing_about_the_assumption(scene: Scene) -> None:
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"surface": "registry"}})
    outcome = ask(scene)
    assert Counter(verdicts(outcome).values())["differs"] == 0
    assert (verdicts(outcome)[3], verdicts(outcome)[38], verdicts(outcome)[0]) == ("unknown", "unknown", "unknown")


def test_trials_that_fail_on_the_way_leave_no_app_and_what_a_dead_run_left_goes_first(scene: Scene) -> None:
    scene.twin.faults.add(
        {"kind": "status", "status": 422, "match": {"method": "POST", "path": f"/v1/apps/{PREFIX}*/machines"}}
    )
    with pytest.raises(HotopsError):
        ask(scene, budget=BUDGET)
    assert list(scene.twin.world.apps) == ["shop"]
    scene.twin.faults.remove()
    org = scene.twin.world.apps["shop"].org
    scene.twin.world.add_app(f"{PREFIX}0badcafe", org, scene.clock.now())
    outcome = ask(scene, budget=BUDGET)
    assert outcome.plan.counts() == {"change": 0, "add": 1, "destroy": 1}
    assert list(scene.twin.world.apps) == ["shop"]
