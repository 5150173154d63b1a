"""Writing a scope's secrets at GitHub: one key, puts side by side, one list that tells when each was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hotops.core.context import Context
from hotops.core.errors import HotopsError, UsageError
from hotops.core.operation import Fact
from hotops.core.parallel import map_settled
from hotops.github.client import GitHub
from hotops.inventory.schema import Environment
from hotops.secrets.drift import Remote
from hotops.secrets.ledger import Ledger, Mark
from hotops.secrets.places import refuse_unreadable
from hotops.secrets.secret_map import github_scope
from hotops.secrets.wanted import Wanted

#: Puts at once; how many a minute the client's limiter says (GitHub docs, secondary rate limits).
_AT_ONCE = 16


class ScopeIncomplete(HotopsError):
    """Some secrets of a scope are written and noted, others are not; the message names those."""

    code = "scope_incomplete"


def repo_of(environment: Environment) -> str:
    """The environment's repository. Raises UsageError where the map names GitHub and the inventory does not."""
    if environment.github_repo is None:
        raise UsageError(
            f"The secret map of {environment.name} names GitHub, and the inventory names no repository.",
            remedy="Set github_repo: OWNER/NAME, or take `github` out of the map.",
        )
    return environment.github_repo


def scopes_hold(github: GitHub, repo: str, destinations: Iterable[str]) -> dict[str, dict[str, Remote]]:
    """What scopes hold, by destination: one read each. Raises PlaceUnreadable, PlaceMissing."""
    wanted = list(destinations)
    found = map_settled(lambda destination: scope_holds(github, repo, destination), wanted)
    refuse_unreadable(dict(zip(wanted, found, strict=True)))
    return {
        destination: item for destination, item in zip(wanted, found, strict=True) if not isinstance(item, Exception)
    }


def scope_holds(github: GitHub, repo: str, destination: str) -> dict[str, Remote]:
    """Names and times of one scope's secrets."""
    listed = github.secrets.list(repo, github_scope(destination))
    return {secret.name: Remote(None, secret.updated_at) for secret in listed}


def write_scope(context: Context, repo: str, destination: str, values: Mapping[str, Wanted], ledger: Ledger) -> Fact:
    """Write all values of a scope, then read when each was written: that is what tells a later touch.

    Raises ScopeIncomplete, which names what was not written; what was is noted, so that a re-run does only the rest.
    """
    scope, github = github_scope(destination), context.client(GitHub)
    ledger.intend({str(want.target): want.fingerprint for want in values.values()}, run=context.run)
    names = list(values)
    github.secrets.public_key(repo, scope)  # once, before the puts go side by side
    results = map_settled(lambda name: github.secrets.put(repo, name, values[name].value, scope), names, limit=_AT_ONCE)
    failed = {name: error for name, error in zip(names, results, strict=True) if isinstance(error, Exception)}
    held = scope_holds(github, repo, destination)
    now = context.clock.now()
    ledger.wrote(
        {
            str(want.target): Mark(want.fingerprint, None, held[name].updated_at, now, run=context.run)
            for name, want in values.items()
            if name not in failed and name in held
        }
    )
    absent = [name for name in names if name not in failed and name not in held]
    if failed or absent:
        first = next(iter(failed.values()), None)
        said = f": {first.message.rstrip('.')}" if isinstance(first, HotopsError) else f": {first!r}" if first else ""
        raise ScopeIncomplete(
            f"{destination}: {len(names) - len(failed) - len(absent)} of {len(names)} are written; not written, or not"
            f" known to be: {', '.join([*failed, *absent])}{said}.",
            remedy=first.remedy if isinstance(first, HotopsError) else "Run it again: it does the rest.",
            request_id=first.request_id if isinstance(first, HotopsError) else None,
        ) from first
    return {"written": len(names)}


def remove_from_scope(github: GitHub, repo: str, destination: str, name: str, ledger: Ledger) -> Fact:
    """Remove one name that the map does not have."""
    ledger.remove(f"{destination}/{name}")
    github.secrets.delete(repo, name, github_scope(destination))
    return {"removed": name}
