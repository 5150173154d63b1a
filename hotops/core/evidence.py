"""The evidence folder of one run: written line by line while the run goes, sealed at its end.

`evidence.jsonl` is the run's only journal; every process of the run appends to it (see `chain`). `summary.md` tells the
same in plain words, `report.html` shows it, and `manifest.json` signs the digests of all files. A folder without a
manifest is one of a run that goes on or died; `verification` tells the three states apart, `story` says where a dead
run stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self, TypeVar

from hotops.core.chain import (
    EvidenceUnwritable,
    LockedChain,
    Record,
    locked,
    records,
    split_lines,
)
from hotops.core.clock import Clock, SystemClock, basic_stamp, rfc3339
from hotops.core.errors import HotopsError, UsageError
from hotops.core.journal import KINDS, NOT_KEPT
from hotops.core.plain import plain_data
from hotops.core.secret import Secret
from hotops.core.state import process_started, write_atomically

#: Names the folder of the run to every process of it.
RUN_DIR_VARIABLE = "HOTOPS_RUN_DIR"
#: Set where a run keeps evidence of tasks of other collections, too: of any playbook that `hotops run` starts.
ALL_TASKS_VARIABLE = "HOTOPS_RECORD_TASKS"
JOURNAL_FILE = "evidence.jsonl"
SUMMARY_FILE = "summary.md"
REPORT_FILE = "report.html"
MANIFEST_FILE = "manifest.json"
#: The manifest before the last line is written: with it a crash while sealing can be told from a removed manifest.
STAGED_MANIFEST_FILE = ".manifest.json.new"

#: Lines that tell what was looked at: another look brings them again, so they wait for the next line that matters.
_MAY_BE_LATE = frozenset({"gate", "observation", "note", "phase_started", "phase_finished"})
_FRAME_FIELDS = frozenset({"n", "at", "run", "prev"})
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
_Result = TypeVar("_Result")


class EvidenceSealed(HotopsError):
    """The run is over and its evidence signed: nothing can be added."""

    code = "evidence_sealed"


class EvidenceFolder:
    """A `Journal` that keeps its lines in a run's folder. Holds no open file: safe in threads and forked workers.

    `tolerant` is for the rollback, which goes on with a full disk: what can't be written is counted, told once in
    `problems`, and noted in the journal as soon as that can be written again.
    `secrets` are values that are masked wherever they appear; more can be added with `redact`.
    """

    def __init__(
        self, run_dir: Path, *, clock: Clock | None = None, secrets: Iterable[Secret] = (), tolerant: bool = False
    ) -> None:
        self.run_dir = run_dir
        self.tolerant = tolerant
        self.problems: list[str] = []
        self._clock = clock or SystemClock()
        self._secrets: list[Secret] = list(secrets)
        self._lost: list[str] = []  # kinds of the events that could not be written

    @classmethod
    def open_run(
        cls,
        evidence_dir: Path,
        *,
        playbook: str,
        environment: str,
        env_kind: Literal["live", "sandbox"],
        reason: str,
        who: str,
        versions: Mapping[str, str],
        command: str = "",
        holder_pid: int | None = None,
        clock: Clock | None = None,
        secrets: Iterable[Secret] = (),
        tolerant: bool = False,
    ) -> Self:
        """Make `<evidence_dir>/<UTC stamp>-<playbook>-<environment>/` (`-2` and so on if it exists) and its first line.

        `holder_pid` is the process whose death means that the run is dead (ansible-playbook itself where a forked
        worker opens the run); this one if omitted.
        Raises EvidenceUnwritable, SigningKeyUnusable.
        """
        clock, holder = clock or SystemClock(), holder_pid or os.getpid()
        name = f"{basic_stamp(clock.now())}-{_file_word(playbook)}-{_file_word(environment)}"
        folder = cls(evidence_dir.absolute() / name, clock=clock, secrets=secrets, tolerant=tolerant)
        folder.run_dir = folder._guarded(lambda: _make_folder(evidence_dir.absolute(), name)) or folder.run_dir
        folder.event(
            "run_opened",
            playbook=playbook,
            environment=environment,
            env_kind=env_kind,
            reason=reason,
            who=who,
            command=command,
            versions=versions,
            # Named here, so that a manifest that someone else puts in its place is found out.
            key=folder._guarded(_signing_key_id),
            host=socket.gethostname(),
            pid=holder,
            pid_started=process_started(holder),
        )
        return folder

    @classmethod
    def attach(
        cls, run_dir: Path, *, clock: Clock | None = None, secrets: Iterable[Secret] = (), tolerant: bool = False
    ) -> Self:
        """The folder of a run that another process opened. Raises UsageError if it is none (tolerant: never)."""
        if not tolerant and not (run_dir / JOURNAL_FILE).is_file():
            raise UsageError(
                f"{run_dir} is not the folder of a run: it has no {JOURNAL_FILE}.",
                remedy=f"Unset {RUN_DIR_VARIABLE}, or let it name the folder that the run made.",
            )
        return cls(run_dir.absolute(), clock=clock, secrets=secrets, tolerant=tolerant)

    @classmethod
    def current(
        cls, *, clock: Clock | None = None, secrets: Iterable[Secret] = (), tolerant: bool = False
    ) -> Self | None:
        """The folder that HOTOPS_RUN_DIR names, None if it is not set. Raises UsageError as `attach` does."""
        named = os.environ.get(RUN_DIR_VARIABLE)
        return cls.attach(Path(named), clock=clock, secrets=secrets, tolerant=tolerant) if named else None

    @property
    def run_id(self) -> str:
        """The folder's name, which every line carries."""
        return self.run_dir.name

    @property
    def is_sealed(self) -> bool:
        """Whether the manifest is there."""
        return (self.run_dir / MANIFEST_FILE).exists()

    def redact(self, secrets: Iterable[Secret]) -> None:
        """Mask these values, too, in whatever this object writes from now on."""
        self._secrets.extend(secrets)

    def head(self) -> str:
        """The hash of the last line now: what a witness elsewhere keeps. Raises EvidenceUnwritable."""
        with self._unwritable_said():
            return self._read_head()

    # --- Journal ----------------------------------------------------------------------------------------------------

    def event(self, kind: str, **fields: object) -> None:
        """Append one line. Raises EvidenceUnwritable, EvidenceSealed; ValueError for an unknown kind or field."""
        self._append(kind, fields)

    def intent(self, operation: str, step: str, target: str, *, before: object, after: object, action: str) -> int:
        """Append what is about to be done, on the disk when this returns; gives the line's number (see `Journal`)."""
        return self._append(
            "intent",
            {
                "operation": operation,
                "step": step,
                "target": target,
                "before": before,
                "after": after,
                "action": action,
            },
        )

    def outcome(
        self,
        intent: int,
        status: str,
        *,
        fact: Mapping[str, object] | None = None,
        duration_s: float,
        request_ids: Sequence[str] = (),
        error: Mapping[str, object] | None = None,
    ) -> None:
        """Append what became of the intent in line `intent`."""
        self._append(
            "outcome",
            {
                "intent": intent,
                "status": status,
                "fact": fact or {},
                "duration_s": round(duration_s, 3),
                "request_ids": list(request_ids),
                "error": error,
            },
        )

    # --- seal -------------------------------------------------------------------------------------------------------

    def seal(
        self, outcome: str, exit_code: int, *, next_step: str = "", contact: str = "", changed: int | None = None
    ) -> str | None:
        """Write the last line, the summary and the signed manifest; gives the hash of the last line, for a witness.

        `outcome` is one word (`promoted`, `rolled_back`, `no_go`, `nothing_to_do` …), `exit_code` that of the run,
        `next_step` a sentence or command, `contact` whom to call, `changed` how many things were changed.
        None if a tolerant folder could not be sealed. Raises EvidenceUnwritable, EvidenceSealed, SigningKeyUnusable.
        """
        ending = self._record(
            "run_sealed",
            {
                "outcome": outcome,
                "exit_code": int(exit_code),
                "next": next_step,
                "contact": contact,
                "changed": changed,
            },
        )
        return self._guarded(lambda: self._seal(ending))

    def _seal(self, ending: Callable[[], Record]) -> str:
        # libsodium, the summary and the report are loaded by the one process that seals.
        from hotops.core.manifest import digest_of_files, manifest_of
        from hotops.core.report import page
        from hotops.core.summary import render

        staged = self.run_dir / STAGED_MANIFEST_FILE
        with self._open_chain() as chain:
            data, tail = chain.prepare([*self._loss_records(), ending()], about_cut_off=self._about_cut_off)
            content = chain.content() + data
            lines = records(split_lines(content))
            write_atomically(self.run_dir / SUMMARY_FILE, render(lines), mode=0o644)
            write_atomically(self.run_dir / REPORT_FILE, page.render(lines), mode=0o644)
            digests = digest_of_files(self.run_dir, leave_out={JOURNAL_FILE, MANIFEST_FILE, STAGED_MANIFEST_FILE})
            digests[JOURNAL_FILE] = hashlib.sha256(content).hexdigest()
            write_atomically(staged, manifest_of(digests, lines, head=tail.head, count=tail.lines), mode=0o644)
            chain.write(data, tail)
            staged.replace(self.run_dir / MANIFEST_FILE)
            self._lost.clear()
            return tail.head

    # --- writing ----------------------------------------------------------------------------------------------------

    def _append(self, kind: str, fields: Mapping[str, object]) -> int:
        record = self._record(kind, fields)
        number = self._guarded(lambda: self._write(record, sync=kind not in _MAY_BE_LATE))
        if number is None:
            self._lost.append(kind)
            return NOT_KEPT
        return number

    def _write(self, record: Callable[[], Record], *, sync: bool) -> int:
        with self._open_chain() as chain:
            data, tail = chain.prepare([*self._loss_records(), record()], about_cut_off=self._about_cut_off)
            chain.write(data, tail, sync=sync)
            self._lost.clear()
            return tail.lines

    def _read_head(self) -> str:
        with locked(self.run_dir / JOURNAL_FILE) as chain:
            return chain.tail.head

    def _record(self, kind: str, fields: Mapping[str, object]) -> Callable[[], Record]:
        """Made ready before the lock is taken; stamped under it, so that times and numbers agree."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a kind of event; known are {', '.join(sorted(KINDS))}")
        if taken := _FRAME_FIELDS & fields.keys():
            raise ValueError(f"the journal itself writes the field {', '.join(sorted(taken))}")
        kept = plain_data(fields, self._secrets)
        return lambda: {"at": rfc3339(self._clock.now(), millis=True), "run": self.run_id, "kind": kind, **kept}

    def _loss_records(self) -> list[Record]:
        if not self._lost:
            return []
        text = f"{len(self._lost)} lines could not be written here before: {', '.join(self._lost[:20])}."
        return [self._record("note", {"text": text, "lost": len(self._lost)})()]

    def _about_cut_off(self, number: int) -> Record:
        text = f"Line {number} was cut off while it was written: its writer was killed. It stands as it was found."
        return self._record("note", {"text": text, "cut_off": number})()

    @contextlib.contextmanager
    def _open_chain(self) -> Iterator[LockedChain]:
        with locked(self.run_dir / JOURNAL_FILE) as chain:
            if self.is_sealed:
                raise EvidenceSealed(
                    f"The evidence of run {self.run_id} is sealed; nothing can be added.",
                    remedy=f"Start a new run; unset {RUN_DIR_VARIABLE} if it still names this one.",
                )
            yield chain

    def _guarded(self, work: Callable[[], _Result]) -> _Result | None:
        """What `work` gives. In a tolerant folder an error of evidence becomes one problem, and None is given."""
        try:
            with self._unwritable_said():
                return work()
        except HotopsError as error:
            if not self.tolerant:
                raise
            if not self.problems:
                self.problems.append(f"Evidence of this run is incomplete: {error}")
            return None

    @contextlib.contextmanager
    def _unwritable_said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EvidenceUnwritable(
                f"The evidence in {self.run_dir} can't be written: {error.strerror or error}.",
                remedy="Make room or give access; without evidence nothing is changed, save by a rollback.",
            ) from error


def _signing_key_id() -> str:
    from hotops.core.signing import own_key_id

    return own_key_id()


def _file_word(text: str) -> str:
    return _NOT_IN_FILE_NAMES.sub("-", text).strip("-.") or "run"


def _make_folder(evidence_dir: Path, name: str) -> Path:
    evidence_dir.mkdir(parents=True, exist_ok=True)
    attempt = 1
    while True:
        folder = evidence_dir / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            folder.mkdir()
        except FileExistsError:
            attempt += 1
            continue
        os.close(os.open(folder / JOURNAL_FILE, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        return folder
