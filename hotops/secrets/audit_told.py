"""What an audit says: its one table, its counts and findings, what it returns, and its rows for a Markdown file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hotops.core.table import aligned
from hotops.health.finding import Finding
from hotops.secrets.audit_rows import Audited, PlaceRow, SecretRow

_HEADER = ("secret", "vault", "place", "state", "machines", "rotate", "login")

#: So many subjects of findings that say the same are named in a line.
_NAMED = 3
_FINDING: Mapping[str, object] = {
    "kind": {"description": "Stable word, such as V(stale) or V(placeholder).", "type": "str"},
    "severity": {
        "description": "V(bad), V(unknown) (nobody knows, which is not well either) or V(warn).",
        "type": "str",
    },
    "app": {"description": "App it is about, empty for others.", "type": "str"},
    "subject": {"description": "Secret, place or file it is about.", "type": "str"},
    "says": {"description": "What it is, in one sentence; never a value.", "type": "str"},
    "remedy": {"description": "What to do.", "type": "str"},
}
RETURNS: Mapping[str, Mapping[str, object]] = {
    "secrets": {
        "description": "Every secret of the map with each of its places.",
        "returned": "success",
        "type": "list",
        "elements": "dict",
        "contains": {
            "secret": {"description": "Its name in the map.", "type": "str"},
            "vault": {
                "description": "V(present), V(missing), V(empty), V(placeholder), V(malformed), V(unreadable) or"
                " V(claimed twice).",
                "type": "str",
            },
            "stands_at": {"description": "File and key in the vault.", "type": "str"},
            "required": {"description": "Whether a vault without it is refused.", "type": "bool"},
            "places": {
                "description": "Each target: C(destination), C(name), C(state) (V(equal), V(absent), V(changed),"
                " V(touched), V(interrupted), V(unknown), V(unreadable), V(not asked)), C(says) and C(machines)"
                " (V(deployed), V(staged), V(partial), V(unknown)).",
                "type": "list",
                "elements": "dict",
            },
            "rotation": {
                "description": "C(state) (V(overdue), V(soon), V(ahead), V(fine), V(unknown), V(never)), C(on),"
                " C(due_in_days), C(age_days).",
                "type": "dict",
            },
            "shared_with": {
                "description": "Where other environments have the same value.", "type": "list", "elements": "str",
            },
            "shared_ok": {"description": "Whether the map allows that.", "type": "bool"},
            "used_by": {"description": "Who uses it, as the map says.", "type": "list", "elements": "str"},
            "login": {
                "description": "With O(authenticate): C(kind), C(state) (V(valid), V(refused), V(forbidden),"
                " V(not_found), V(unreachable), V(unknown)), C(says), C(may).",
                "type": "dict",
            },
        },
    },
    "unused": {
        "description": "What the vault has and the map does not name.",
        "returned": "success",
        "type": "list",
        "elements": "str",
        "sample": ["shopify/old_key_prod.env#SHOPIFY_OLD_KEY"],
    },
    "undocumented": {
        "description": "What is at a place and not in the map.",
        "returned": "success",
        "type": "list",
        "elements": "str",
        "sample": ["fly:shop-production/OLD_FLAG"],
    },
    "findings": {
        "description": "What is not well, bad ones first.",
        "returned": "success",
        "type": "list",
        "elements": "dict",
        "contains": _FINDING,
    },
    "failed_findings": {
        "description": "Those that are bad, or that nobody knows about.",
        "returned": "success",
        "type": "list",
        "elements": "dict",
        "contains": _FINDING,
    },
    "counts": {
        "description": "How many targets are in each state.",
        "returned": "success",
        "type": "dict",
        "sample": {"equal": 12, "absent": 1},
    },
    "calls": {
        "description": "How many requests were made, by host.",
        "returned": "success",
        "type": "dict",
        "sample": {"api.machines.dev": 6},
    },
    "env_matrix": {
        "description": "The file that is kept current, and whether it was or is written: V(current), V(written),"
        " V(not current), V(left) (not every place was read), V(not declared).",
        "returned": "success",
        "type": "dict",
        "sample": {"path": "docs/env_matrix.md", "state": "current"},
    },
}  # fmt: skip


def lines_of(audited: Audited, findings: Sequence[Finding], calls: Mapping[str, int], matrix: str) -> list[str]:
    """The table, the counts and the findings."""
    table = [cells for row in audited.rows for cells in _cells(row)]
    table += [["-", "-", str(place.target), "undocumented", place.machines or "-"] for place in audited.undocumented]
    table += [["-", "unused", item, "-", "-"] for item in audited.unused]
    counts = ", ".join(f"{count} {state}" for state, count in sorted(counts_of(audited).items()))
    lines = [*aligned(table, _HEADER), "", f"{len(audited.rows)} secrets: {counts or 'mapped to no place'}."]
    asked = sum(row.login is not None and row.login.was_asked for row in audited.rows)
    told = ", ".join(f"{count} {host}" for host, count in sorted(calls.items()))
    lines.append(f"Asked: {told or 'nobody'}{f'; {asked} credentials used once' if asked else ''}.")
    lines += [
        f"{row.name}: {row.login.kind}, {row.login.state}: {row.login.may or row.login.says}."
        for row in audited.rows
        if row.login is not None and row.login.state in ("valid", "unknown")
    ]
    lines += _grouped(findings)
    if matrix:
        lines.append(matrix)
    return lines


def _grouped(findings: Sequence[Finding]) -> list[str]:
    """A line for all findings that say the same, some of their subjects named: the table has the rest."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.says, finding.remedy), []).append(finding.subject)
    lines = []
    for (severity, says, remedy), subjects in groups.items():
        more = f" and {len(subjects) - _NAMED} more" if len(subjects) > _NAMED else ""
        lines.append(f"{severity}: {', '.join(subjects[:_NAMED])}{more}: {says} {remedy}".rstrip())
    return lines


def counts_of(audited: Audited) -> Counter[str]:
    """How many targets are in each state."""
    return Counter(place.state for row in audited.rows for place in row.places)


def matrix_rows(audited: Audited) -> list[tuple[str, ...]]:
    """The rows of env_matrix.md. Nothing of them moves by itself from one day to the next but what is due."""
    rows: list[tuple[str, ...]] = []
    for row in audited.rows:
        due = {"overdue": "due", "never": "-", "unknown": "unknown"}.get(row.age.state, f"by {row.due_on}")
        base = (f"{row.vault}{f': {row.stands_at}' if row.stands_at else ''}",)
        for place in row.places or (None,):
            where = (str(place.target), place.state, place.machines or "-") if place else ("-", "-", "-")
            rows.append((row.name, *base, *where, due, ", ".join(row.used_by) or "-"))
    rows += [
        ("-", "-", str(place.target), "undocumented", place.machines or "-", "-", "-") for place in audited.undocumented
    ]
    rows += [("-", f"unused: {item}", "-", "-", "-", "-", "-") for item in audited.unused]
    return rows


def _due(row: SecretRow) -> str:
    told = {"overdue": f"due since {row.due_on}", "never": "-", "unknown": "unknown since when"}
    return told.get(row.age.state, f"by {row.due_on}")


def _cells(row: SecretRow) -> Iterable[list[str]]:
    places: Sequence[PlaceRow | None] = row.places or (None,)
    for index, place in enumerate(places):
        first = index == 0
        yield [
            row.name if first else "",
            row.vault if first else "",
            str(place.target) if place else "nowhere",
            place.state if place else "-",
            (place.machines or "-") if place else "-",
            _due(row) if first else "",
            (row.login.state if row.login else "-") if first else "",
        ]
