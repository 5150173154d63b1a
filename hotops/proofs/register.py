"""The register of drills: what was proven, when, with which figures; and what is due."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hotops.core.chain import EvidenceUnwritable
from hotops.core.clock import parse_rfc3339
from hotops.core.errors import HotopsError

DAY_S = 86400.0


class RegisterDamaged(HotopsError):
    """A line of the register is no entry; nothing was changed."""

    code = "register_damaged"


class Entry(BaseModel):
    """One drill. Times in seconds; None where it was not measured."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_: Literal[1] = Field(1, alias="schema")
    at: str = Field(description="When it began (RFC 3339).")
    scenario: str
    environment: str
    env_kind: Literal["live", "sandbox"]
    run: str
    passed: bool
    recovery_s: float | None = None
    loss_s: float | None = None
    rto_s: float
    rpo_s: float
    phases: dict[str, float] = Field(default_factory=dict)
    why: str = ""
    approved_by: str = Field("", description="Who approved the plan before; empty where nobody had to.")

    @property
    def began_at(self) -> float:
        """Unix seconds."""
        return parse_rfc3339(self.at)


class Register:
    """A file with a line for each drill, oldest first. Lines are only ever added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[Entry]:
        """All drills. Raises RegisterDamaged, which names the line."""
        return list(self._read())

    def add(self, entry: Entry) -> None:
        """Write one more line, whole or not at all, also while others write. Raises EvidenceUnwritable."""
        line = entry.model_dump_json(by_alias=True) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                there = self.path.read_bytes()
                begins_line = not there or there.endswith(b"\n")
                _append(file, (line if begins_line else f"\n{line}").encode(), after=len(there))
        except OSError as error:
            raise EvidenceUnwritable(
                f"The register of drills {self.path} can't be written: {error.strerror}; this drill is not in it.",
                remedy="Make room or give access; the drill's own evidence tells what it proved.",
            ) from error

    def _read(self) -> Iterator[Entry]:
        if not self.path.exists():
            return
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            try:
                yield Entry.model_validate(json.loads(line))
            except (ValueError, ValidationError) as error:
                raise RegisterDamaged(
                    f"{self.path}, line {number} is no entry of the register.",
                    remedy="Take the line back from version control, or remove it.",
                ) from error


def _append(file: BinaryIO, line: bytes, *, after: int) -> None:
    """Half a line on a full disk would be damage that nobody could read past: it is taken back."""
    try:
        written = 0
        while written < len(line):
            written += file.write(line[written:])
        os.fsync(file.fileno())
    except OSError:
        file.truncate(after)
        raise


def newest_proof(entries: Sequence[Entry], scenario: str, environment: str, env_kind: str) -> Entry | None:
    """The newest drill that passed, of this scenario and environment. A sandbox's proves nothing about live clouds."""
    proofs = [
        entry
        for entry in entries
        if entry.passed and (entry.scenario, entry.environment, entry.env_kind) == (scenario, environment, env_kind)
    ]
    return max(proofs, key=lambda entry: entry.began_at, default=None)


def as_row(scenario: str, proof: Entry | None, *, now: float, every_days: int) -> dict[str, Any]:
    """A scenario's standing: when it was proven last, how old that is, and whether it is due."""
    age_days = None if proof is None else (now - proof.began_at) / DAY_S
    return {
        "scenario": scenario,
        "proven_at": None if proof is None else proof.at,
        "age_days": None if age_days is None else round(age_days, 1),
        "due": age_days is None or age_days >= every_days,
        "due_in_days": 0.0 if age_days is None else round(max(0.0, every_days - age_days), 1),
        "recovery_s": None if proof is None else proof.recovery_s,
        "loss_s": None if proof is None else proof.loss_s,
    }
