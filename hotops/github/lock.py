"""A lock that everybody sees: a git reference, whose annotated tag says who holds it, for which run, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from hotops.core.clock import Clock, SystemClock
from hotops.core.lock import FileLock, Holder
from hotops.github.client import GitHub
from hotops.github.models import Ref, Tag

PREFIX = "refs/hotops"
#: The year 2100: a lock that nobody can read is no dead one.
_FAR = 4102444800.0
#: Longer than any taking over takes: two calls.
_TAKES_OVER_S = 60.0


class GitLock:
    """One reference for each environment. Making a reference is atomic: of those who try at once, one has it.

    It starts no workflow and is on no page of GitHub, since it lies outside of branches and tags.
    """

    def __init__(self, github: GitHub, repo: str, name: str, *, kind: str = "lock", clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self.scope = f"GitHub, {repo}"
        self._github, self._repo = github, repo
        self._name = f"{PREFIX}/{kind}/{name}"
        self._taking_over = f"{PREFIX}/un{kind}/{name}"

    def create(self, holder: Holder) -> bool:
        """Take the free lock; False if somebody has it."""
        git, repo = self._github.git, self._repo
        if git.ref(repo, self._name) is not None:
            return False
        tag = git.create_tag(repo, "hotops-lock", json.dumps(asdict(holder)), git.head(repo))
        return git.create_ref(repo, self._name, tag.sha)

    def read(self) -> Holder | None:
        """Who holds it, None where nobody does."""
        found = self._github.git.ref(self._repo, self._name)
        return None if found is None else self._holder(found)

    def remove(self, holder: Holder, *, own: bool = False) -> None:
        """Remove this holder's lock; another's stays. A holder that lives gives its own back, and nobody else takes it.

        Of several who find a dead holder's lock only one removes it, once: who could make a second reference, which is
        named after the lock's own object. Else the slower ones would remove the lock that the fastest took meanwhile.
        """
        git, repo = self._github.git, self._repo
        found = git.ref(repo, self._name)
        if found is None or self._holder(found) != holder:
            return
        if own:
            git.delete_ref(repo, self._name)
            return
        claim = f"{self._taking_over}/{found.sha}"
        told = json.dumps({"at": self._clock.now()})
        mine = git.create_tag(repo, "hotops-takes-over", told, git.head(repo))
        if not git.create_ref(repo, claim, mine.sha):
            self._give_up(claim)
            return
        try:
            now = git.ref(repo, self._name)
            if now is not None and now.sha == found.sha:
                git.delete_ref(repo, self._name)
        finally:
            git.delete_ref(repo, claim)

    def _give_up(self, claim: str) -> None:
        """Remove a claim whose maker died between making and removing it: else nobody could take over any more."""
        git, repo = self._github.git, self._repo
        found = git.ref(repo, claim)
        if found is None:
            return
        try:
            at = float(json.loads(git.tag(repo, found.sha).message)["at"])
        except (ValueError, TypeError, KeyError):
            return  # another version's, or not ours
        if self._clock.now() - at > _TAKES_OVER_S:
            git.delete_ref(repo, claim)

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

    def _is_of(self, holder: Holder) -> bool:
        held = self.local.read()
        return held is not None and held.run == holder.run


def holder_in(tag: Tag) -> Holder:
    """The holder that a lock's tag tells of; of one that another version of hotops wrote, what is known here."""
    try:
        told: Mapping[str, Any] = json.loads(tag.message)
        return Holder(**{each.name: told[each.name] for each in fields(Holder) if each.name in told})
    except (ValueError, TypeError):
        return _unknown(tag.sha, "its tag is no lock of hotops")


def _unknown(sha: str, why: str) -> Holder:
    return Holder(f"unknown ({sha[:12]})", why, "?", "?", 0, None, 0.0, _FAR)
