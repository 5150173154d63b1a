"""Runs of a playbook until one ends: what is tried again, what is waited for, and what is not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest

from hotops.core.clock import parse_rfc3339
from hotops.core.evidence import EvidenceFolder
from hotops.github.client import GitHub
from hotops.inventory.gates import GATES
from hotops.inventory.load import environment_from_vars
from hotops.inventory.schema import Environment
from hotops.promote.holding import hold, let_go
from hotops.running import escalating, moment
from hotops.running.attempts import WAITS_FOR, Tried, run_until_ended
from hotops.running.follow import Follower, usual_durations
from hotops.running.job import Ended, Job
from hotops.running.moment import Look, still_says_no
from tests.stage import FakeClock, Stage

NOW = parse_rfc3339("2026-01-06T08:00:00Z")  # a Tuesday
WINDOW = [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00", "tz": "UTC"}]


class Runs:
    """Stands for ansible-runner: each run ends as the next of the given ones does, after writing what it is told to."""

    def __init__(self, folder: Path, clock: FakeClock, *ends: Ended) -> None:
        self.ends, self.folder, self.clock = list(ends), folder, clock
        self.began_at: list[float] = []
        self.gates: tuple[tuple[str, str], ...] = ()

    def __call__(self, job: Job, *, while_running: Callable[[Ended], None], **_rest: Any) -> Ended:
        self.began_at.append(self.clock.now() - NOW)
        ended = self.ends.pop(0)
        ended.pid = 1000 + len(self.began_at)
        evidence = EvidenceFolder.open_run(
            self.folder / "artifacts/deployment", playbook="promote", environment="stage", env_kind="sandbox",
            reason="", who="ada", versions={}, holder_pid=ended.pid, clock=self.clock,
        )  # fmt: skip
        for gate, status in self.gates:
            evidence.event("gate", gate=gate, app="shop-production", level="require", status=status, found="")
        while_running(ended)
        if not ended.died:
            evidence.seal(ended.outcome, ended.exit_code)
        self.clock.sleep(1)
        return ended


class Told(list[str]):
    def __call__(self, text: str) -> None:
        self.append(text)

    def __str__(self) -> str:
        return "\n".join(self)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


def environment(folder: Path, **common: Any) -> Environment:
    hostvars = {"shop-production": {"env_kind": "sandbox", "fly_org": "acme", "promote_from": "shop-staging", **common}}
    names = {"all": list(hostvars), "apps": list(hostvars)}
    return environment_from_vars(hostvars, names, inventory=folder / "inventories/stage")


def tried(
    folder: Path, told: Told, runs: Runs, *, wait_s: float = 0.0, look: Look = lambda *_: "", **common: Any
) -> Tried:
    job = Job("promote.yml", folder / "inventories/stage", folder)
    return run_until_ended(
        job, environment(folder, **common), clock=runs.clock, say=told, progress=told, wait_s=wait_s, start=runs,
        look=look,
    )  # fmt: skip


def failed(code: str, exit_code: int = 1) -> Ended:
    return Ended(exit_code, code, f"hotops: {code} (exit code {exit_code}).", {"code": code, "exit_code": exit_code})


def test_a_passing_failure_is_tried_once_more_and_only_once(tmp_path: Path, told: Told) -> None:
    clock = FakeClock(NOW)
    runs = Runs(tmp_path, clock, failed("server_error"), Ended(0, "promoted", "x"))
    assert (tried(tmp_path, told, runs).ended.outcome, runs.began_at) == ("promoted", [0, 11])
    assert "server_error, which passes" in str(told)
    runs = Runs(tmp_path, clock, failed("server_error"), failed("wire"))
    ended = tried(tmp_path, told, runs)
    assert (ended.ended.outcome, ended.attempts) == ("wire", 2)


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("no_go", 3),
        ("usage", 2),
        ("token_missing", 4),
        ("plan_changed", 5),
        ("rolled_back", 6),
        ("not_restored", 7),
        ("bug", 1),
    ],
)
def test_what_does_not_pass_is_not_tried_again(tmp_path: Path, told: Told, code: str, exit_code: int) -> None:
    runs = Runs(tmp_path, FakeClock(NOW), failed(code, exit_code))
    assert tried(tmp_path, told, runs).ended.exit_code == exit_code
    assert len(runs.began_at) == 1


def test_a_run_that_died_is_resumed_after_saying_where_it_stood(tmp_path: Path, told: Told) -> None:
    runs = Runs(tmp_path, FakeClock(NOW), Ended(130, "died", died=True), Ended(0, "promoted", "x"))
    assert tried(tmp_path, told, runs).ended.exit_code == 0
    said = str(told)
    assert "died without an end" in said
    assert said.index("died without an end") < said.index("looks at what is there")


def test_it_waits_for_the_window_and_then_goes(tmp_path: Path, told: Told) -> None:
    runs = Runs(tmp_path, FakeClock(NOW), failed("no_go", 3), Ended(0, "promoted", "x"))
    runs.gates = (("window", "fail"), ("smoke", "pass"))
    assert tried(tmp_path, told, runs, wait_s=4 * 3600, windows=WINDOW).ended.exit_code == 0
    assert runs.began_at == [0, 3600], "it goes as soon as the window opens"


def test_it_holds_while_a_blocker_is_open_and_goes_within_half_an_hour_of_its_end(tmp_path: Path, told: Told) -> None:
    clock = FakeClock(NOW)
    closed_at = 2 * 3600 + 100.0  # after the hold began
    runs = Runs(tmp_path, clock)
    looks: list[float] = []

    def look(_environment: Environment, waits_for: Collection[str], selection: tuple[str, ...]) -> str:
        assert (set(waits_for), selection) == ({"no_blocker"}, ("shop-production",))
        looks.append(clock.now() - NOW)
        return "no_blocker" if clock.now() < NOW + closed_at else ""

    def start(job: Job, **more: Any) -> Ended:
        is_open = clock.now() < NOW + closed_at
        runs.gates = (("no_blocker", "fail" if is_open else "pass"), ("window", "pass"))
        runs.ends = [failed("no_go", 3) if is_open else Ended(0, "promoted", "x")]
        return runs(job, **more)

    job = Job("promote.yml", tmp_path / "inventories/stage", tmp_path)
    ended = run_until_ended(
        job, environment(tmp_path), clock=clock, say=told, progress=told, wait_s=8 * 3600, start=start, look=look,
        selection=("shop-production",),
    )  # fmt: skip
    assert ended.ended.outcome == "promoted"
    assert closed_at <= runs.began_at[-1] <= closed_at + 30 * 60
    assert "Only the moment says no (no_blocker); looking again at" in str(told)
    assert len(runs.began_at) == 2, "the first run, and the one that went: no look starts a playbook"
    assert len(looks) == 25
    assert sum("no_blocker" in line for line in told) <= 2 + 2 * 2, "it says so when it begins, and each half hour"
    assert ended.waited_s == looks[-1] - 1


def test_it_waits_for_gates_that_there_are_and_for_the_end_of_a_freeze(tmp_path: Path, told: Told) -> None:
    assert set(GATES) >= WAITS_FOR
    runs = Runs(tmp_path, FakeClock(NOW), failed("frozen", 3), Ended(0, "proven", "x"))
    assert tried(tmp_path, told, runs, wait_s=3600).ended.outcome == "proven"
    assert "It is frozen; looking again at" in str(told)


def test_it_waits_no_longer_than_it_may_and_not_for_what_waiting_does_not_mend(tmp_path: Path, told: Told) -> None:
    runs = Runs(tmp_path, FakeClock(NOW), failed("no_go", 3), failed("no_go", 3))
    runs.gates = (("window", "fail"),)
    assert tried(tmp_path, told, runs, wait_s=600, windows=WINDOW, look=lambda *_: "window").ended.exit_code == 3
    assert runs.began_at == [0]
    assert "nothing was started, and the time to wait is over" in told[-1]
    runs = Runs(tmp_path, FakeClock(NOW), failed("no_go", 3))
    runs.gates = (("window", "fail"), ("smoke", "fail"))
    assert tried(tmp_path, told, runs, wait_s=4 * 3600, windows=WINDOW).ended.exit_code == 3
    assert runs.began_at == [0]


def test_a_look_asks_only_what_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few reads of the clouds, none of them a request to an app; and it starts and writes nothing."""
    stage = Stage(tmp_path, windows=WINDOW, github_repo="acme/shop", blocking_labels=["P0"])
    monkeypatch.setattr(moment, "surroundings", lambda *_given, check, **_more: stage.context(check=check))
    stage.clock.time = NOW
    known = stage.environment, ("window", "no_blocker"), ("shop-production",)
    assert still_says_no(*known) == "window"
    stage.clock.time = NOW + 3600
    with stage.context() as context:
        number = context.client(GitHub).issues.create("acme/shop", "Checkout is down", labels=["P0"]).number
    assert still_says_no(*known) == "no_blocker"
    with stage.context() as context:
        context.client(GitHub).issues.close("acme/shop", number)
    stage.control("DELETE", "log")
    assert still_says_no(*known) == ""
    entries = stage.control("GET", "log")["entries"]
    assert len(entries) <= 3, [entry["path"] for entry in entries]
    assert {entry["effect"] for entry in entries} == {"none"}
    with stage.context("another-run", holder_pid=os.getpid()) as context:
        hold(context, stage.environment)
        assert still_says_no(stage.environment, {"lock"}, ()) == "held"
        let_go(context, stage.environment)
    assert still_says_no(stage.environment, {"lock"}, ()) == ""
    stage.control("POST", "faults", {"kind": "status", "status": 503, "match": {"surface": "github"}})
    assert still_says_no(stage.environment, {"frozen"}, ()) == "freeze", "what can't be asked is no reason to start"


