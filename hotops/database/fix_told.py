"""What a fix tells: the module's documentation and returns, and lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotops.core.documented import Documented
from hotops.database.told import JUDGED, judged_lines, proof_lines
from hotops.dsn.judging import Judgement
from hotops.dsn.proof import Proof
from hotops.dsn.split import OTHER_NAMES
from hotops.inventory.database import DatabaseUse

_ANSWER = {"returned": "success", "type": "int", "sample": 200}

DOCS = Documented(
    short="Put the connection string that an app needs into the vault, Fly and its machines",
    description=(
        "Judges the vault's connection string by the use that the app declares (C(database) in the inventory).",
        "Where it is wrong, computes the right one, proves that it connects, keeps the former one as C(.old),",
        "writes vault and secrets, makes the machines anew some at a time, and waits for a good answer of the app.",
        "Tells a wrong string from a check that asks a path without a route: both show as 503.",
        "With O(undo=true) the former string is put back; a way back that died goes on when it is run again.",
    ),
    returns={
        **JUDGED,
        "app": {"description": "The app.", "returned": "success", "type": "str", "sample": "shop-chatwoot"},
        "wanted": {
            "description": "User, host, port and database of the string that is there afterwards.",
            "returned": "success",
            "type": "str",
            "sample": "postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres?sslmode=require",
        },
        "runs": {
            "description": "Whether what ran before was the vault's: V(the vault's), V(another), or V(unknown).",
            "returned": "success",
            "type": "str",
            "sample": "unknown",
        },
        "names": {
            "description": "Secrets of the app that hold it.",
            "returned": "success",
            "type": "list",
            "elements": "str",
            "sample": ["POSTGRES_HOST"],
        },
        "written": {
            "description": "Those that were (or would be) written.",
            "returned": "success",
            "type": "list",
            "elements": "str",
            "sample": ["POSTGRES_HOST"],
        },
        "inside": {
            "description": "The same from a machine of the app, where C(exec_checks) allows a command there.",
            "returned": "success",
            "type": "list",
            "elements": "dict",
            "sample": [],
        },
        "proof": {
            "description": "The steps of connecting with the right one.",
            "returned": "success",
            "type": "list",
            "elements": "dict",
            "sample": [],
        },
        "status_before": {
            "description": "The app's answer before; none where there was none.",
            **_ANSWER,
            "sample": 503,
        },
        "status": {"description": "The app's answer afterwards.", **_ANSWER},
        "path": {"description": "The path that was asked.", "returned": "success", "type": "str", "sample": "/api"},
        "check_without_route": {
            "description": "Path of a check that the app has no route for; empty if there is none.",
            "returned": "success",
            "type": "str",
            "sample": "",
        },
        "undo": {
            "description": "What puts the former string back.",
            "returned": "success",
            "type": "str",
            "sample": "-l shop-chatwoot -e undo=true",
        },
        "warnings": {
            "description": "Release records that could not be written.",
            "returned": "success",
            "type": "list",
            "elements": "str",
            "sample": [],
        },
    },
    examples="""
- name: Chatwoot has the connection string that it needs, and answers
  hotops.core.dsn_fix:
    app: shop-chatwoot
  run_once: true

- name: The former one is put back
  hotops.core.dsn_fix:
    app: shop-chatwoot
    undo: true
  run_once: true
""",
    notes=("In check mode no command is run inside a machine, so whether the vault's value runs may be unknown.",),
    see_also=("supabase_dsn", "secrets_mirror"),
)


def fix_lines(
    judged: Judgement, proofs: tuple[Proof | None, Proof | None], result: Mapping[str, Any], use: DatabaseUse
) -> list[str]:
    """What was found, what runs, and what came of it."""
    lines = judged_lines(f"{result['app']}, the vault's connection string", judged)
    lines += proof_lines("the right one from here:", proofs[0])
    lines += proof_lines("from a machine of the app:", proofs[1])
    lines.append(f"  what runs is {result['runs']}" + (" (Fly shows no value)" if result["runs"] == "unknown" else ""))
    written = ", ".join(result["written"]) or "nothing: all of it is there"
    lines.append(f"  secrets to write: {written}")
    misread = [f"{use.parts}{name}" for name, right in OTHER_NAMES.items() if use.parts and right == "USERNAME"]
    if misread and result["written"]:
        lines.append(f"  ({misread[0]} is not read by the app: it is {use.parts}USERNAME)")
    lines.append(
        f"  {result['path']} answered {result['status_before'] or 'nothing'}, now {result['status'] or 'nothing'}"
    )
    return lines
