"""After a kill -9 the evidence tells where the run stopped and what to do; the command line says it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hotops.cli import main
from hotops.cli_evidence import newest_run
from hotops.core.errors import UsageError
from hotops.core.story import show, told_in_words
from tests.unit.evidence_samples import opened, promotion, sealed

Hotops = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def dead_run(tmp_path: Path) -> Path:
    """A run whose process was killed while it updated its second machine."""
    code = (
        "import os, signal, sys; from pathlib import Path; from tests.unit.evidence_samples import promotion;"
        "promotion(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    evidence_dir = tmp_path / "artifacts" / "deployment"
    assert subprocess.run([sys.executable, "-c", code, str(evidence_dir)], check=False).returncode == -9
    return newest_run(evidence_dir)


def test_a_killed_run_tells_where_it_stopped(dead_run: Path) -> None:
    story = show(dead_run)
    assert (story.life, story.phase, story.phase_is_finished) == ("died", "deploy", False)
    assert [(step.action, step.change, step.line) for step in story.open_intents] == [
        ("updating machine m2", "image: v42 → v43", 9)
    ]
    assert story.last_verdict is not None
    assert story.last_verdict.startswith("go of gates: 11 gates pass, 1 is waived")
    assert (story.steps_done, story.outcome, story.exit_code) == (1, None, None)
    assert story.next_step == (
        "Run the same command again: it first looks at what is really there, then finishes or undoes this."
    )
    words = told_in_words(story)
    assert "died without an end" in words
    assert "    was updating machine m2 (image: v42 → v43) since 2026-01-31T10:00:02" in words


def test_a_line_cut_off_by_the_kill_is_told(dead_run: Path) -> None:
    with (dead_run / "evidence.jsonl").open("ab") as file:
        file.write(b'{"n": 10, "at"')
    assert show(dead_run).cut_off_lines == [10]
    assert "line 10 is cut off" in told_in_words(show(dead_run))


def test_a_run_killed_before_it_changed_anything_says_so(dead_run: Path) -> None:
    path = dead_run / "evidence.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:5]))
    assert show(dead_run).next_step == "Run the same command again: nothing had been changed."


def test_a_run_that_goes_on_is_not_called_dead(tmp_path: Path) -> None:
    story = show(promotion(tmp_path).run_dir)
    assert story.life == "running"
    assert story.next_step == "Wait: the run goes on."
    assert "is updating machine m2" in told_in_words(story)


def test_the_holder_decides_whether_a_run_lives(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as holder:
        run = opened(tmp_path, holder_pid=holder.pid)
        assert show(run.run_dir).life == "running"
        holder.kill()
    assert show(run.run_dir).life == "died"


def test_a_run_of_another_machine_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = promotion(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    story = show(run.run_dir)
    assert story.life == "unknown"
    assert story.next_step.startswith("See whether it still runs on its own machine; if not, run the same command")


def test_a_sealed_run_tells_its_outcome(tmp_path: Path) -> None:
    story = show(sealed(tmp_path).run_dir)
    assert (story.life, story.outcome, story.exit_code, story.open_intents) == ("sealed", "promoted", 0, [])
    assert "outcome  promoted, exit code 0: Done." in told_in_words(story)


def test_where_there_is_no_run_there_is_no_story(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"evidence\.jsonl can't be read"):
        show(tmp_path)
    (tmp_path / "evidence.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(UsageError, match="holds no line"):
        show(tmp_path)


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def hotops(capfd: pytest.CaptureFixture[str]) -> Hotops:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["evidence", *arguments])
        return (code, *capfd.readouterr())

    return call


def test_verify_exits_0_sealed_8_unsealed_1_altered(tmp_path: Path, hotops: Hotops) -> None:
    good, dead, bad = sealed(tmp_path / "a"), promotion(tmp_path / "b"), sealed(tmp_path / "c")
    (bad.run_dir / "summary.md").write_text("# all went well\n")
    results = [hotops("verify", str(run.run_dir)) for run in (good, dead, bad)]
    assert [(code, out.split()[0]) for code, out, _ in results] == [(0, "SEALED"), (8, "UNSEALED"), (1, "ALTERED")]
    assert "summary.md was changed." in results[2][1]


def test_verify_asks_the_witness_and_takes_a_key(tmp_path: Path, hotops: Hotops) -> None:
    run = sealed(tmp_path)
    assert hotops("verify", str(run.run_dir), "--head", run.head())[0] == 0
    assert hotops("verify", str(run.run_dir), "--head", "0" * 64)[0] == 1
    (tmp_path / "state" / "keys" / "evidence.pub").write_text("")
    code, out, _ = hotops("verify", str(run.run_dir), "--json")
    found = json.loads(out)
    assert (code, found["schema"], found["state"], found["is_proven"]) == (8, 1, "sealed", False)
    assert hotops("verify", str(run.run_dir), "--key", found["signed_by"])[0] == 0


def test_without_a_folder_the_newest_run_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hotops: Hotops
) -> None:
    monkeypatch.chdir(tmp_path)
    first = sealed(tmp_path / "artifacts" / "deployment")
    second = promotion(tmp_path / "artifacts" / "deployment")
    assert second.run_id == first.run_id + "-2"
    (tmp_path / "artifacts" / "deployment" / "zz-notes").mkdir()
    code, out, _ = hotops("show", "--json")
    document = json.loads(out)
    assert (code, document["schema"], document["run"]) == (0, 1, second.run_id)
    assert document["open_intents"][0]["action"] == "updating machine m2"
    assert "is updating machine m2" in hotops("show")[1]


@pytest.mark.parametrize("command", ["verify", "show"])
def test_no_run_at_all_is_an_error_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hotops: Hotops, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = hotops(command)
    assert (code, out) == (2, "")
    assert "There is no run in artifacts/deployment" in err
    code, out, _ = hotops(command, os.devnull, "--json")
    assert (code, json.loads(out)["failure"]["exit_code"]) == (2, 2)
