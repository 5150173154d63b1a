"""`hotops init`: from an empty folder to an inventory, by reading what runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hotops.adopt.init import Init
from hotops.commands.spoken import spoken_failure
from hotops.commands.telling import tell
from hotops.core.context import Context
from hotops.core.operation import Spec
from hotops.core.world import World
from hotops.invocation import invoke


def _list(description: str, of: str = "str") -> dict[str, Any]:
    return {"description": description, "returned": "success", "type": "list", "elements": of}


def returns() -> dict[str, Any]:
    """What it prints with --json, in the form of Ansible's RETURN."""
    plan = "What was or would be written, a line for each file."
    return {
        "pairs": {"description": "Apps with where each is promoted from.", "returned": "success", "type": "dict"},
        "production": _list("Apps of the inventory."),
        "staging": _list("Apps that others are promoted from."),
        "contradictions": _list("What contradicts itself in what runs.", "dict"),
        "unknown": _list("What could not be known, and what would tell it."),
        "softened": _list("Gates that fail today, with reason and until.", "dict"),
        "hard": _list("Gates that fail today and can't be softened.", "dict"),
        "written": _list("Files that were written."),
        "differs": _list("Files that are there and say something else."),
        "next": {"description": "What to do next.", "returned": "success", "type": "str"},
        "plan": {"description": plan, "returned": "success", "type": "str"},
        "plan_id": {"description": "SHA-256 of it.", "returned": "success", "type": "str"},
    }


def command(
    *,
    fly_org: Annotated[str, typer.Option("--fly-org", metavar="ORG", help="The organisation's slug.")],
    repo: Annotated[str | None, typer.Option("--repo", metavar="OWNER/NAME", help="The GitHub repository.")] = None,
    apps: Annotated[
        list[str] | None, typer.Option("--app", metavar="APP", help="Only this app; may be repeated.")
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Read the sandbox instead of the real clouds.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Show what would be written, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Read what an organisation runs and write the inventory that promotes it, into this folder.

    The clouds are only read. A file that is there is never overwritten: what differs is shown.
    """
    options = {"fly_org": fly_org, "repo": repo, "apps": apps or None, "folder": str(Path.cwd())}
    kind = "sandbox" if sandbox else "live"

    def context(_want: Spec) -> Context:
        return Context(World.of("sandbox" if sandbox else "live"), reason="init", check=check)

    answer = invoke(Init, {**options, "env_kind": kind}, context, check=check)
    if failure := answer.result.get("failure"):
        answer.result["failure"] = spoken_failure(failure, "init", "")
    code = tell(answer, as_json=as_json)
    if code:
        raise typer.Exit(code)
