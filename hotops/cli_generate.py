"""`hotops generate workflows`: the inventories' environments as workflows of GitHub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hotops.commands.telling import tell
from hotops.core.context import Context
from hotops.core.operation import Spec
from hotops.core.world import World
from hotops.generate.workflows import GenerateWorkflows
from hotops.invocation import invoke


def returns() -> dict[str, Any]:
    """What it prints with --json, in the form of Ansible's RETURN."""
    about: dict[str, tuple[str, str]] = {
        "files": ("dict", "Each workflow's file, with how what is there stands to it."),
        "written": ("list", "Files that were written."),
        "differs": ("list", "Files that somebody changed, and that are left as they are."),
        "left_out": ("list", "What is left out, and why."),
        "next": ("str", "What to do next."),
        "plan": ("str", "What was or would be written, a line for each file."),
        "plan_id": ("str", "SHA-256 of it."),
    }
    return {key: {"description": text, "returned": "success", "type": kind} for key, (kind, text) in about.items()}


def command(
    *,
    envs: Annotated[
        list[str] | None, typer.Option("--env", metavar="ENV", help="Only this environment; may be repeated.")
    ] = None,
    branch: Annotated[str, typer.Option("--branch", help="The branch whose pushes are deployed first.")] = "main",
    package: Annotated[
        str, typer.Option("--package", help="What pip installs on the runner; this version of hotops if omitted.")
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="Show what would be written, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Write GitHub workflows for this project's environments into .github/workflows.

    No cloud is called. A workflow that somebody changed is never overwritten: what differs is shown.
    """
    options = {"envs": envs or [], "branch": branch, "package": package, "folder": str(Path.cwd())}

    def context(_want: Spec) -> Context:
        return Context(World.of("live"), reason="generate workflows", check=check)

    answer = invoke(GenerateWorkflows, options, context, check=check)
    code = tell(answer, as_json=as_json)
    if code:
        raise typer.Exit(code)