def test_it_waits_for_a_lock_only_if_it_is_to_wait(tmp_path: Path, told: Told) -> None:
    runs = Runs(tmp_path, FakeClock(NOW), failed("lock_held", 9))
    assert tried(tmp_path, told, runs).ended.exit_code == 9
    runs = Runs(tmp_path, FakeClock(NOW), failed("lock_held", 9), failed("lock_held", 9), Ended(0, "promoted", "x"))
    assert tried(tmp_path, told, runs, wait_s=600).ended.exit_code == 0
    assert "Somebody holds the environment" in str(told)


CALLED = {"env_name": "stage", "env_kind": "live", "notifications": [{"kind": "file", "path": "told.jsonl"}]}


def called(folder: Path) -> list[dict[str, Any]]:
    """What people were told."""
    file = folder / "told.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def test_the_second_failure_in_one_call_is_told_with_its_evidence(tmp_path: Path, told: Told) -> None:
    runs = Runs(tmp_path, FakeClock(NOW), failed("server_error"), failed("wire"))
    ended = tried(tmp_path, told, runs, **CALLED)
    (said,) = called(tmp_path)
    assert (ended.failures, said["outcome"], said["environment"]) == (2, "wire", "stage")
    assert said["title"] == "hotops could not finish in stage: all apps: promote, twice in a row"
    assert said["evidence"] == f"artifacts/deployment/{ended.run_dir.name if ended.run_dir else ''}"
    assert f"Run {Path(said['evidence']).name}, exit code 1." in said["text"]
    assert "Told file told.jsonl." in str(told)


