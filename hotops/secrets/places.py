"""What a place that takes secrets holds now: the names of an app of Fly's or of a scope of GitHub's, never values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hotops.core.errors import ApiError, Forbidden, HotopsError, NotFound, Unauthorized, UsageError, WireError
from hotops.core.parallel import map_settled
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.models import AppSecret, Machine, Release
from hotops.fly.secrets import SecretState, deployed_state
from hotops.fly.states import is_managed
from hotops.secrets.drift import Remote

#: Releases that are asked for; a machine that an older one made counts as unknown.
_RELEASES = 100


@dataclass(frozen=True)
class AppHolds:
    """An app: its secrets, the managed machines, and whether those were given each present value."""

    app: str
    secrets: tuple[AppSecret, ...]
    machines: tuple[Machine, ...]
    releases: tuple[Release, ...]

    def remotes(self) -> dict[str, Remote]:
        """The secrets as a ledger compares them."""
        return {secret.name: Remote(secret.digest or None, secret.updated_at) for secret in self.secrets}

    def states(self) -> dict[str, SecretState]:
        """Whether the machines have them."""
        return deployed_state(self.secrets, self.machines, self.releases)

    def lacking(self, names: Iterable[str]) -> set[str]:
        """Ids of the machines that are older than the newest of these secrets; all where that is unclear."""
        wanted = set(names)
        if not wanted:
            return set()
        times = [secret.updated_at for secret in self.secrets if secret.name in wanted]
        newest = max((at for at in times if at is not None), default=None)
        if newest is None:
            return {machine.id for machine in self.machines} if times else set()
        dated = {release.version: release.created_at for release in self.releases}
        made = {m.id: dated.get(m.release_version) if m.release_version is not None else None for m in self.machines}
        return {machine for machine, at in made.items() if at is None or at < newest}


@dataclass(frozen=True)
class Held:
    """What all places hold. `remotes` by destination; `apps` has the rest of what is known of Fly's."""

    remotes: Mapping[str, Mapping[str, Remote]]
    apps: Mapping[str, AppHolds] = field(default_factory=dict)


class PlaceUnreadable(HotopsError):
    """A place could not be read; the message tells one that is missing from one that is refused."""

    code = "place_unreadable"


class PlaceMissing(PlaceUnreadable):
    """A place does not exist, which is not the same as one that holds nothing."""

    code = "place_missing"


def app_holds(fly: Fly, app: str) -> AppHolds:
    """Three reads: secrets, machines, releases."""
    return AppHolds(
        app,
        tuple(fly.secrets.list(app)),
        tuple(machine for machine in fly.machines.list(app) if is_managed(machine)),
        tuple(fly.releases.list(app, limit=_RELEASES)),
    )


def left_out(holds: AppHolds) -> set[str]:
    """Ids of the machines that a dead run took out of rotation and never put back."""
    return {machine.id for machine in holds.machines if marks.is_cordoned_by_run(machine)}


def apps_hold(fly: Fly, apps: Iterable[str]) -> dict[str, AppHolds]:
    """What all these apps hold. Raises PlaceUnreadable for all that could not be read, before anything is written."""
    names = list(apps)
    found = map_settled(lambda app: app_holds(fly, app), names)
    refuse_unreadable({f"fly:{name}": item for name, item in zip(names, found, strict=True)})
    return {item.app: item for item in found if isinstance(item, AppHolds)}


def refuse_unreadable(found: Mapping[str, object]) -> None:
    """Raise for the places whose reading failed: 401 and 403 are no token's fault of theirs, 404 is no empty place.

    Raises the one error as it is where there is one, else PlaceUnreadable with all of them.
    """
    failed = {place: item for place, item in found.items() if isinstance(item, Exception)}
    for error in failed.values():
        if not isinstance(error, HotopsError):
            raise error
    if not failed:
        return
    told = "; ".join(f"{place} {why_unreadable(error)}" for place, error in failed.items())
    first = next(iter(failed.values()))
    kinds = {type(error) for error in failed.values()}
    kind = PlaceMissing if all(isinstance(error, NotFound) for error in failed.values()) else PlaceUnreadable
    raise kind(
        f"Not every place could be read, so nothing was written: {told}.",
        remedy=getattr(first, "remedy", "") or "Run it again.",
        request_id=getattr(first, "request_id", None),
        code=getattr(first, "failure_code", None) if kinds <= {Unauthorized, Forbidden} else None,
        exit_code=getattr(first, "failure_exit", None),
    )


def why_unreadable(error: Exception) -> str:
    """Not there, not allowed, or failed: three things that look alike in a list that is empty."""
    match error:
        case NotFound() if error.failure_code != "not_found":
            return f"does not exist: {error.message.rstrip('.')}"
        case NotFound():
            return "does not exist (for this token)"
        case Unauthorized():
            return "was refused: the token is unknown"
        case Forbidden():
            return "was refused: the token may not read its secrets"
        case ApiError() | WireError() | UsageError():
            return f"failed: {error.message.rstrip('.')}"
        case _:
            return f"failed: {error}"
