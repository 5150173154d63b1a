"""What of an audit is not well, each with what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hotops.health.finding import Finding, Severity, worst_first
from hotops.secrets.audit_rows import Audited, PlaceRow, SecretRow

#: States of a target that are not well: the finding's kind, its severity, what to do.
_OF_PLACES: Mapping[str, tuple[str, Severity, str]] = {
    "absent": ("absent", "bad", "hotops secrets mirror {env}"),
    "changed": ("stale", "bad", "hotops secrets mirror {env}"),
    "interrupted": ("interrupted", "bad", "hotops secrets mirror {env}"),
    "touched": (
        "touched",
        "bad",
        "Find out who wrote it; hotops secrets mirror {env} --adopt write lets the vault win",
    ),
    "different": ("different", "bad", "hotops secrets mirror {env} --adopt write lets the vault win"),
    "unknown": (
        "unknown",
        "unknown",
        "hotops secrets mirror {env} asks the machines, or overwrites with --adopt write",
    ),
}
_OF_CLOSED: Mapping[str, str] = {
    "unauthorized": "The token is missing, mistyped or expired: hotops doctor {env}",
    "forbidden": "The token may not read there: hotops doctor {env}",
    "not_found": "There is no such place for this token: correct its name in the secret map, or make it",
    "unreachable": "Run it again",
}
_OF_LOGINS: Mapping[str, tuple[Severity, str]] = {
    "refused": ("bad", "Put a valid one into the vault; was it revoked, or has it expired?"),
    "forbidden": ("bad", "It is known and may not do this: give it the least that its user needs"),
    "not_found": ("bad", "What it is for is gone, or its address is wrong"),
    "unreachable": ("unknown", "Nothing is known about it: run it again"),
}


def findings_of(audited: Audited, environment: str) -> list[Finding]:
    """All findings, bad ones first."""
    found = [finding for row in audited.rows for finding in _of_row(row)]
    found += [
        Finding("unreadable", _app(place), place, f"{closed.says}.", "bad", _OF_CLOSED[closed.trouble])
        for place, closed in audited.seen.closed.items()
    ]
    found += [
        Finding("unreadable_file", "", "vault", text, "bad", "Correct the file") for text in audited.unreadable_files
    ]
    found += [
        Finding(
            "undocumented", _app(place.target.destination), str(place.target), "is there and not in the secret map.",
            "warn", "Map it, or name it under `unmanaged`; -e remove=… takes it away",
        )
        for place in audited.undocumented
    ]  # fmt: skip
    found += [
        Finding("unused", "", place, "is in the vault and goes nowhere.", "warn", "Map it, or take it out of the vault")
        for place in audited.unused
    ]
    return worst_first(
        Finding(each.kind, each.app, each.subject, each.says, each.severity, each.remedy.format(env=environment))
        for each in found
    )


def _of_row(row: SecretRow) -> Iterator[Finding]:
    if row.vault != "present":
        severity: Severity = "bad" if row.required or row.vault not in ("missing",) else "warn"
        kind = row.vault.replace(" ", "_")
        yield Finding(
            kind, "", row.name, row.says.rstrip(".") + ".", severity,
            "hotops vault templates {env} makes room for it" if kind == "missing" else "Correct it in the vault",
        )  # fmt: skip
    for place in row.places:
        yield from _of_place(place, fed=row.vault == "present", required=row.required)
    yield from _of_age(row)
    proven = [str(shared) for shared in row.shared if shared.proven]
    hinted = [str(shared) for shared in row.shared if not shared.proven]
    if not row.shared_ok and (proven or hinted):
        yield Finding(
            "shared", "", row.name, f"has the same value as {', '.join(proven or hinted)}.",
            "bad" if proven else "warn",
            "Give each environment its own; where that is meant, say shared_ok: true in the secret map",
        )  # fmt: skip
    if row.login is not None and row.login.state in _OF_LOGINS:
        severity, remedy = _OF_LOGINS[row.login.state]
        yield Finding(f"login_{row.login.state}", "", row.name, f"{row.login.says}.", severity, remedy)


def _of_place(place: PlaceRow, *, fed: bool, required: bool) -> Iterator[Finding]:
    subject, app = str(place.target), _app(place.target.destination)
    if place.state in _OF_PLACES and (fed or place.state == "unknown" or required):
        kind, severity, remedy = _OF_PLACES[place.state]
        if not fed and place.state == "absent":
            remedy = "Fill the vault first"
        yield Finding(kind, app, subject, f"{place.says}.", severity, remedy)
    if place.machines in ("staged", "partial"):
        says = "no machine runs with it" if place.machines == "staged" else "some machines run without it"
        yield Finding(
            place.machines, app, subject, f"{says}: a restart does not help, machines are made anew.", "bad",
            "hotops secrets mirror {env}",
        )  # fmt: skip


def _of_age(row: SecretRow) -> Iterator[Finding]:
    left, remedy = row.age.due_in_days or 0.0, f"hotops secrets rotate {{env}} --secret {row.name}"
    match row.age.state:
        case "overdue":
            says = f"was due for rotation on {row.due_on}, {-left:.0f} days ago."
            yield Finding("due", "", row.name, says, "bad", remedy)
        case "soon" | "ahead":
            week = " (this week)" if row.age.state == "soon" else ""
            says = f"is due for rotation on {row.due_on}, in {left:.0f} days{week}."
            yield Finding("due_soon", "", row.name, says, "warn", remedy)
        case "unknown":
            says = "has to be rotated, and it is not known since when it is there."
            yield Finding("age_unknown", "", row.name, says, "warn", "A mirror notes it from its first write on")


def _app(destination: str) -> str:
    return destination.removeprefix("fly:") if destination.startswith("fly:") else ""
