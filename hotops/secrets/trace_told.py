"""What a trace says: what leaked, who uses it, and the commands that end it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hotops.core.table import aligned
from hotops.secrets.credential_forms import Form
from hotops.secrets.issuers import Checklist
from hotops.secrets.leak import Match
from hotops.secrets.secret_map import SecretMap

RETURNS: Mapping[str, Mapping[str, object]] = {
    "what": {
        "description": "What it is, by its form.", "returned": "success", "type": "str",
        "sample": "a connection string of PostgreSQL",
    },
    "form": {
        "description": "The same as a stable word; none where the form is unknown.", "returned": "success",
        "type": "str", "sample": "postgres_dsn",
    },
    "may": {
        "description": "What it may do.", "returned": "success", "type": "str", "sample": "what its role may",
    },
    "expires_at": {
        "description": "When it ends by itself, where it says so.", "returned": "success", "type": "str",
        "sample": "2027-01-01T00:00:00Z",
    },
    "login": {
        "description": "With O(authenticate): C(kind), C(state) (V(valid), V(refused), V(forbidden), V(not_found),"
        " V(unreachable), V(unknown)), C(says), C(may).",
        "returned": "success", "type": "dict", "sample": {"kind": "postgres", "state": "refused"},
    },
    "vault": {
        "description": "Where the vault has it.",
        "returned": "success",
        "type": "list",
        "elements": "dict",
        "contains": {
            "place": {"description": "File and key.", "type": "str"},
            "line": {"description": "The line.", "type": "int"},
            "environment": {"description": "Whose it is; none for everybody's.", "type": "str"},
            "how": {"description": "The value itself, its password, or inside of the text.", "type": "str"},
        },
    },
    "secrets": {
        "description": "Its names in the secret map.", "returned": "success", "type": "list", "elements": "str",
        "sample": ["DATABASE_URL"],
    },
    "uses": {
        "description": "Who uses it.",
        "returned": "success",
        "type": "list",
        "elements": "dict",
        "contains": {
            "place": {"description": "C(fly:APP/NAME) or C(github:ENVIRONMENT/NAME).", "type": "str"},
            "secret": {"description": "Its name in the map.", "type": "str"},
            "known_by": {
                "description": "V(digest) (Fly shows it now), V(ledger) (it was written there), V(map) (it should be).",
                "type": "str",
            },
        },
    },
    "notes": {
        "description": "What could not be looked into.", "returned": "success", "type": "list", "elements": "str",
        "sample": [],
    },
    "steps": {
        "description": "What to do next, in order.", "returned": "success", "type": "list", "elements": "str",
        "sample": ["hotops secrets rotate production --secret DATABASE_URL --leaked"],
    },
    "failed_findings": {
        "description": "Where it is in use or in the vault, and that it is valid.", "returned": "success",
        "type": "list", "elements": "dict", "sample": [],
    },
}  # fmt: skip

_HOW_KNOWN = {
    "digest": "Fly shows its digest there now",
    "ledger": "it was written there",
    "map": "the map sends it there",
}


@dataclass(frozen=True)
class Use:
    """A name at a place that holds what leaked, and how that is known."""

    place: str
    secret: str
    known_by: str

    def as_row(self) -> dict[str, Any]:
        """Plain data."""
        return {"place": self.place, "secret": self.secret, "known_by": self.known_by}


def next_steps(
    environment: str, secrets: Sequence[str], known: SecretMap | None, form: Form | None, found: Sequence[Match]
) -> tuple[str, ...]:
    """What ends the leak, in order: commands that can be copied, and what only a person can do."""
    return (
        *_ending(environment, secrets, known, form, found),
        f"hotops secrets scan {environment}    # where else is it?",
        f"hotops secrets audit {environment} --check    # does everything have the new one?",
    )


def _ending(
    environment: str, secrets: Sequence[str], known: SecretMap | None, form: Form | None, found: Sequence[Match]
) -> Iterator[str]:
    end = form.end if form else "wherever it was made: end it there"
    for name in secrets:
        provider = known.secrets[name].provider if known is not None else None
        if provider is not None:
            if isinstance(provider, Checklist):
                yield f"revoke it first: {end}"
            yield f"hotops secrets rotate {environment} --secret {name} --leaked"
        else:
            yield f"revoke it: {end}"
            yield f"put a new one into the vault, as {name}; then: hotops secrets mirror {environment}"
    if not secrets:
        yield f"revoke it: {end}"
        if found:
            yield f"it is in the vault and in no map of {environment}: put a new one there, {found[0].item}"


def lines_of(result: Mapping[str, Any]) -> list[str]:
    """A trace for eyes at night: what it is, whether it is valid, who uses it, what to type."""
    login = result["login"]
    lines = [f"It is {result['what']}.", f"It may: {result['may']}."]
    if result["expires_at"]:
        lines.append(f"It ends by itself at {result['expires_at']}.")
    lines.append(
        f"Valid? {login['state']}: {login['says']}."
        if login
        else "Valid? Not asked: --authenticate uses it once, for reading."
    )
    lines.append("")
    if result["vault"]:
        table = [[row["place"], row["environment"] or "everybody's", row["how"]] for row in result["vault"]]
        lines += aligned(table, ("in the vault", "of", "how"))
    else:
        lines.append("The vault has nothing like it.")
    if result["uses"]:
        lines += [
            "",
            *aligned([[use["place"], _HOW_KNOWN[use["known_by"]]] for use in result["uses"]], ("used by", "")),
        ]
    lines += [f"note: {note}" for note in result["notes"]]
    lines += ["", "Now:", *(f"  {number}. {step}" for number, step in enumerate(result["steps"], start=1))]
    return lines
