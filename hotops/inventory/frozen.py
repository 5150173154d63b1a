"""Whether an environment is frozen by hand, where that is kept, and the refusal of what a freeze stops."""

from __future__ import annotations

from hotops.core.clock import rfc3339
from hotops.core.context import Context
from hotops.core.errors import Forbidden, NoGo, NotFound, Unauthorized
from hotops.core.lock import FileLock, Holder, LockStore
from hotops.inventory.schema import Environment

#: The year 2100: until somebody thaws it.
NO_END = 4102444800.0


def stores_of(context: Context, environment: Environment) -> list[LockStore]:
    """Where a freeze is kept, what most people see first: the repository, as the lock is, and this computer."""
    local = FileLock(f"freeze-{environment.env_kind}-{environment.fly_org}-{environment.name}")
    if environment.github_repo is None or not context.world.has_credential("github"):
        return [local]
    from hotops.github.client import GitHub
    from hotops.github.lock import GitLock

    return [
        GitLock(context.client(GitHub), environment.github_repo, environment.name, kind="freeze", clock=context.clock),
        local,
    ]


def frozen_by(context: Context, environment: Environment) -> tuple[Holder | None, str]:
    """Who froze the environment and until when, None where nobody did or it is over; and where that is known.

    A token that may not read the repository leaves this computer's note. Raises what GitHub answers else.
    """
    *shared, local = stores_of(context, environment)
    found, scope = local.read(), local.scope
    for store in shared:
        try:
            found, scope = store.read() or found, store.scope
        except (Unauthorized, Forbidden, NotFound) as error:
            scope = f"this computer only: GitHub answers {error.status} for {environment.github_repo}"
    if found is not None and found.expires_at <= context.clock.now():
        return None, scope
    return found, scope


def told(holder: Holder) -> str:
    """A freeze in words."""
    until = "somebody thaws it" if holder.expires_at >= NO_END else rfc3339(holder.expires_at)
    return f"frozen by {holder.user}@{holder.host} until {until}: {holder.reason}"


def refuse_if_frozen(context: Context, environment: Environment, what: str) -> None:
    """For what a freeze stops beside promotions. Raises NoGo; and what GitHub answers, as `frozen_by` does."""
    holder, scope = frozen_by(context, environment)
    if holder is not None:
        raise NoGo(
            f"{environment.name} is {told(holder)}. {what} was not begun.",
            remedy=f"Wait for its end, or hotops thaw {environment.name} --reason '…'.",
            details={"freeze": holder.reason, "scope": scope},
            code="frozen",
        )
