"""What a rotation tells: the module's documentation and returns, and lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
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
        "Issues login roles of PostgreSQL: two, in turn, of one owner role (C(provider) in the map).",
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
""",
    see_also=("secrets_mirror", "dsn_fix"),
)


def rotation_lines(result: Mapping[str, Any], plan: Plan) -> list[str]:
    """What became of it."""
    if plan.is_empty:
        return [f"{result['secret']}: {plan.why_empty}"]
    if not result["rotated"]:
        return plan.render().splitlines()
    lines = [f"{result['secret']}: {result['from_credential']} → {result['to_credential']}, proven, everywhere"]
    if result["revoked"]:
        lines.append(f"  {result['revoked']} is revoked")
    if result["left"]:
        lines.append(f"  {result['left']} is left as it was: take it away yourself once nobody uses it")
    return lines
