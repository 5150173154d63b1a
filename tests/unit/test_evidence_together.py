"""All runs together: figures over deploys, what is owed after one, a report of progress; from evidence alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hotops import cli
from hotops.core.clock import rfc3339
from hotops.core.errors import UsageError
from hotops.core.evidence import EvidenceFolder
from hotops.core.feedback import render_entry
from hotops.core.several import figures_in_words, figures_of, follow_up_in_words, follow_up_of, progress_of, runs_in
from tests.unit.evidence_samples import TickingClock

NOW = 1_800_000_000.0
DAY = 86_400.0


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


class Past:
    """A project's past: runs that ended, each with its steps and phases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ran(
        self,
        playbook: str,
        ago_s: float,
        outcome: str,
        code: int,
        *,
        steps: int = 1,
        phases: dict[str, float] | None = None,
        environment: str = "production",
    ) -> Path:
        clock = TickingClock(NOW - ago_s)
        run = EvidenceFolder.open_run(
            self.folder,
            playbook=playbook,
            environment=environment,
            env_kind="live",
            reason="the login fix",
            who="ann",
            versions={},
            clock=clock,
        )
        for name, seconds in (phases or {}).items():
            run.event("phase_started", phase=name)
            clock.sleep(seconds)
            run.event("phase_finished", phase=name, status="done")
        for number in range(steps):
            intent = run.intent("fly_deploy", f"shop/{number}", f"m{number}", before={}, after={}, action="updating")
            run.outcome(intent, "done", duration_s=1.0)
        run.seal(outcome, code)
        return run.run_dir


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path / "artifacts/deployment")


def figures(past: Past, days: float = 90) -> Any:
    return figures_of(runs_in(past.folder, "production"), environment="production", now=NOW, since_s=days * DAY)


def test_deploys_are_counted_with_what_came_back_by_itself_and_by_hand(past: Past) -> None:
    past.ran("promote", 28 * DAY, "promoted", 0, phases={"ask_gates": 30, "deploy": 60, "watch": 600})
    past.ran("promote", 21 * DAY, "rolled_back", 6, phases={"ask_gates": 30, "deploy": 60, "watch": 90})
    past.ran("promote", 14 * DAY, "no_go", 3, steps=0, phases={"ask_gates": 20})
    past.ran("deploy", 10 * DAY, "promoted", 0, phases={"ask_gates": 30, "deploy": 40, "watch": 600})
    past.ran("rollback", 10 * DAY - 3600, "done", 0, phases={"rollback": 45})
    past.ran("rollback", 9 * DAY, "done", 0)  # of nothing that was deployed since: it undoes no second deploy
    past.ran("promote", 5 * DAY, "nothing_to_do", 0, steps=0)
    past.ran("promote", 3 * DAY, "promoted", 0, environment="staging")
    found = figures(past)
    assert (found.deploys, found.good, found.brought_back, found.undone_later, found.not_restored) == (3, 1, 1, 1, 0)
    assert (found.stopped_by_a_gate, found.change_failure_percent, found.per_week) == (1, 66.7, 0.8)
    assert found.deploy_longest_s == pytest.approx(690, abs=15)
    assert found.phase_median_s["deploy"] == pytest.approx(50, abs=5)
    assert found.restore_longest_s == pytest.approx(150, abs=15), "gates asked before anything changed are no outage"
    assert found.restore_median_s == pytest.approx(98, abs=15)
    assert "lead_time" in found.unknown
    few = "one more may turn it"
    assert found.thin == {
        "change_failure_percent": f"3 deploys only: {few}",
        "deploy": f"2 good ones only: {few}",
        "restore": f"2 ways back only: {few}",
    }
    assert f"  ? restore: 2 ways back only: {few}" in figures_in_words(found)
    for day in range(4, 7):
        past.ran("promote", day * DAY, "promoted", 0)
    assert set(figures(past).thin) == {"restore"}


def test_what_is_not_known_is_null_and_says_why(past: Past) -> None:
    past.ran("health", DAY, "looked", 0, steps=0)
    found = figures(past)
    assert (found.deploys, found.change_failure_percent, found.restore_median_s, found.per_week) == (
        0,
        None,
        None,
        None,
    )
    assert found.unknown["change_failure_percent"] == "no deploy in this time left evidence here"
    with pytest.raises(UsageError, match=r"No run in .* is of the environment 'prod'"):
        runs_in(past.folder, "prod")
    with pytest.raises(UsageError, match="There is no evidence in nowhere"):
        runs_in(Path("nowhere"))


def states(past: Past, ago_s: float = 0.0) -> list[str]:
    found = follow_up_of(runs_in(past.folder, "production"), environment="production", now=NOW - ago_s)
    return [point.state for point in found.checkpoints]


def test_the_day_after_a_deploy_has_looks_that_are_done_due_missed_and_to_come(past: Past) -> None:
    past.ran("promote", 5 * 3600, "promoted", 0)
    assert states(past) == ["missed", "missed", "due", "to come"]
    past.ran("health", 5 * 3600 - 1000, "looked", 0, steps=0)
    past.ran("health", 1800, "findings", 8, steps=0)
    assert states(past) == ["done", "missed", "done", "to come"]
    found = follow_up_of(runs_in(past.folder, "production"), environment="production", now=NOW)
    assert found.owed == []
    assert found.checkpoints[2].seen.startswith("findings (")
    assert follow_up_in_words(found)[-1] == "Next: hotops status production"
    past.ran("rollback", 900, "done", 0)
    assert len(states(past)) == 4, "a rollback is no deploy"


def test_a_look_that_is_due_ends_with_8_and_names_the_command(
    past: Past, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    past.ran("promote", 1200, "promoted", 0)
    monkeypatch.setattr("hotops.cli_evidence.time.time", lambda: NOW)
    assert cli.main(["evidence", "after", "production"]) == 8
    assert capsys.readouterr().out.rstrip().endswith("Next: hotops health production")
    assert cli.main(["evidence", "figures", "production", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deploys"] == 1
    assert cli.main(["evidence", "figures", "production", "--days", "0"]) == 2


def test_a_report_of_progress_tells_what_ran_what_is_stuck_and_is_appended_once_asked(
    past: Past, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    past.ran("promote", 5 * 3600, "promoted", 0)
    stopped = past.ran("promote", 3000, "no_go", 3, steps=0)
    entry = progress_of(runs_in(past.folder, "production"), environment="production", now=NOW, since_s=7200)
    text = render_entry(entry)
    assert text.startswith(f"## {rfc3339(NOW)} — Deployment: Progress of 2 h")
    assert f"- {stopped}" in text
    assert "promote production: no go (3), 0 steps" in text
    assert "**Blockers:**\n- promote: no go (3), 0 steps" in text
    monkeypatch.setattr("hotops.cli_evidence.time.time", lambda: NOW)
    assert cli.main(["evidence", "progress", "production", "--append", "feedback/deployment.md"]) == 0
    written = Path("feedback/deployment.md").read_text(encoding="utf-8")
    assert written == text.replace(str(stopped), str(stopped.relative_to(Path.cwd())))
    assert cli.main(["evidence", "progress", "production", "--append", "../elsewhere.md"]) == 2
    assert not Path("../elsewhere.md").exists()