def test_the_second_failure_of_two_calls_is_told_and_a_good_run_between_ends_the_row(
    tmp_path: Path, told: Told
) -> None:
    ends = (
        ("rolled_back", 6),
        ("promoted", 0),
        ("rolled_back", 6),
        ("usage", 2),
        ("token_missing", 4),
        ("rolled_back", 6),
    )
    clock, seen = FakeClock(NOW), []
    for code, exit_code in ends:
        clock.sleep(3600)
        runs = Runs(tmp_path, clock, failed(code, exit_code) if exit_code else Ended(0, code, "x"))
        seen.append((tried(tmp_path, told, runs, **CALLED).failures, len(called(tmp_path))))
    # A slip in the call is no failure, and mends nothing either.
    assert seen == [(1, 0), (0, 0), (1, 0), (0, 0), (2, 1), (3, 2)]
    assert called(tmp_path)[1]["title"].endswith("promote, 3 times in a row")


def test_a_good_run_closes_the_issue_of_the_failures_before_it(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, github_repo="acme/shop")
    monkeypatch.setattr(escalating, "surroundings", lambda *_given, **more: stage.context(check=more["check"]))
    repository = stage.twin.github.hub.repository("acme/shop")
    assert repository is not None
    runs = Runs(tmp_path, FakeClock(NOW), failed("server_error"), failed("wire"), Ended(0, "promoted", "x"))
    tried(tmp_path, told, runs, github_repo="acme/shop", env_name="stage")
    (issue,) = (issue for issue in repository.issues.values() if "could not finish" in issue.title)
    assert issue.state == "open"
    ended = tried(tmp_path, told, runs, github_repo="acme/shop", env_name="stage")
    assert (issue.state, [row["closed"] for row in ended.told]) == ("closed", [True])
    assert told[-1].startswith("Told issue #")
    assert "that it works again, and closed it" in told[-1]
    stage.control("DELETE", "log")
    runs.ends = [Ended(0, "promoted", "x"), Ended(8, "findings", "x")]
    for _ in range(2):
        assert tried(tmp_path, told, runs, github_repo="acme/shop", env_name="stage").told == []
    assert len(stage.control("GET", "log")["entries"]) == 1, "one look, and none where things were found"


