"""A rotation with any call broken, or killed anywhere: old or new is valid at every place, and a re-run finishes it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hotops.core.errors import HotopsError
from tests.faults.sweep import Sweep
from tests.rotation_stage import ITEM, RotationStage


def state(shop: RotationStage) -> dict[str, Any]:
    vault = shop.vault()
    return {
        "in use": shop.roles_in_use(),
        "valid": sorted(role for role, stored in shop.roles.verifiers.items() if stored),
        "under way": vault.sibling(vault.find(ITEM), "new") is not None,
    }


def is_wanted(seen: dict[str, Any]) -> bool:
    everywhere = set(seen["in use"].values()) == {"shop_app_b"}
    return everywhere and seen["valid"] == ["shop_app_b"] and not seen["under way"]


def never_neither(shop: RotationStage) -> Iterable[str]:
    yield from (f"{place} has a credential that is not valid" for place, valid in shop.valid().items() if not valid)


class RotationSweep(Sweep[RotationStage]):
    """Half-way is a state of its own here: both are valid, which `never_neither` looks at after every case."""

    def _wrong_with_first(self, ended: HotopsError | str, state: Any, before: Any) -> list[str]:
        if isinstance(ended, HotopsError) and ended.failure_code == "rotation_incomplete":
            return []
        return super()._wrong_with_first(ended, state, before)


def rotate_once(shop: RotationStage, run: str) -> object:
    """The second run of a case that was finished in truth (its last answer was lost) must not rotate once more."""
    is_first = set(shop.roles_in_use().values()) == {"shop_app_a"}
    return shop.rotate(run=run.replace("promote", "secrets_rotate"), force=is_first)


ROTATION = RotationSweep(
    "secrets_rotate",
    world=RotationStage,
    run=rotate_once,
    state=state,
    wanted=is_wanted,
    meanwhile=never_neither,
    left_behind=never_neither,
)


def test_whatever_breaks_or_dies_old_or_new_is_valid(tmp_path: Path) -> None:
    ROTATION.all_hold(tmp_path, short=16)
