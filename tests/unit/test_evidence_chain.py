"""The journal's file: one chain whoever writes, and nothing lost unseen when a writer dies or the disk is full."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from hotops.core import chain
from hotops.core.chain import EvidenceUnwritable
from hotops.core.evidence import JOURNAL_FILE, SUMMARY_FILE, EvidenceFolder, EvidenceSealed
from hotops.core.verification import verify
from tests.unit.evidence_samples import opened, promotion


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


def lines_of(run: EvidenceFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.run_dir / JOURNAL_FILE).read_bytes().splitlines()]


def write_many(run_dir: Path, name: str, count: int) -> None:
    run = EvidenceFolder.attach(run_dir)
    for number in range(count):
        run.event("note", text=f"{name} {number}")


def test_threads_and_processes_keep_one_chain(tmp_path: Path) -> None:
    run = opened(tmp_path)
    fork = multiprocessing.get_context("fork")
    workers: list[Any] = [fork.Process(target=write_many, args=(run.run_dir, f"process {n}", 100)) for n in range(3)]
    workers += [threading.Thread(target=write_many, args=(run.run_dir, f"thread {n}", 50)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    found = lines_of(run)
    assert [line["n"] for line in found] == list(range(1, 502))
    assert len({line["text"] for line in found[1:]}) == 500
    assert [line["at"] for line in found[1:]] == sorted(line["at"] for line in found[1:])
    assert verify(run.run_dir).state == "unsealed"


def test_an_intent_gives_its_line_and_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    run = opened(tmp_path)
    number = run.intent("deploy", "web/1", "m1", before=None, after={"image": "v43"}, action="creating machine m1")
    assert number == 2
    assert lines_of(run)[1] | {"at": "", "prev": "", "run": ""} == {
        "n": 2, "at": "", "run": "", "kind": "intent", "operation": "deploy", "step": "web/1", "target": "m1",
        "before": None, "after": {"image": "v43"}, "action": "creating machine m1", "prev": "",
    }  # fmt: skip


def test_a_second_run_in_the_same_second_gets_its_own_folder(tmp_path: Path) -> None:
    names = [opened(tmp_path).run_id for _ in range(3)]
    assert names == ["20260131T100000Z-promote-production" + suffix for suffix in ("", "-2", "-3")]


@pytest.mark.parametrize("fragment", [b'{"n": 10, "at": "2026', b"\0" * 300, b'{"n": 10, "kind": "no', b"x" * 20_000])
def test_a_line_that_a_killed_writer_left_is_closed_off_and_told(tmp_path: Path, fragment: bytes) -> None:
    run = promotion(tmp_path)
    with (run.run_dir / JOURNAL_FILE).open("ab") as file:
        file.write(fragment)
    died = verify(run.run_dir)
    assert died.state == "unsealed"
    assert "line (10) has no end" in died.problems[0]

    run.event("note", text="after")
    content = (run.run_dir / JOURNAL_FILE).read_bytes().split(b"\n")
    assert content[9] == fragment
    told, after = json.loads(content[10]), json.loads(content[11])
    assert (told["n"], told["kind"], told["cut_off"]) == (11, "note", 10)
    assert (after["n"], after["text"]) == (12, "after")
    assert verify(run.run_dir).state == "unsealed"
    run.seal("promoted", 0)
    assert verify(run.run_dir).is_proven


def test_a_writer_killed_while_it_closes_off_another_one(tmp_path: Path) -> None:
    run = promotion(tmp_path)
    with (run.run_dir / JOURNAL_FILE).open("ab") as file:
        file.write(b'{"n": 10, "a\n{"n": 11, "at": "20')
    assert verify(run.run_dir).state == "unsealed"
    run.event("note", text="after")
    assert verify(run.run_dir).state == "unsealed"
    assert lines_of_whole(run)[-1]["n"] == 13


def lines_of_whole(run: EvidenceFolder) -> list[dict[str, Any]]:
    return chain.records(chain.split_lines((run.run_dir / JOURNAL_FILE).read_bytes()))


def test_a_run_killed_while_it_writes_stays_a_chain(tmp_path: Path) -> None:
    run = opened(tmp_path)
    code = f"from tests.unit.test_evidence_chain import *; write_many(Path({str(run.run_dir)!r}), 'killed', 100000)"
    with subprocess.Popen([sys.executable, "-c", code]) as child:
        while not (run.run_dir / JOURNAL_FILE).read_bytes().count(b"\n") > 20:
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
    run.event("note", text="still writable: the lock died with its holder")
    assert verify(run.run_dir).state == "unsealed"


def test_a_sealed_run_takes_no_more_lines(tmp_path: Path) -> None:
    run = promotion(tmp_path)
    run.seal("promoted", 0)
    before = (run.run_dir / JOURNAL_FILE).read_bytes()
    with pytest.raises(EvidenceSealed):
        EvidenceFolder.attach(run.run_dir).event("note", text="an orphan")
    with pytest.raises(EvidenceSealed):
        run.seal("promoted", 0)
    assert (run.run_dir / JOURNAL_FILE).read_bytes() == before


def test_a_stopped_holder_of_the_lock_is_waited_for_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(tmp_path)
    monkeypatch.setattr(chain, "LOCK_TIMEOUT_S", 0.05)
    with (run.run_dir / JOURNAL_FILE).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(EvidenceUnwritable, match="locked by another process"):
            run.event("note", text="waits")


# --- no room ----------------------------------------------------------------------------------------------------------


class FullDisk:
    """`os.write` of a disk on which `room` bytes are left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, descriptor: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(28, "No space left on device")
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 1, 40])
def test_a_full_disk_stops_a_run_and_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    run = promotion(tmp_path)
    before = (run.run_dir / JOURNAL_FILE).read_bytes()
    FullDisk(monkeypatch, room)
    with pytest.raises(EvidenceUnwritable, match="No space left") as caught:
        run.outcome(9, "done", duration_s=1.0)
    assert caught.value.failure_code == "evidence_unwritable"
    assert (run.run_dir / JOURNAL_FILE).read_bytes() == before


