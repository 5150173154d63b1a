"""The environment's lock, as a promotion takes, inherits and gives it back."""

from __future__ import annotations

from hotops.core import lock as locks
from hotops.core.context import Context
from hotops.core.lock import FileLock, LockStore, Taken
from hotops.inventory.schema import Environment


def lock_of(environment: Environment) -> LockStore:
    """The lock of an environment: of its organisation, name and world."""
    return FileLock(f"{environment.env_kind}-{environment.fly_org}-{environment.name}")


def hold(context: Context, environment: Environment) -> Taken:
    """Take the lock for this run and say so in the evidence, also whose dead hand it was in. Raises LockHeld."""
    store = lock_of(environment)
    taken = locks.take(store, run=context.run, reason=context.reason, pid=context.holder_pid, clock=context.clock)
    if taken.inherited is not None:
        context.journal.event("lock", action="broken", holder=str(taken.inherited), where=store.scope)
    if taken.is_new:
        context.journal.event("lock", action="taken", holder=str(taken.holder), where=store.scope)
    return taken


def let_go(context: Context, environment: Environment) -> None:
    """Give this run's lock back, if it has it."""
    store = lock_of(environment)
    held = store.read()
    if held is not None and held.run == context.run:
        locks.release(store, context.run)
        context.journal.event("lock", action="released", holder=str(held), where=store.scope)
