"""The configuration that a machine had before: found in the machine's own history, which Fly keeps."""

from __future__ import annotations

from collections.abc import Iterable

from hotops.core.errors import HotopsError
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.image import ImageRef
from hotops.fly.models import ConfigVersion, Machine


class NoOlderConfig(HotopsError):
    """The machine's history does not hold the configuration that is to come back."""

    code = "no_older_config"


def config_before(fly: Fly, app: str, machine: Machine) -> MachineConfig:
    """The configuration before the change that was never accepted (Machines API, machine versions).

    Raises NoOlderConfig.
    """
    before = machine.metadata.get(marks.BEFORE)
    for version in fly.machines.versions(app, machine.id):
        if version.version == before:
            return version.user_config
    raise NoOlderConfig(
        f"{app} {machine.id}: its history does not hold the version {before or '(none noted)'}.",
        remedy="Bring the app back by its releases: rollback.yml.",
    )


def older_config(machine: Machine, history: Iterable[ConfigVersion]) -> MachineConfig | None:
    """What a machine ran before the last promotion, by its marks; without marks the newest config with another image.

    None if its history holds neither.
    """
    before, running = machine.metadata.get(marks.BEFORE), machine.known_config.image_ref
    newest_first = sorted(history, key=lambda item: item.version, reverse=True)
    marked = [version.user_config for version in newest_first if version.version == before]
    others = [version.user_config for version in newest_first if version.user_config.image_ref not in (None, running)]
    return next(iter(marked or others), None)


def config_with_image(history: Iterable[ConfigVersion], image: ImageRef, digest: str | None) -> MachineConfig | None:
    """The newest configuration in a machine's history that ran this image, None if none did.

    Versions are ULIDs, which sort by time. An image named by its tag alone counts where repository and tag are equal.
    """
    for version in sorted(history, key=lambda item: item.version, reverse=True):
        had = version.user_config.image_ref
        if had is None:
            continue
        same_bytes = bool(had.digest) and had.digest == digest
        same_name = not had.digest and bool(had.tag) and (had.repository, had.tag) == (image.repository, image.tag)
        if same_bytes or same_name:
            return version.user_config
    return None
