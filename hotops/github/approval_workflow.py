"""The workflow that hotops ships for approvals: its file, its text, and the title of its runs."""

from __future__ import annotations

from pathlib import Path

FILE = "hotops-approve.yml"
PLACE = f".github/workflows/{FILE}"


def text() -> str:
    """The file, to be put on the default branch."""
    return Path(__file__).with_name(FILE).read_text(encoding="utf-8")


def title(plan_id: str, environment: str) -> str:
    """The title of a run (`run-name`): GitHub tells no inputs afterwards, so the plan stands here."""
    return f"hotops approve {plan_id} for {environment}"
