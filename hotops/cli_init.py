"""`hotops init`: from an empty folder to an inventory, by reading what runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hotops.adopt.init import Init
from hotops.commands.telling import tell
from hotops.core.context import Context
from hotops.core.operation import Spec
from hotops.core.world import World
from hotops.invocation import invoke


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
    code = tell(answer, as_json=as_json)
    if code:
        raise typer.Exit(code)
