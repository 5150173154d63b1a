"""Where the last promotion is brought back already, or had changed nothing: what is left to do, and no step further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hotops.core.errors import ApiError, HotopsError, WireError
from hotops.deploy import marks
from hotops.deploy.way_back import WayBack
from hotops.fly import Fly
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine, Release
from hotops.fly.states import checks_pass, is_started


@dataclass(frozen=True)
class Left:
    """What a dead run left of an app whose image stays: machines to put back, and whether the record is wrong."""

    back: WayBack
    machines: tuple[Machine, ...]
    says: str
    unrecorded: bool = False
    failed: tuple[str, ...] = ()


def last_promotion(machines: Mapping[str, Sequence[Machine]]) -> tuple[str, list[str]]:
    """The newest promotion among the marks, or the run that brought one back; and the apps that carry it.

    A cordon of a run that scaled, or gave machines new secrets, and died is no sign of a promotion: where there is one,
    that is brought back, and the machine returns with it; else the cordon alone is ended.
    An app whose way back was not finished belongs to it, whichever run that was. Raises nothing_to_roll_back.
    """
    promotions = {marks.promotion_at(machine) for found in machines.values() for machine in found} - {""}
    ways_back = {machine.metadata.get(marks.RESTORED_BY, "") for found in machines.values() for machine in found} - {""}
    cordons = {marks.signer(machine) for found in machines.values() for machine in found} - {""}
    if not promotions and not ways_back and not cordons:
        raise HotopsError(
            "No machine carries the mark of a promotion, so there is no last promotion to undo.",
            remedy=f"Name the apps: hotops rollback ENV {' '.join(machines)} (--version N for a certain release)",
            code="nothing_to_roll_back",
        )
    newest = max(promotions or ways_back or cordons)  # run names begin with their time

    def carries(machine: Machine) -> bool:
        restored_by = machine.metadata.get(marks.RESTORED_BY, "")
        others = () if promotions else (restored_by, marks.signer(machine))
        return newest in (marks.promotion_at(machine), *others) or (bool(restored_by) and is_unfinished(machine))

    return newest, [app for app, found in machines.items() if any(carries(machine) for machine in found)]


def is_as_it_should_be(machines: Sequence[Machine], run: str) -> bool:
    """Whether no image of these machines goes: the run changed none of them, or each is brought back."""
    changed = any(marks.promotion_at(m) == run and marks.changed_by(m) == run for m in machines)
    return not changed and not any(marks.is_pending(machine) for machine in machines)


def what_is_left(fly: Fly, app: str, machines: Sequence[Machine], run: str) -> Left:
    """The machines that a dead run left out of rotation or not healthy, and whether the way back is recorded."""
    restored = [machine for machine in machines if marks.RESTORED_BY in machine.metadata]
    model = next(iter(restored), machines[0])
    image = marks.image_of(model)
    if image is None:  # a machine without an image can't have been started; there is nothing to name
        raise LookupError(f"{model.id} names no image")
    release = Release(version=model.release_version or 0, status="complete", image_ref=str(image))
    back = WayBack(release, image, image.digest or None)
    unfinished = tuple(machine for machine in machines if is_unfinished(machine))
    if not restored:
        cordoned = [machine for machine in unfinished if machine.cordoned]
        says = f"run {run} had changed nothing, and only " + (
            f"taken {_count(cordoned)} out of rotation" if cordoned else "begun"
        )
        says += "; for the promotion before it, roll back once more"
        return Left(back, unfinished, says)
    by = max(machine.metadata[marks.RESTORED_BY] for machine in restored)
    says = f"brought back already by run {by}; to go further back name the app: -e apps={app}"
    newest = _newest(fly, app)
    if newest is None or _digest(newest) == back.digest:
        return Left(back, unfinished, says)
    return Left(back, unfinished, says, unrecorded=True, failed=(newest.id,))


def is_unfinished(machine: Machine) -> bool:
    """Whether a dead run left it out of rotation or had just begun, or it should run and is not seen to be well."""
    return (
        marks.is_cordoned_by_run(machine)
        or marks.BEGAN in machine.metadata
        or (marks.should_run(machine) and not (is_started(machine) and checks_pass(machine)))
    )


def _newest(fly: Fly, app: str) -> Release | None:
    """The newest release record, None where none can be read: bookkeeping holds no way back up."""
    try:
        return max(fly.releases.list(app), key=lambda release: release.version, default=None)
    except (ApiError, WireError):
        return None


def _digest(release: Release) -> str | None:
    try:
        return ImageRef.parse(release.image_ref).digest or None
    except ValueError:
        return None


def _count(machines: Sequence[Machine]) -> str:
    return "1 machine" if len(machines) == 1 else f"{len(machines)} machines"
