"""Whether an environment is frozen by hand, where that is kept, and the refusal of what a freeze stops."""

from __future__ import annotations

from dataclasses import dataclass

from hotops.core.clock import rfc3339
from hotops.core.context import Context
from hotops.core.errors import Forbidden, NoGo, NotFound, Unauthorized
from hotops.core.lock import FileLock, Holder, LockStore
from hotops.inventory.schema import Environment

NO_RIGHT = (Unauthorized, Forbidden, NotFound)
#: The year 2100: until somebody thaws it.
NO_END = 4102444800.0


@dataclass(frozen=True)
class Frozen:
    """Where a freeze is kept: in the repository for all, with a copy here of what was written there; else here."""

    shared: LockStore | None
    #: For a token that may not read the repository. Once all see that it is over, this says nothing any more.
    copy: FileLock
    local: FileLock

    @classmethod
    def of(cls, context: Context, environment: Environment) -> Frozen:
        name = f"{environment.env_kind}-{environment.fly_org}-{environment.name}"
        copy, local = FileLock(f"freeze-of-all-{name}"), FileLock(f"freeze-{name}")
        if environment.github_repo is None or not context.world.has_credential("github"):
            return cls(None, copy, local)
        from hotops.github.client import GitHub
        from hotops.github.lock import GitLock

        github = context.client(GitHub)
        shared = GitLock(github, environment.github_repo, environment.name, kind="freeze", clock=context.clock)
        return cls(shared, copy, local)

    @property
    def scope(self) -> str:
        """Who sees a freeze where the token may do all."""
        return self.local.scope if self.shared is None else self.shared.scope

    def read(self, repo: str) -> tuple[Holder | None, str]:
        """The freeze and where that is known, also one that is over. Raises what GitHub answers, but for a right."""
        if self.shared is None:
            return self.local.read(), self.local.scope
        try:
            return self.shared.read() or self.local.read(), self.shared.scope
        except NO_RIGHT as error:
            scope = f"{self.local.scope}: GitHub answers {error.status} for {repo}"
            return self.copy.read() or self.local.read(), scope

    def write(self, holder: Holder | None, *, for_all: bool) -> str:
        """Freeze for this holder, thaw for None; where that is seen now. The place that all see comes first.

        Raises what GitHub answers; of a missing right only where it has to be `for_all`, or is frozen there.
        """
        if self.shared is not None:
            try:
                _set(self.shared, holder)
            except NO_RIGHT:
                if for_all or (holder is None and self.copy.read() is not None):
                    raise
            else:
                _set(self.copy, holder)
                _set(self.local, None)
                return self.shared.scope
        _set(self.local, holder)
        return self.local.scope


def frozen_by(context: Context, environment: Environment) -> tuple[Holder | None, str]:
    """Who froze the environment and until when, None where nobody did or it is over; and where that is known.

    A token that may not read the repository leaves this computer's note. Raises what GitHub answers else.
    """
    found, scope = Frozen.of(context, environment).read(str(environment.github_repo))
    if found is not None and found.expires_at <= context.clock.now():
        return None, scope
    return found, scope


def _set(store: LockStore, holder: Holder | None) -> None:
    if holder is not None:
        store.put(holder)
        return
    held = store.read()
    if held is not None:
        store.remove(held, own=True)


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