def test_a_rollback_goes_on_with_a_full_disk_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = opened(tmp_path, tolerant=True)
    disk = FullDisk(monkeypatch, 0)
    number = run.intent("rollback", "web/1", "m1", before=None, after=None, action="moving machine m1 back")
    run.outcome(number, "done", duration_s=1.0)
    assert number == 0
    assert len(run.problems) == 1
    assert "No space left" in run.problems[0]

    disk.room = 100_000
    run.event("note", text="room again")
    assert [line.get("text") for line in lines_of(run)[1:]] == [
        "2 lines could not be written here before: intent, outcome.",
        "room again",
    ]
    assert run.seal("rolled_back", 6) is not None
    assert verify(run.run_dir).is_proven


def test_a_rollback_goes_on_where_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = opened(tmp_path / "file", tolerant=True)
    run.event("note", text="lost")
    assert run.seal("rolled_back", 6) is None
    assert len(run.problems) == 1
    with pytest.raises(EvidenceUnwritable):
        opened(tmp_path / "file")


def test_a_seal_that_finds_no_room_leaves_an_unsealed_run_that_can_be_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = promotion(tmp_path)
    with monkeypatch.context() as patch:
        FullDisk(patch, 0)
        with pytest.raises(EvidenceUnwritable):
            run.seal("promoted", 0)
    assert verify(run.run_dir).state == "unsealed"
    assert not (run.run_dir / "manifest.json").exists()
    run.seal("promoted", 0)
    assert verify(run.run_dir).is_proven
    assert "promoted" in (run.run_dir / SUMMARY_FILE).read_text(encoding="utf-8")


# --- use --------------------------------------------------------------------------------------------------------------


def test_the_environment_names_the_run_to_its_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTOPS_RUN_DIR", raising=False)
    assert EvidenceFolder.current() is None
    run = opened(tmp_path)
    monkeypatch.setenv("HOTOPS_RUN_DIR", str(run.run_dir))
    other = EvidenceFolder.current()
    assert other is not None
    other.event("note", text="from a worker")
    assert lines_of(run)[-1]["run"] == run.run_id
    assert other.head() == verify(run.run_dir).head


def test_a_wrong_run_folder_is_an_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_RUN_DIR", str(tmp_path))
    with pytest.raises(Exception, match="Unset HOTOPS_RUN_DIR"):
        EvidenceFolder.current()


def test_unknown_kinds_and_the_frames_own_fields_are_refused(tmp_path: Path) -> None:
    run = opened(tmp_path)
    with pytest.raises(ValueError, match="not a kind"):
        run.event("nothing_known")
    with pytest.raises(ValueError, match="prev"):
        run.event("note", prev="0" * 64)
    assert len(lines_of(run)) == 1
