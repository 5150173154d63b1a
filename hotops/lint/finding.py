"""A finding of the linter, and the tables of rules that it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Severity = Literal["error", "warn"]


@dataclass(frozen=True, order=True)
class Finding:
    """What a file says wrong, where, and what to write instead."""

    file: str
    line: int
    rule: str
    severity: Severity
    says: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity} {self.rule}: {self.says} {self.remedy}"


@cache
def table(name: str) -> Mapping[str, Any]:
    """A table of the linter's data."""
    data: dict[str, Any] = json.loads((files("hotops.lint") / f"{name}.json").read_text(encoding="utf-8"))
    return data


def finding(rules: str, rule: str, file: str, line: int, **words: object) -> Finding:
    """A finding of a rule, its words filled in."""
    severity, says, remedy = table(rules)[rule]
    return Finding(file, line, rule, severity, says.format(**words), remedy.format(**words))
