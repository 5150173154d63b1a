"""A rotation of each kind of credential, any call broken or killed anywhere: never neither, and a re-run ends it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hotops.core.errors import HotopsError
from tests.faults.sweep import Sweep
from tests.rotation.issuers import APP, SECOND, IssuedStage


class IssuerSweep(Sweep[IssuedStage]):
    """Half-way is a state of its own here: both are valid, which `meanwhile` looks at after every case."""

    def _wrong_with_first(self, ended: HotopsError | str, state: Any, before: Any) -> list[str]:
        if isinstance(ended, HotopsError) and ended.failure_code == "rotation_incomplete":
            return []
        return super()._wrong_with_first(ended, state, before)


def state(shop: IssuedStage) -> dict[str, Any]:
    return {"places": shop.places(), "first": shop.first, "coming": shop.coming()}


def is_wanted(seen: dict[str, Any]) -> bool:
    values = set(seen["places"].values())
    return len(values) == 1 and seen["first"] not in values and seen["coming"] is None


def never_neither(shop: IssuedStage) -> Iterable[str]:
    yield from (
        f"{place} has a value that is not valid" for place, it in shop.places().items() if not shop.is_valid(it)
    )
    if shop.kind == "generated":
        yield from shop.not_understood()


def left_behind(shop: IssuedStage) -> Iterable[str]:
    yield from never_neither(shop)
    if shop.kind not in ("generated", "postgres_password") and shop.is_valid(shop.first):
        yield "the old one is still valid"
    if shop.kind == "generated" and any(given[SECOND] == shop.first for given in shop.runs_with(APP)):
        yield "the old one is still taken"
    made = [token for token in shop.stage.twin.world.tokens.values() if token.is_made]
    if shop.kind == "fly_token" and len(made) != 1:
        yield f"{len(made)} tokens are there"


def rotate_once(shop: IssuedStage, run: str) -> object:
    """The second run of a case that was finished in truth (its last answer was lost) must not rotate once more."""
    is_first = shop.value() == shop.first
    return shop.rotate(run=run.replace("promote", "secrets_rotate"), force=is_first)


@pytest.mark.parametrize("kind", ["generated", "supabase_key", "fly_token"])
def test_whatever_breaks_or_dies_old_or_new_is_valid(tmp_path: Path, kind: str) -> None:
    sweep = IssuerSweep(
        f"secrets_rotate/{kind}",
        world=lambda folder: IssuedStage(folder, kind),
        run=rotate_once,
        state=state,
        wanted=is_wanted,
        meanwhile=never_neither,
        left_behind=left_behind,
    )
    sweep.all_hold(tmp_path, short=4)
