"""Errors that only Fly has, and how they are told from its answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hotops.core.clock import parse_rfc3339
from hotops.core.errors import (
    ApiError,
    Forbidden,
    HotopsError,
    LeaseHeld,
    NoCapacity,
    NotFound,
    PreconditionFailed,
    WireError,
)

if TYPE_CHECKING:
    from hotops.core.answer import Answer


class LeaseLost(HotopsError):
    """Our lease ended while we still needed it: what follows could undo what another deploy does."""

    code = "lease_lost"


class MachineGone(NotFound):
    """The machine was destroyed while it was waited for or changed."""

    code = "machine_gone"


class VersionChanged(PreconditionFailed):
    """The machine is no longer in the version (`current_version`) that the change was made for."""

    code = "version_changed"


class SecretsNotThere(PreconditionFailed):
    """The machine's host does not have the wanted version of the secrets yet (`min_secrets_version`)."""

    code = "secrets_not_there"


class NameTaken(ApiError):
    """The name belongs to another machine of the app, or to another app."""

    code = "name_taken"


class ImageUnknown(NotFound):
    """The registry does not have the image: never pushed, mistyped, or pruned because no release used it."""

    code = "image_unknown"


class ImageRefused(Forbidden):
    """The registry does not let this token read the repository (another organisation's, or not this token's app)."""

    code = "image_refused"


class QueryFailed(ApiError):
    """GraphQL answered 200 with errors in it."""

    code = "query_failed"


# Both forms are seen (Machines API, leases; measured by others): "… lease currently held by WHO, expires at TIME".
_LEASE = re.compile(
    r"lease currently held by (?P<owner>\S+?),? expires at (?P<at>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d))"
)
_LEASE_WORDS = "lease currently held by"
_NO_ROOM = (
    "insufficient resources",
    "could not reserve resource",
    "insufficient memory",
    "insufficient cpu",
    "no capacity",
    "deploys to this host are temporarily disabled",
)
_OVER_QUOTA = "over the allowed quota"
_TAKEN = re.compile(r"name.*(?:taken|already exists|violation|unique)|(?:unique|already exists).*name")
_REFUSED = "Use a token of the app's organisation; registries of two organisations are not shared."
_NO_ROOM_CODES = frozenset({"insufficient_capacity", "volume_placement_capacity"})


def refine(error: ApiError) -> ApiError:
    """The particular error behind a status of the Machines API: a lease, a lack of room, a version, a taken name.

    A lack of room comes as 400, 403, 409 or 412 (Machines API as its users saw it): the text decides, not the status.
    """
    # What stands before the colon is the request: an app's name must not be read as the cloud's words.
    lower = error.message.partition(": ")[2].lower()
    code = str(error.details.get("cloud_code") or "")
    if _LEASE_WORDS in lower:
        return lease_held(error)
    if code in _NO_ROOM_CODES or any(words in lower for words in _NO_ROOM):
        return _as(NoCapacity, error, "Try another region or a smaller machine, or again in some minutes.")
    if _OVER_QUOTA in lower:
        return _as(
            NoCapacity, error, "The organisation's quota is used up: destroy what is unused, or ask Fly for more."
        )
    if code == "name_taken" or (error.status in (409, 422) and _TAKEN.search(lower)):
        return _as(NameTaken, error, "Choose another name.")
    if error.status in (409, 412):
        if "min_secrets_version" in lower or "secrets version" in lower:
            return _as(SecretsNotThere, error, "Try again in a few seconds: the vault's new version is on its way.")
        if "current_version" in lower or "version mismatch" in lower or "instance_id" in lower:
            return _as(VersionChanged, error, "Somebody else changed the machine: look at it and plan again.")
    return error


def lease_held(error: ApiError) -> LeaseHeld:
    """LeaseHeld with the holder and the expiry that the text tells."""
    found = _LEASE.search(error.message)
    held = LeaseHeld(
        error.message,
        status=error.status,
        request_id=error.request_id,
        expires_at=parse_rfc3339(found["at"]) if found else None,
    )
    if found:
        held.details["owner"] = found["owner"]
    return held


def refine_registry(error: ApiError) -> ApiError:
    """401 and 403 as refused, 404 as unknown: to an operator the two need different things."""
    if error.status in (401, 403):
        return _as(ImageRefused, error, _REFUSED)
    if error.status == 404:
        return _as(ImageUnknown, error, "Check the tag; Fly may prune images that no release uses. Build it again.")
    return error


def is_unsent(error: HotopsError) -> bool:
    """Whether it is proven that the request never left: then nothing has to be looked for."""
    return isinstance(error, WireError) and error.applied is False


def refused(message: str, answer: Answer) -> ImageRefused:
    """ImageRefused for an answer that was read before it was judged."""
    return ImageRefused(message, status=answer.status, request_id=answer.request_id, remedy=_REFUSED)


def _as(kind: type[ApiError], error: ApiError, remedy: str) -> ApiError:
    return kind(error.message, status=error.status, remedy=remedy, request_id=error.request_id, details=error.details)
