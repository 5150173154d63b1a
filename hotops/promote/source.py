"""What the source really runs: one digest on all its machines, or no promotion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotops.core.errors import ApiError, HotopsError, NoGo, NotFound, UsageError, WireError
from hotops.core.options import nearest
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine, Release
from hotops.fly.states import is_managed, is_started
from hotops.promote.pairs import Pair


@dataclass(frozen=True)
class Source:
    """The image to promote and where it comes from; `machines` and `releases` are empty where it was named."""

    image: ImageRef
    app: str | None = None
    machines: tuple[Machine, ...] = ()
    releases: tuple[Release, ...] = ()
    since: float | None = None

    @property
    def release(self) -> Release | None:
        """The source's newest release record."""
        return max(self.releases, key=lambda release: release.version, default=None)


def find_source(fly: Fly, pair: Pair) -> Source:
    """What is to be promoted. Raises NoGo (no machine, several digests, unknown digest), UsageError (unknown app)."""
    if pair.image is not None:
        return Source(named_image(fly, pair.image))
    app = str(pair.source)
    try:
        machines = tuple(machine for machine in fly.machines.list(app) if is_managed(machine))
    except NotFound as error:
        raise unknown_fly_app(fly, app, str(pair.app.source_org), "promote_from") from error
    releases = tuple(fly.releases.list(app))
    return Source(one_image(app, machines), app, machines, releases, running_since(machines, releases))


def named_image(fly: Fly, reference: str) -> ImageRef:
    """An image given by its name, with the digest that the registry has for it now. Raises UsageError."""
    try:
        image = ImageRef.parse(reference)
    except ValueError as error:
        raise UsageError(f"{error}.", remedy="-e image=registry.fly.io/APP:TAG") from error
    if image.is_pinned:
        return image
    try:
        return fly.registry.resolve(image)
    except NotFound as error:
        raise UsageError(
            f"The registry has no image {image}.", remedy="Check repository and tag; unused images are pruned."
        ) from error


def one_image(app: str, machines: Sequence[Machine]) -> ImageRef:
    """The one image that all machines of the source run. Raises NoGo."""
    if not machines:
        raise NoGo(
            f"{app} has no machines, so there is nothing to promote.", remedy="Deploy to it first.", code="no_source"
        )
    by_digest: dict[str, list[Machine]] = {}
    for machine in machines:
        by_digest.setdefault(marks.digest_of(machine), []).append(machine)
    if len(by_digest) > 1:
        told = "; ".join(
            f"{marks.image_of(found[0])} on {', '.join(machine.id for machine in found)}"
            for _, found in sorted(by_digest.items())
        )
        raise NoGo(
            f"{app} runs {len(by_digest)} images, so it is not clear what to promote: {told}.",
            remedy=f"Finish the deploy of {app}, then promote.",
            code="two_digests",
        )
    image = marks.image_of(machines[0])
    if image is None or not image.is_pinned:
        raise NoGo(
            f"{app}: the digest of its image is not known.", remedy=f"fly machine list -a {app}", code="no_digest"
        )
    return image


def running_since(machines: Sequence[Machine], releases: Sequence[Release]) -> float | None:
    """Since when all machines run this image (unix seconds): the newest launch, or the newest release if later."""
    launches = [
        next((event.at for event in machine.events if event.type in ("launch", "update")), machine.created_at)
        for machine in machines
        if is_started(machine)
    ] or [machine.updated_at for machine in machines]
    known = [at for at in launches if at is not None]
    newest = max(releases, key=lambda release: release.version, default=None)
    if newest is not None and newest.created_at is not None:
        known.append(newest.created_at)
    return max(known, default=None)


def unknown_fly_app(fly: Fly, app: str, org: str, key: str) -> HotopsError:
    """The error for a Fly app that does not exist, with the nearest one where the organisation may be listed."""
    try:
        names = [found.name for found in fly.apps.list(org)]
    except (ApiError, WireError):
        names = []  # an app-scoped token may not list them; the error is as true without
    meant = nearest(app, names)
    known = f"Did you mean {meant}?" if meant else f"Known in {org}: {', '.join(names)}." if names else ""
    return UsageError(
        f"{key}: there is no Fly app {app!r} (for this token).", remedy=known or "Check the name.", code="unknown_app"
    )
