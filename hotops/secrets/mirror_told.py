"""What a mirror says: its table, what it returns, and after a failure what was written and what was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hotops.core.operation import Done, Plan, Step
from hotops.core.table import aligned
from hotops.secrets.judgement import Judgement

_HEADER = ("destination", "name", "state", "machines", "now")

RETURNS: Mapping[str, Mapping[str, object]] = {
    "targets": {
        "description": "Every target of the map and every name beside them, with what is known of it; never a value.",
        "returned": "success",
        "type": "list",
        "elements": "dict",
        "contains": {
            "destination": {"description": "C(fly:APP) or C(github:ENVIRONMENT).", "type": "str"},
            "name": {"description": "The name there.", "type": "str"},
            "secret": {"description": "The map's secret, null for a name that the map does not have.", "type": "str"},
            "state": {
                "description": "V(equal), V(absent), V(changed) (in the vault since), V(touched) (elsewhere since),"
                " V(interrupted) (a write of ours was cut off), V(different), V(unknown) or V(extra).",
                "type": "str",
            },
            "says": {"description": "The same in words.", "type": "str"},
            "deployed": {"description": "Whether machines have it, before this run.", "type": "str"},
            "fingerprint": {"description": "Keyed fingerprint of the vault's value.", "type": "str"},
            "written": {"description": "Whether this run writes (or removes) it.", "type": "bool"},
        },
    },
    "written": {
        "description": "Targets that this run wrote, or would write.",
        "returned": "success",
        "type": "list",
        "elements": "str",
        "sample": ["fly:shop-production/DATABASE_URL"],
    },
    "unknown": {
        "description": "Targets left as they are although they may not have the vault's value.",
        "returned": "success",
        "type": "list",
        "elements": "str",
        "sample": [],
    },
    "extra": {
        "description": "Names that are there and not in the map.",
        "returned": "success",
        "type": "list",
        "elements": "str",
        "sample": ["fly:shop-production/OLD_FLAG"],
    },
    "staged": {
        "description": "Targets whose value no machine has yet, where O(deploy) is false.",
        "returned": "success",
        "type": "list",
        "elements": "str",
        "sample": [],
    },
    "skipped": {
        "description": "Optional secrets that the vault does not have, or not in a fit form.",
        "returned": "success",
        "type": "list",
        "elements": "str",
        "sample": [],
    },
    "warnings": {
        "description": "Release records that could not be written, optional secrets that are not fit.",
        "returned": "success",
        "type": "list",
        "elements": "str",
        "sample": [],
    },
}


def row_lines(
    judged: Judgement, plan: Plan, *, staged: Sequence[str], warnings: Sequence[str], written: bool
) -> list[str]:
    """The table of all that is not simply equal, then the counts; equal ones are counted, not listed."""
    rows = judged.rows()
    shown = [row for row in rows if row["written"] or row["state"] not in ("equal",)]
    did = "written" if written else "to be written"
    table = [
        [
            str(row["destination"]),
            str(row["name"]),
            str(row["says"]),
            str(row["deployed"] or "-"),
            ("removed" if row["state"] == "extra" else did) if row["written"] else "left as it is",
        ]
        for row in shown
    ]
    counts = Counter(str(row["state"]) for row in rows)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "the map names nothing here"
    lines = aligned(table, _HEADER) if table else []
    lines += [*([""] if table else []), f"{len(rows)} secrets: {told}."]
    if staged:
        lines.append(f"Staged, on no machine yet: {', '.join(staged)}. Deploy them: run it without deploy=false.")
    lines += [f"warning: {text}" for text in warnings]
    refreshed = sum(step.phase.startswith("3-") for step in plan.steps)
    if refreshed:
        verb = "were made anew" if written else "would be made anew"
        lines.append(f"{refreshed} machines {verb}, the first of each group alone.")
    return lines


def told_partial(plan: Plan, done: Done) -> str:
    """Which steps of a plan were carried out and which were not, in names of secrets and machines."""
    finished = [_told(step) for step in plan.steps if step.name in done and step.phase != "4-complete"]
    left = [_told(step) for step in plan.steps if step.name not in done and step.phase != "4-complete"]
    return (
        f"Done: {'; '.join(filter(None, finished)) or 'nothing'}. "
        f"Not done, or not known to be: {'; '.join(filter(None, left)) or 'nothing'}."
    )


def _told(step: Step) -> str:
    if step.phase.startswith("1-") and not step.name.endswith("/proven"):
        return f"{step.target}: {', '.join(step.after)}" if "/remove/" not in step.name else f"{step.target} removed"
    return f"{step.name} ({step.target}) has them" if step.phase.startswith("3-") else ""
