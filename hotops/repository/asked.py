"""What the modules of this package have in common: the client, and the repository that is meant."""

from __future__ import annotations

from hotops.core.context import Context
from hotops.core.errors import UsageError
from hotops.github.client import GitHub
from hotops.inventory.schema import Environment


def repo_of(context: Context, named: str | None) -> str:
    """The repository that an option names, else the inventory's. Raises UsageError where neither does."""
    environment = context.environment
    found = named or (environment.github_repo if isinstance(environment, Environment) else None)
    if not found:
        raise UsageError("No repository is named.", remedy="Set github_repo in the inventory, or the option repo.")
    return str(found)


def github_of(context: Context) -> GitHub:
    """The run's client."""
    return context.client(GitHub)
