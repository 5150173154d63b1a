"""What one comparison of a new release with the old one says: good, bad, or too thin to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["good", "bad", "too_thin"]
#: "Good" is said when what would be clearly bad is excluded at this level.
BETA = 0.05
WORDS: dict[Kind, str] = {"good": "good", "bad": "bad", "too_thin": "too thin to tell"}


@dataclass(frozen=True)
class Opinion:
    """`says` is for an operator. `needed` is how many more (of `unit`) would decide if all goes on as it does.

    It is None for what is decided, and where more of the same would never decide.
    """

    kind: Kind
    says: str
    needed: int | None = None
    unit: str = ""

    @property
    def words(self) -> str:
        """One sentence without its full stop."""
        if self.kind != "too_thin":
            return self.says
        more = f"some {self.needed:,} {self.unit} more would decide" if self.needed else "more of it would not decide"
        return f"too thin to tell: {self.says}; {more}"

    def as_row(self) -> dict[str, Any]:
        """The opinion as plain data."""
        return {"verdict": self.kind, "says": self.words, "needed": self.needed}
