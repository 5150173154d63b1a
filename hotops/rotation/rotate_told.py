"""What a rotation tells: the module's documentation and returns, and lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hotops.core.documented import Documented
from hotops.core.operation import Plan

_TEXT = {"returned": "success", "type": "str"}

DOCS = Documented(
    short="Rotate a credential without a moment in which none is valid",
    description=(
        "A successor is kept in the vault as C(.new), activated beside the present credential, and proven.",
        "Vault, Fly and GitHub get it as the secret map says, machines are made anew, and it is proven again.",
        "Only then the old one is revoked. Interrupted anywhere, old or new is valid, and a re-run goes on.",
        "Rotates what is due by C(rotate_days) of the map, or what O(force) or O(leaked) asks for; else nothing.",
        "Makes successors of C(postgres) (two login roles, in turn), C(generated), C(supabase_key) and C(fly_token).",
        "C(checklist) tells a person what to do and verifies it. Each is a kind of C(provider) in the map.",
        "C(postgres_password) can't overlap: it needs O(accept_outage) and is never scheduled.",
        "Where the old one stays valid for long (C(overlap_s)), the run ends meanwhile; a later one ends the old one.",
    ),
    returns={
        "secret": {"description": "The secret.", **_TEXT, "sample": "DATABASE_URL"},
        "rotated": {"description": "Whether it was rotated.", "returned": "success", "type": "bool", "sample": True},
        "due": {
            "description": "Whether it was due; none where nobody knows since when it is there.",
            "returned": "success",
            "type": "bool",
            "sample": True,
        },
        "age_days": {
            "description": "How long the present one was in use, as far as the ledger knows.",
            "returned": "success",
            "type": "float",
            "sample": 90.2,
        },
        "from_credential": {"description": "What was valid before, by its name.", **_TEXT, "sample": "shop_app_a"},
        "to_credential": {"description": "What is valid now.", **_TEXT, "sample": "shop_app_b"},
        "revoked": {"description": "What was revoked.", **_TEXT, "sample": "shop_app_a"},
        "undone": {
            "description": "Whether the old one is everywhere again (O(undo)).",
            "returned": "success",
            "type": "bool",
            "sample": False,
        },
        "old_valid_until": {
            "description": "Until when the old one stays valid beside the new one, where a later run ends it.",
            **_TEXT,
            "sample": "2026-01-31T10:00:00Z",
        },
        "left": {
            "description": "A credential that was before the first rotation and is a person's to take away.",
            **_TEXT,
            "sample": "",
        },
    },
    examples="""
- name: What is due is rotated
  hotops.core.secrets_rotate:
    secret: DATABASE_URL
  run_once: true

- name: It leaked
  hotops.core.secrets_rotate:
    secret: DATABASE_URL
    leaked: true
  run_once: true

- name: Back to the old one, while it is still valid
  hotops.core.secrets_rotate:
    secret: DATABASE_URL
    undo: true
  run_once: true
""",
    see_also=("secrets_due", "secrets_mirror", "dsn_fix"),
)


def rotation_lines(result: Mapping[str, Any], plan: Plan) -> list[str]:
    """What became of it."""
    if plan.is_empty:
        return [f"{result['secret']}: {plan.why_empty}"]
    if result["undone"]:
        return [f"{result['secret']}: {result['from_credential']} is everywhere again, proven; the new one is revoked"]
    if not result["rotated"]:
        return plan.render().splitlines()
    to = result["to_credential"] or "the new one"
    lines = [f"{result['secret']}: {result['from_credential']} → {to}, proven, everywhere"]
    if result["revoked"]:
        lines.append(f"  {result['revoked']} is revoked")
    if result["left"]:
        lines.append(f"  {result['left']} is left as it was: take it away yourself once nobody uses it")
    if result["old_valid_until"]:
        lines.append(f"  the old one stays valid until {result['old_valid_until']}: run it again then, which ends it")
    return lines


def what_is_valid(steps: Sequence[str], *, overlaps: bool, under_way: bool, undo: bool) -> str:
    """Which credentials are valid after a rotation came to a stop, by the steps that were done."""
    if undo:
        return "Old and new are both valid" if overlaps else "The one that the vault has is valid"
    if not overlaps and ("activate" in steps or under_way):
        return "The new one alone is valid"
    if "revoke_leaked" in steps:
        return (
            "The new one alone is valid"
            if "activate" in steps
            else "The old one is revoked, the new one does not count yet"
        )
    if "activate" in steps or under_way:
        return "Old and new are both valid"
    return "The old one is valid"
