"""The way back: which older release was good, and whether it can still be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hotops.core.errors import HotopsError
from hotops.deploy.restore import older_config
from hotops.fly.image import ImageRef
from hotops.fly.models import AppSecret, ConfigVersion, Machine, Release


class NoWayBack(HotopsError):
    """There is no older release to go back to."""

    code = "no_way_back"


@dataclass(frozen=True)
class WayBack:
    """A release to return to. `digest` is the release's own or the registry's, None where neither tells it.

    `doubt` says why the release is not what its record says it is: no record could be read.
    """

    release: Release
    image: ImageRef
    digest: str | None
    passed_over: tuple[str, ...] = ()
    doubt: str = ""


def choose_way_back(
    releases: Iterable[Release],
    *,
    leaving: Iterable[str],
    resolve: Callable[[ImageRef], str | None],
    to_version: int | None = None,
) -> WayBack:
    """The newest complete release, older than what is left behind, with another image that still resolves.

    `leaving` are the digests that run now. A release that runs or failed was never accepted and is passed over, and
    so is one with the digest that is being left: redeploying the present image is no rollback. `resolve` answers the
    digest, None for "can't be asked" (the fire exit does not wait for a registry), and raises LookupError for an image
    that is gone.
    Raises NoWayBack with what was passed over and why.
    """
    left = set(leaving)
    passed: list[str] = []
    ordered = sorted(releases, key=lambda release: release.version, reverse=True)
    for release in ordered:
        said = f"v{release.version}"
        if to_version is not None and release.version != to_version:
            continue
        if not release.is_complete:
            passed.append(f"{said} is {release.status}")
            continue
        if not release.image_ref:
            passed.append(f"{said} names no image")
            continue
        try:
            image = ImageRef.parse(release.image_ref)
            # Asked for a pinned image too: its digest says which bytes, not that the registry still has them.
            digest = resolve(image) or image.digest or None
        except ValueError:
            passed.append(f"{said} names an image that can't be read")
            continue
        except LookupError as error:
            passed.append(f"{said}: {error}")
            continue
        if digest in left and (to_version is None or len(left) == 1):
            # Named by its number it is meant, where others run beside it: a way back that was cut off in the middle.
            passed.append(f"{said} is the image that runs now")
            continue
        return WayBack(release, image, digest, tuple(passed))
    wanted = f"release v{to_version}" if to_version is not None else "an older, complete release with another image"
    if to_version is not None and not passed and ordered:
        passed = [f"recorded are {', '.join(f'v{release.version}' for release in ordered[:8])}"]
    raise NoWayBack(
        f"There is no {wanted} to go back to ({'; '.join(passed) or 'no release is recorded'}).",
        remedy="Name a release with -e version=N, or deploy an image with deploy.yml.",
    )


def way_back_by_history(app: str, histories: Sequence[tuple[Machine, list[ConfigVersion]]], *, why: str) -> WayBack:
    """The image that all these machines had before, by their own histories: for where no release record can be read.

    `why` says what kept the records from being read. Raises NoWayBack: a machine's history holds no other image, or
    the machines had different ones.
    """
    older = {machine.id: older_config(machine, history) for machine, history in histories}
    images = {machine: config.image_ref if config else None for machine, config in older.items()}
    told = {str(image) for image in images.values()}
    image = next(iter(images.values()), None)
    if len(told) != 1 or image is None:
        had = "; ".join(f"{machine} had {image or 'none that is known'}" for machine, image in images.items())
        raise NoWayBack(
            f"{app}: {why}, and the machines' own histories agree on no older image ({had or 'there is no machine'}).",
            remedy="Deploy an image with deploy.yml, or run the rollback again when the records can be read.",
        )
    config = next(config for config in older.values() if config is not None)
    release = Release(id=config.release_id, version=config.release_version or 0, image_ref=str(image))
    return WayBack(release, image, image.digest or None, doubt=f"{why}: the way back is the machines' own history")


def secrets_changed_since(secrets: Sequence[AppSecret], moment: float) -> list[str]:
    """Names of secrets written after `moment` (unix seconds): a rollback brings image and config back, never values."""
    return sorted(secret.name for secret in secrets if secret.updated_at is not None and secret.updated_at > moment)
