"""One line of a check-up: what was looked at, how it is, and what to type where it is not well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hotops.health.finding import Finding

State = Literal["ok", "warn", "unknown", "bad"]


@dataclass(frozen=True)
class Checked:
    """`area` is a stable word (`fly_token`, `clock`), `says` one sentence, `remedy` lines that can be copied."""

    area: str
    state: State
    says: str
    remedy: tuple[str, ...] = ()

    @property
    def finding(self) -> Finding | None:
        """It as a finding, None where all is well."""
        if self.state == "ok":
            return None
        return Finding(self.area, "", self.area, self.says, self.state, " ; ".join(self.remedy))

    def as_row(self) -> dict[str, Any]:
        """The line as plain data."""
        return {"area": self.area, "state": self.state, "says": self.says, "remedy": list(self.remedy)}


def ok(area: str, says: str) -> Checked:
    return Checked(area, "ok", says)


def warn(area: str, says: str, *remedy: str) -> Checked:
    return Checked(area, "warn", says, remedy)


def bad(area: str, says: str, *remedy: str) -> Checked:
    return Checked(area, "bad", says, remedy)


def unknown(area: str, says: str, *remedy: str) -> Checked:
    return Checked(area, "unknown", says, remedy)
