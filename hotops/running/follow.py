"""Live progress of a run, read from its evidence: which phase, which step, for how long, how long still."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotops.core.clock import parse_rfc3339, spoken_duration
from hotops.core.evidence import JOURNAL_FILE, MANIFEST_FILE
from hotops.core.table import one_line
from hotops.running.job import Ended

#: A run that is quiet for so long says that it lives.
HEARTBEAT_S = 30.0
#: So many earlier runs are looked through for how long a phase takes.
_EARLIER = 12
#: No line of progress is longer.
_LONGEST = 160


@dataclass
class Follower:
    """Follows the run that the process `pid` opens in `evidence_dir`; tells `say` what is new."""

    evidence_dir: Path
    playbook: str
    say: Callable[[str], None]
    now: Callable[[], float] = time.time
    began_at: float = 0.0
    run_dir: Path | None = None
    phase: str = ""
    expected: Mapping[str, float] = field(default_factory=dict)
    _offset: int = 0
    _phase_began: float = 0.0
    _open: dict[int, str] = field(default_factory=dict)
    _said_at: float = 0.0

    def __post_init__(self) -> None:
        self.began_at = self._said_at = self.now()
        self.expected = usual_durations(self.evidence_dir, self.playbook)

    def follow(self, so_far: Ended) -> None:
        """As `look`, for a run whose process is known once it has said something."""
        self.look(so_far.pid)

    def look(self, pid: int | None) -> None:
        """Tell what was written since the last look."""
        if self.run_dir is None and pid is not None:
            self.run_dir = _folder_of(self.evidence_dir, pid)
            if self.run_dir is not None:
                self._tell(f"evidence: {self.run_dir}")
        if self.run_dir is not None:
            for line in self._new_lines():
                self._note(line)
        if self.now() - self._said_at >= HEARTBEAT_S:
            self._tell(self._doing())

    def _new_lines(self) -> Iterator[Mapping[str, Any]]:
        assert self.run_dir is not None  # noqa: S101 (looked up by the caller)
        try:
            with (self.run_dir / JOURNAL_FILE).open("rb") as journal:
                journal.seek(self._offset)
                data = journal.read()
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for text in whole.splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # a line that its killed writer cut off
            if isinstance(line, dict):
                yield line

    def _note(self, line: Mapping[str, Any]) -> None:
        kind = line.get("kind")
        if kind == "phase_started":
            self.phase, self._phase_began = str(line.get("phase")), self.now()
            self._tell(f"{self.phase}{self._remaining()}")
        elif kind == "phase_finished":
            self._tell(f"{line.get('phase')} done after {spoken_duration(max(0.0, self.now() - self._phase_began))}")
        elif kind == "intent":
            self._open[int(line.get("n", 0))] = str(line.get("action"))
            self._tell(f"  {line.get('action')}{self._remaining()}")
        elif kind == "outcome":
            action = self._open.pop(int(line.get("intent") or 0), "step")
            took = spoken_duration(float(line.get("duration_s") or 0.0))
            self._tell(f"  {line.get('status')}: {action} ({took})")
        elif kind == "task":
            status = "" if line.get("status") == "started" else f"{line.get('status')}: "
            self._tell(f"  {status}{line.get('task')} ({line.get('host')})")
        elif kind in ("rescue", "note", "lock"):
            said = (
                line.get("text")
                or (line.get("error") or {}).get("message")
                or f"{line.get('action')} {line.get('where')}"
            )
            self._tell(f"  {kind}: {shortened(str(said))}")

    def _doing(self) -> str:
        since = spoken_duration(self.now() - (self._phase_began or self.began_at))
        steps = f", {len(self._open)} steps open" if self._open else ""
        return f"{self.phase or 'starting'} goes on since {since}{steps}{self._remaining()}"

    def _remaining(self) -> str:
        """How long it takes still, as the last good run of this playbook here took."""
        if self.phase not in self.expected:
            return ""
        names = list(self.expected)
        later = sum(self.expected[name] for name in names[names.index(self.phase) + 1 :])
        here = max(0.0, self.expected[self.phase] - (self.now() - self._phase_began))
        return f", about {spoken_duration(here + later)} left"

    def _tell(self, text: str) -> None:
        self._said_at = self.now()
        self.say(one_line(f"[{spoken_duration(self.now() - self.began_at)}] ").rstrip() + f" {text}")


def shortened(text: str) -> str:
    """What is told in full at the end needs no more than a line while it goes on."""
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def usual_durations(evidence_dir: Path, playbook: str) -> dict[str, float]:
    """Seconds of each phase of the newest run of this playbook that ended well; nothing where there is none."""
    try:
        runs = sorted((run for run in evidence_dir.iterdir() if f"Z-{playbook}-" in run.name), reverse=True)
    except OSError:
        return {}
    for run in runs[:_EARLIER]:
        if not (run / MANIFEST_FILE).exists():
            continue
        found = _durations(run / JOURNAL_FILE)
        if found:
            return found
    return {}


def _durations(journal: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    began: dict[str, float] = {}
    code: int | None = None
    changed = 0
    for text in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            at = parse_rfc3339(str(line["at"]))
        except (ValueError, KeyError, TypeError):
            continue
        if line["kind"] == "phase_started":
            began[line["phase"]] = at
        elif line["kind"] == "phase_finished" and line["phase"] in began:
            found[line["phase"]] = at - began[line["phase"]]
        elif line["kind"] == "run_sealed":
            code, changed = line.get("exit_code"), int(line.get("changed") or 0)
    return found if code == 0 and changed else {}


def _folder_of(evidence_dir: Path, pid: int) -> Path | None:
    """The unsealed folder that this process opened."""
    try:
        folders = sorted(
            (run for run in evidence_dir.iterdir() if run.is_dir()), key=lambda run: run.name, reverse=True
        )
    except OSError:
        return None
    for folder in folders[:_EARLIER]:
        try:
            with (folder / JOURNAL_FILE).open(encoding="utf-8") as journal:
                first = json.loads(journal.readline())
        except (OSError, ValueError):
            continue
        if first.get("pid") == pid:
            return folder
    return None
