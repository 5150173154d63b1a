"""The register of drills: a line is there whole or not at all, whatever happens and whoever else writes."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from hotops.core.chain import EvidenceUnwritable
from hotops.core.clock import rfc3339
from hotops.proofs.register import Entry, Register


def entry(run: str) -> Entry:
    return Entry(
        at=rfc3339(1_790_000_000), scenario="database_lost", environment="stage", env_kind="sandbox", run=run,
        passed=True, recovery_s=42.0, rto_s=60, rpo_s=60,
    )  # fmt: skip


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register = Register(tmp_path / "dr" / "register.jsonl")
    register.add(entry("first"))
    before = register.path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(EvidenceUnwritable, match="No space left"):
            register.add(entry("second"))
    assert register.path.read_bytes() == before
    register.add(entry("third"))
    assert [found.run for found in register.entries()] == ["first", "third"]


def test_many_writers_lose_no_line(tmp_path: Path) -> None:
    register = Register(tmp_path / "register.jsonl")
    writers = [threading.Thread(target=register.add, args=(entry(f"r{number}"),)) for number in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {found.run for found in register.entries()} == {f"r{number}" for number in range(16)}
