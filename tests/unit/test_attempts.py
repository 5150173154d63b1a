"""Runs of a playbook until one ends: what is tried again, what is waited for, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotops.core.clock import parse_rfc3339
from hotops.core.evidence import EvidenceFolder
from hotops.inventory.load import environment_from_vars
from hotops.inventory.schema import Environment
from hotops.running.attempts import Tried, run_until_ended
from hotops.running.follow import Follower, usual_durations
from hotops.running.job import Ended, Job
from tests.stage import FakeClock

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


def tried(folder: Path, told: Told, runs: Runs, *, wait_s: float = 0.0, **common: Any) -> Tried:
    job = Job("promote.yml", folder / "inventories/stage", folder)
    return run_until_ended(
        job, environment(folder, **common), clock=runs.clock, say=told, progress=told, wait_s=wait_s, start=runs
    )


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


def test_it_waits_no_longer_than_it_may_and_not_for_what_waiting_does_not_mend(tmp_path: Path, told: Told) -> None:
    runs = Runs(tmp_path, FakeClock(NOW), failed("no_go", 3), failed("no_go", 3))
    runs.gates = (("window", "fail"),)
    assert tried(tmp_path, told, runs, wait_s=600, windows=WINDOW).ended.exit_code == 3
    assert runs.began_at == [0, 600]
    runs = Runs(tmp_path, FakeClock(NOW), failed("no_go", 3))
    runs.gates = (("window", "fail"), ("smoke", "fail"))
    assert tried(tmp_path, told, runs, wait_s=4 * 3600, windows=WINDOW).ended.exit_code == 3
    assert runs.began_at == [0]


def test_it_waits_for_a_lock_only_if_it_is_to_wait(tmp_path: Path, told: Told) -> None:
    runs = Runs(tmp_path, FakeClock(NOW), failed("lock_held", 9))
    assert tried(tmp_path, told, runs).ended.exit_code == 9
    runs = Runs(tmp_path, FakeClock(NOW), failed("lock_held", 9), failed("lock_held", 9), Ended(0, "promoted", "x"))
    assert tried(tmp_path, told, runs, wait_s=600).ended.exit_code == 0
    assert "Somebody holds the environment" in str(told)


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
