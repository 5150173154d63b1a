"""What came of a drill: the figures, and how they are told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotops.backup.restore import shortened
from hotops.core.clock import measured_duration
from hotops.core.table import aligned
from hotops.drill.heartbeat import Beat
from hotops.drill.record import Moment
from hotops.proofs.register import Entry


@dataclass(frozen=True)
class Result:
    """A drill's entry in the register, with what a report shows beside it."""

    entry: Entry
    moments: Mapping[Moment, float]
    facts: Mapping[str, Any]
    beats: tuple[Beat, ...]
    title: str
    description: str
    data_at_stake: bool = False

    @property
    def lost(self) -> str:
        """What was lost, in words: not measured is not nothing."""
        if self.entry.loss_s is not None:
            return seconds(self.entry.loss_s)
        return "unknown" if self.data_at_stake else "no data at stake"

    @property
    def passed(self) -> bool:
        return self.entry.passed

    @property
    def why(self) -> str:
        return self.entry.why

    @property
    def says(self) -> str:
        """One line: what came back, how fast, losing what."""
        entry = self.entry
        outcome = "passed" if entry.passed else f"failed: {entry.why}"
        back = "not back" if entry.recovery_s is None else f"back after {seconds(entry.recovery_s)}"
        lost = "" if entry.loss_s is None else f", {seconds(entry.loss_s)} lost"
        kind = "SANDBOX, no proof for live clouds; " if entry.env_kind == "sandbox" else ""
        return f"{kind}{entry.scenario} on {entry.environment} {outcome}; {back}{lost}"

    @property
    def notes(self) -> list[str]:
        """What else was found, a line each: how long a leaked credential was valid, what is quiet, what is gone."""
        facts, told = self.facts, []
        if facts.get("exposed_s") is not None:
            told.append(f"the leaked credential was valid for {seconds(facts['exposed_s'])}")
        if facts.get("rebuilt_ref"):
            told.append(
                f"rebuilt as {facts['rebuilt_ref']}; re-pointed: {', '.join(facts.get('repointed', [])) or 'nothing'}"
            )
        if facts.get("keys_left"):
            told.append(f"not made anew: {', '.join(facts['keys_left'])}")
        if facts.get("quiet") is not None:
            told.append(f"at work by itself in what was restored: {_counted(facts['quiet'])}")
        if facts.get("held"):
            told.append(f"held back in it: {', '.join(facts['held'])}")
        if facts.get("removed_at"):
            told.append(f"{facts['restored_database']} was removed, and is proven gone, at {facts['removed_at']}")
        if facts.get("expired_removed"):
            told.append(f"left by drills of before, removed now: {', '.join(facts['expired_removed'])}")
        told += [f"not brought back: {shortened(line)}" for line in facts.get("problems", [])]
        told += [f"not compared: {line}" for line in facts.get("unproven", [])]
        return told

    def as_row(self) -> dict[str, Any]:
        """The result as plain data."""
        entry = self.entry
        return {
            "scenario": entry.scenario,
            "passed": entry.passed,
            "why": entry.why,
            "env_kind": entry.env_kind,
            "recovery_s": entry.recovery_s,
            "loss_s": _plain(entry.loss_s),
            "rto_s": entry.rto_s,
            "rpo_s": entry.rpo_s,
            "phases": entry.phases,
            "unproven": list(self.facts.get("unproven", [])),
            "counts_as_proof": entry.passed and entry.env_kind == "live",
        }

    def lines(self) -> list[str]:
        """The result as an operator reads it."""
        entry = self.entry
        rows = [
            ["back to service (RTO)", _or_unknown(entry.recovery_s), seconds(entry.rto_s)],
            [
                "data lost (RPO)",
                self.lost,
                seconds(entry.rpo_s),
            ],
        ]
        phases = " → ".join(f"{name} {seconds(took)}" for name, took in entry.phases.items())
        return [*aligned(rows, ("drill", "measured", "allowed")), f"phases: {phases or 'none'}", *self.notes, self.says]


def seconds(value: float) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, and `everything` for what has no end."""
    return "everything" if math.isinf(value) else measured_duration(value)


def _counted(quiet: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in quiet.items()) or "nothing that could be"


def _or_unknown(value: float | None) -> str:
    return "unknown" if value is None else seconds(value)


def _plain(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value
