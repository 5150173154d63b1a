"""A lock that everybody sees: a git reference, whose annotated tag says who holds it, for which run, and why."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from hotops.core.clock import Clock, SystemClock
from hotops.core.lock import FileLock, Holder
from hotops.github.client import GitHub
from hotops.github.models import Ref, Tag

PREFIX = "refs/hotops"
#: Longer than any taking over takes (some calls): after that whoever was at it elsewhere is taken for dead.
_TAKES_OVER_S = 60.0
#: How many may have died while they took the same lock over, before somebody is told to look.
_LONGEST_CHAIN = 8


class GitLock:
    """One reference for each environment. Making a reference is atomic: of those who try at once, one has it.

    It starts no workflow and is on no page of GitHub, since it lies outside of branches and tags.
    """

    def __init__(
        self,
        github: GitHub,
        repo: str,
        name: str,
        *,
        kind: str = "lock",
        clock: Clock | None = None,
        pid: int | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._pid = pid or os.getpid()
        self.scope = f"GitHub, {repo}"
        self._github, self._repo = github, repo
        self._name = f"{PREFIX}/{kind}/{name}"
        self._taking_over = f"{PREFIX}/un{kind}/{name}"

    def create(self, holder: Holder) -> bool:
        """Take the free lock; False if somebody has it."""
        git, repo = self._github.git, self._repo
        if git.ref(repo, self._name) is not None:
            return False
        return git.create_ref(repo, self._name, self._written(holder))

    def read(self) -> Holder | None:
        """Who holds it, None where nobody does."""
        found = self._github.git.ref(self._repo, self._name)
        return None if found is None else self._holder(found)

    def put(self, holder: Holder) -> None:
        """Let it be this holder's, whoever had it: at no moment it is nobody's."""
        sha = self._written(holder)
        if not self._github.git.create_ref(self._repo, self._name, sha):
            self._github.git.move_ref(self._repo, self._name, sha)

    def remove(self, holder: Holder, *, own: bool = False) -> None:
        """Remove this holder's lock; another's stays. A holder that lives gives its own back, and nobody else takes it.

        Of several who find a dead holder's lock only one removes it: else the slower ones would remove the lock that
        the fastest took meanwhile.
        """
        git, repo = self._github.git, self._repo
        found = git.ref(repo, self._name)
        if found is None or self._holder(found) != holder:
            return
        if own:
            git.delete_ref(repo, self._name)
            return
        with self._alone(found) as is_alone:
            if not is_alone:
                return
            now = git.ref(repo, self._name)
            if now is not None and now.sha == found.sha:
                git.delete_ref(repo, self._name)

    @contextmanager
    def _alone(self, found: Ref) -> Iterator[bool]:
        """Whether it is this process that takes the lock over; False while somebody who lives does.

        Who makes the reference that is named after the lock's own object is the one. Where its maker died, the next is
        named after that one's object: each link is made once, so that no two succeed the same dead one.
        """
        git, repo = self._github.git, self._repo
        # No two objects are the same: each link is named after one.
        mine = self._written(Holder.of(f"takes-over-{secrets.token_hex(6)}", "", self._pid, self._clock))
        names: list[str] = []
        last = found
        while not git.create_ref(repo, name := f"{self._taking_over}/{last.sha}", mine):
            claim = git.ref(repo, name)
            if claim is None or len(names) > _LONGEST_CHAIN or self._is_at_it(claim):
                yield False
                return
            names.append(name)
            last = claim
        try:
            yield True
        finally:
            # The dead ones' first, also of locks that are gone: while the last is there, nobody else gets this far.
            others = [ref for ref in git.refs(repo, f"{self._taking_over}/") if ref.name not in (*names, name)]
            for each in [*names, *(ref.name for ref in others if not self._is_at_it(ref)), name]:
                git.delete_ref(repo, each)

    def _is_at_it(self, claim: Ref) -> bool:
        """Whether whoever claimed it may still be taking it over. What nobody can read is nobody at work."""
        by, now = self._holder(claim), self._clock.now()
        return not by.is_dead(now) and now - by.taken_at <= _TAKES_OVER_S

    def _written(self, holder: Holder) -> str:
        """The object that tells of a holder."""
        git, repo = self._github.git, self._repo
        return git.create_tag(repo, "hotops-lock", json.dumps(asdict(holder)), git.head(repo)).sha

    def _holder(self, found: Ref) -> Holder:
        if found.object.type != "tag":
            return _unknown(found.sha, "made by hand")
        return holder_in(self._github.git.tag(self._repo, found.sha))


class SharedLock:
    """The lock in GitHub, and this computer's note of it: what a run holds is known here while GitHub is down."""

    def __init__(self, shared: GitLock, local: FileLock) -> None:
        self.scope = shared.scope
        self.shared, self.local = shared, local

    def create(self, holder: Holder) -> bool:
        """Take it in both places, or in none. Raises what GitHub answers."""
        is_new = self.local.create(holder)
        if not is_new and not self._is_of(holder):
            return False
        won = False
        try:
            won = self.shared.create(holder)
        finally:
            if is_new and not won:
                self.local.remove(holder)
        return won

    def read(self) -> Holder | None:
        """Who holds it for everybody, else who holds it here."""
        return self.shared.read() or self.local.read()

    def remove(self, holder: Holder, *, own: bool = False) -> None:
        """Remove this holder's lock in both places, the one that all see first."""
        self.shared.remove(holder, own=own)
        self.local.remove(holder, own=own)

    def put(self, holder: Holder) -> None:
        """Let it be this holder's in both places."""
        self.shared.put(holder)
        self.local.put(holder)

    def _is_of(self, holder: Holder) -> bool:
        held = self.local.read()
        return held is not None and held.run == holder.run


def holder_in(tag: Tag) -> Holder:
    """The holder that a lock's tag tells of; of one that another version of hotops wrote, what is known here."""
    found = Holder.told(tag.message, unreadable="its tag is no lock of hotops")
    return found if found.user != "?" else _unknown(tag.sha, found.reason)


def _unknown(sha: str, why: str) -> Holder:
    return replace(Holder.unknown(why), run=f"unknown ({sha[:12]})")
