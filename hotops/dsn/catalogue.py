"""The data files: faults by code, the decision table, and error texts with their causes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Level = Literal["wrong", "care"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a connection string: a stable code, how bad it is, and both in words."""

    code: str
    level: Level
    says: str
    do: str


@cache
def table(name: str) -> Mapping[str, Any]:
    """A data file of this package, read once."""
    return tomllib.loads((files("hotops.dsn") / f"{name}.toml").read_text(encoding="utf-8"))


def codes() -> list[str]:
    """Every fault that has a name."""
    return list(table("faults")["faults"])


def finding(code: str, **facts: object) -> Finding:
    """A fault in words, with what is known of it filled in."""
    entry = table("faults")["faults"][code]
    known = _Facts(facts)
    return Finding(code, entry["level"], entry["says"].format_map(known), entry["do"].format_map(known))


class _Facts(dict[str, object]):
    """What is filled into a text; what is not known stays a word that says so."""

    def __missing__(self, key: str) -> str:
        return {"pooler_host": "the pooler's host", "ref": "<ref>", "role": "postgres"}.get(key, f"<{key}>")
