"""Where each app of a rollback goes: read whole before the first machine moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hotops.core.errors import ApiError, NotFound, WireError
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.blueback import is_half_way, leftovers, waiting_blues, way_back_to_blue
from hotops.deploy.finishing import is_as_it_should_be, what_is_left
from hotops.deploy.restore import config_with_image
from hotops.deploy.scope import goes_back, left_behind
from hotops.deploy.way_back import WayBack, choose_way_back, secrets_changed_since, way_back_by_history
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.image import ImageRef
from hotops.fly.models import ConfigVersion, Machine, Release

#: The fire exit asks the registry once, for as long as a person holds the handle.
REGISTRY_TIMEOUT_S = 3.0


@dataclass(frozen=True)
class Way:
    """An app in the scope of the rollback: what runs, where it goes, and each machine's older configuration."""

    machines: tuple[Machine, ...]
    back: WayBack
    configs: Mapping[str, MachineConfig]
    image_only: tuple[str, ...] = ()
    secrets_changed: tuple[str, ...] = ()
    #: Where the image stays, why; then only what a dead run left is put in order.
    stays: str = ""
    records: bool = True
    #: Blues of an accepted run that died before it destroyed them: they wait for nothing.
    leftovers: tuple[Machine, ...] = ()
    #: Release records that are to be called failed.
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ways:
    """Finds an app's way: to a `version`, else to what was good before; of its unaccepted machines only, or of all."""

    fly: Fly
    version: int | None
    pending_only: bool

    def of(self, app: str, machines: tuple[Machine, ...], run: str) -> Way:
        """Everything that is read before the first machine moves: one list, one history a machine, one secrets list."""
        # Blues of a run that had begun to accept wait for nothing: by hand, that release is left as an accepted one is.
        retired = () if self.pending_only else tuple(leftovers(machines))
        if is_half_way(machines) and not retired:
            blues = waiting_blues(machines)
            waiting = tuple(m for m in machines if marks.is_green(m) or m in blues or marks.BEGAN in m.metadata)
            back = way_back_to_blue(machines)
            return Way(waiting, back, {}, secrets_changed=self._secrets_since(app, back.release))
        machines = tuple(machine for machine in machines if not marks.is_retired(machine))
        if run and not self.pending_only and is_as_it_should_be(machines, run):
            left = what_is_left(self.fly, app, machines, run)
            return Way(left.machines, left.back, {}, stays=left.says, records=left.unrecorded, failed=left.failed)
        moving = [m for m in machines if not self.pending_only or goes_back(m, machines)]
        histories = map_parallel(lambda machine: self.fly.machines.versions(app, machine.id), moving)
        back = self._back(app, moving, histories)
        configs: dict[str, MachineConfig] = {}
        image_only: list[str] = []
        for machine, history in zip(moving, histories, strict=True):
            older = config_with_image(history, back.image, back.digest)
            if older is None:
                image_only.append(machine.id)
                older = machine.known_config
            image = back.image.pinned(back.digest) if back.digest else back.image
            configs[machine.id] = older.with_image(image)
        secrets = self._secrets_since(app, back.release)
        return Way(tuple(moving), back, configs, tuple(image_only), secrets, leftovers=retired)

    def _back(self, app: str, moving: Sequence[Machine], histories: Sequence[list[ConfigVersion]]) -> WayBack:
        """The release to return to; where no record can be read, what the machines themselves remember."""
        try:
            releases = self._older(self.fly.releases.list(app), moving)
        except (ApiError, WireError) as error:
            if self.version is not None:
                raise
            why = f"the release records can't be read ({error.message})"
            return way_back_by_history(app, list(zip(moving, histories, strict=True)), why=why)
        leaving = {marks.digest_of(machine) for machine in left_behind(moving)}
        return choose_way_back(releases, leaving=leaving, resolve=self._resolve, to_version=self.version)

    def _older(self, releases: Sequence[Release], moving: Sequence[Machine]) -> list[Release]:
        """Releases below the one that the machines are on; all where no machine says which."""
        present = [m.release_version for m in moving if m.release_version is not None]
        if self.version is not None or not present:
            return list(releases)
        return [release for release in releases if release.version < max(present)]

    def _resolve(self, image: ImageRef) -> str | None:
        try:
            return self.fly.registry.resolve(image, timeout_s=REGISTRY_TIMEOUT_S).digest
        except NotFound as error:
            raise LookupError(f"its image {image} is gone from the registry") from error
        except (ApiError, WireError):
            return None  # the fire exit does not wait for a registry; the machine update will tell

    def _secrets_since(self, app: str, release: Release) -> tuple[str, ...]:
        if release.created_at is None:
            return ()
        try:
            return tuple(secrets_changed_since(self.fly.secrets.list(app), release.created_at))
        except (ApiError, WireError):
            return ()
