"""The environment's lock, as a promotion takes, inherits and gives it back."""

from __future__ import annotations

from hotops.core import lock as locks
from hotops.core.clock import rfc3339
from hotops.core.context import Context
from hotops.core.errors import ApiError, Forbidden, HotopsError, NotFound, Unauthorized, WireError
from hotops.core.lock import FileLock, Holder, LockStore, Taken
from hotops.inventory.schema import Environment

#: What GitHub answers where the token lacks the right; everything else is an outage.
NO_RIGHT = (Unauthorized, Forbidden, NotFound)


class LockUnknown(HotopsError):
    """GitHub does not answer, so it is not known whether a colleague or CI holds the environment."""

    code = "lock_unknown"


def lock_of(context: Context, environment: Environment) -> LockStore:
    """The lock of an environment: in its GitHub repository where there is one and a token, else a file here."""
    local = local_lock(environment)
    if environment.github_repo is None:
        return local
    if not context.world.has_credential("github"):
        local.scope = "this computer only: there is no GITHUB_TOKEN"
        return local
    from hotops.github.client import GitHub
    from hotops.github.lock import GitLock, SharedLock

    return SharedLock(
        GitLock(
            context.client(GitHub),
            environment.github_repo,
            environment.name,
            clock=context.clock,
            pid=context.holder_pid,
        ),
        local,
    )


def local_lock(environment: Environment) -> FileLock:
    """This computer's own note: of the organisation, name and world."""
    return FileLock(f"{environment.env_kind}-{environment.fly_org}-{environment.name}")


def held_by(context: Context, environment: Environment) -> tuple[Holder | None, str]:
    """Who holds the environment, and where that is known. Raises LockUnknown where GitHub is down.

    A token without the right `contents` makes the lock one of this computer only, and the second says so.
    """
    store = lock_of(context, environment)
    try:
        return store.read(), store.scope
    except NO_RIGHT as error:
        local = _without_right(environment, error)
        return local.read(), local.scope
    except (ApiError, WireError) as error:
        raise _unknown(environment, error) from error


def shown_holder(context: Context, environment: Environment) -> tuple[Holder | None, str]:
    """The same for eyes: while GitHub is down, what is known here, and the second says so."""
    try:
        return held_by(context, environment)
    except LockUnknown:
        return local_lock(environment).read(), "this computer only: GitHub does not answer"


def hold(context: Context, environment: Environment) -> Taken:
    """Take the lock for this run and say so in the evidence, also whose dead hand it was in.

    Raises LockHeld, and LockUnknown where GitHub is down.
    """
    store = lock_of(context, environment)
    try:
        taken = _take(context, store)
    except NO_RIGHT as error:
        store = _without_right(environment, error)
        taken = _take(context, store)
    except (ApiError, WireError) as error:
        raise _unknown(environment, error) from error
    if taken.inherited is not None:
        context.journal.event("lock", action="broken", holder=str(taken.inherited), where=store.scope)
    if taken.is_new:
        context.journal.event("lock", action="taken", holder=str(taken.holder), where=store.scope)
    return taken


def keep(context: Context, environment: Environment) -> None:
    """The same for a run that has had the lock since its first change: GitHub being down is a note, no obstacle.

    It must neither keep a bad release nor undo a good one. Raises LockHeld.
    """
    try:
        hold(context, environment)
    except LockUnknown as error:
        context.journal.event("note", text=f"The lock is not looked at again. {error.message}")


def let_go(context: Context, environment: Environment) -> None:
    """Give this run's lock back, if it has it. What GitHub refuses then is a note: the work is done."""
    mine = local_lock(environment)
    held = mine.read()
    if held is None or held.run != context.run:
        return
    store = lock_of(context, environment)
    try:
        locks.release(store, context.run)
    except NO_RIGHT as error:
        store = _without_right(environment, error)
    except (ApiError, WireError) as error:
        until = rfc3339(held.expires_at)
        where = f"The lock in {environment.github_repo} stays until {until} or until it is broken"
        context.journal.event("note", text=f"{where}: {error.message}")
        mine.remove(held)
        return
    mine.remove(held)
    context.journal.event("lock", action="released", holder=str(held), where=store.scope)


def _take(context: Context, store: LockStore) -> Taken:
    return locks.take(store, run=context.run, reason=context.reason, pid=context.holder_pid, clock=context.clock)


def _without_right(environment: Environment, error: ApiError) -> FileLock:
    local = local_lock(environment)
    why = f"GitHub answers {error.status} for {environment.github_repo} (needs contents=write)"
    local.scope = f"this computer only: {why}"
    return local


def _unknown(environment: Environment, error: HotopsError) -> LockUnknown:
    return LockUnknown(
        f"Whether somebody holds {environment.name} is not known: {error.message}",
        remedy="Run again when GitHub answers; a rollback needs no lock. In need, take github_repo out of the "
        "inventory for this run: the lock is then this computer's only.",
        request_id=error.request_id,
        details={"cause": error.as_failure()},
    )