def test_what_is_not_restored_is_told_at_once_and_a_failed_look_in_check_mode_never(tmp_path: Path, told: Told) -> None:
    runs = Runs(tmp_path, FakeClock(NOW), failed("not_restored", 7))
    assert len(tried(tmp_path, told, runs, **CALLED).told) == 1
    job = Job("promote.yml", tmp_path / "inventories/stage", tmp_path, check=True)
    runs = Runs(tmp_path, FakeClock(NOW + 60), failed("bug"), failed("bug"))
    for _ in range(2):
        run_until_ended(job, environment(tmp_path, **CALLED), clock=runs.clock, say=told, progress=told, start=runs)
    assert len(called(tmp_path)) == 1


def test_what_cannot_be_told_is_said_and_changes_nothing_about_the_end(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {
        "env_kind": "live",
        "github_repo": "acme/shop",
        "notifications": [{"kind": "file", "path": "/proc/none/x"}],
    }
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    runs = Runs(tmp_path, FakeClock(NOW), failed("not_restored", 7))
    ended = tried(tmp_path, told, runs, **broken)
    assert (ended.ended.exit_code, [row["ok"] for row in ended.told]) == (7, [False, False])
    assert "Not told issue of acme/shop: No github token" in str(told)
    monkeypatch.setenv("HOTOPS_READONLY", "1")
    ended = tried(tmp_path, told, Runs(tmp_path, FakeClock(NOW + 60), failed("not_restored", 7)), **CALLED)
    assert "Nobody was told: escalate would write, and HOTOPS_READONLY is set" in str(told)
    assert called(tmp_path) == []


def test_progress_follows_the_evidence_and_knows_what_is_left(tmp_path: Path, told: Told) -> None:
    clock = FakeClock(NOW)
    folder = tmp_path / "artifacts"
    for _ in range(2):
        evidence = EvidenceFolder.open_run(
            folder, playbook="promote", environment="stage", env_kind="sandbox", reason="", who="ada", versions={},
            holder_pid=77, clock=clock,
        )  # fmt: skip
        follower = Follower(folder, "promote", told, now=clock.now)
        for phase, seconds in (("deploy", 60.0), ("watch", 600.0)):
            evidence.event("phase_started", phase=phase)
            number = evidence.intent("x", "a/1", "m1", before={}, after={}, action=f"updating {phase}")
            follower.look(77)
            clock.sleep(seconds)
            evidence.outcome(number, "done", duration_s=seconds)
            evidence.event("phase_finished", phase=phase, status="done")
            evidence.event("note", text="written at once")
        follower.look(77)
        evidence.seal("promoted", 0, changed=1)
        clock.sleep(100)
    assert usual_durations(folder, "promote") == {"deploy": 60.0, "watch": 600.0}
    lines = [line.partition("] ")[2] for line in told]
    first, second = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    assert "deploy" in first, "the first run has nothing to compare with"
    assert "deploy, about 11 min left" in second
    assert "watch, about 10 min left" in second
    assert "  done: updating watch (10 min)" in second


def test_a_quiet_run_says_that_it_lives(tmp_path: Path, told: Told) -> None:
    clock = FakeClock(NOW)
    follower = Follower(tmp_path, "promote", told, now=clock.now)
    for _ in range(65):
        follower.look(None)
        clock.sleep(1)
    assert len(told) == 2
    assert "starting goes on since 30 s" in told[0]
    assert json.dumps(told)
