"""`hotops generate workflows`: the inventories' environments as workflows of GitHub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hotops.commands.telling import tell
from hotops.core.context import Context
from hotops.core.operation import Spec
from hotops.core.world import World
from hotops.generate.workflows import GenerateWorkflows
from hotops.invocation import invoke


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
