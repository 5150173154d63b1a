"""What came of using a credential once, for reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

#: valid: it is taken; refused: nobody knows it (401); forbidden: known, and may not do this (403); not_found: what it
#: is for is not there (404); unreachable: no answer; unknown: it was not asked, or the answer tells nothing.
LoginState = Literal["valid", "refused", "forbidden", "not_found", "unreachable", "unknown"]


@dataclass(frozen=True)
class Login:
    """How a credential was answered. `kind` is what was asked, `may` what it is good for as far as the answer tells."""

    kind: str
    state: LoginState
    says: str
    may: str = ""

    @property
    def was_asked(self) -> bool:
        """Whether anybody was asked at all."""
        return self.kind != "-"

    def as_row(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "state": self.state, "says": self.says, "may": self.may}
