"""A finding: one thing that is not well, said so that somebody can act on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

#: bad: broken, or soon to be; unknown: it could not be looked at, which is not well either; warn: worth knowing.
Severity = Literal["bad", "unknown", "warn"]
_ORDER: dict[str, int] = {"bad": 0, "unknown": 1, "warn": 2}


@dataclass(frozen=True)
class Finding:
    """`kind` is stable and made for machines (`oom`, `failing_check`); `subject` names the app, machine or host.

    `says` is one plain sentence, `remedy` what to do next.
    """

    kind: str
    app: str
    subject: str
    says: str
    severity: Severity = "bad"
    remedy: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether a run that found it ends with the exit code for findings (8)."""
        return self.severity != "warn"

    def as_row(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "app": self.app,
            "subject": self.subject,
            "says": self.says,
            "remedy": self.remedy,
        }

    def as_line(self) -> str:
        """The finding as an operator reads it."""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.severity}: {self.subject}: {self.says}{remedy}"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Bad ones first, else in the order in which they were found."""
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])
