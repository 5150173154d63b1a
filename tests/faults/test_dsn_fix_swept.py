"""A fix of a connection string with any call broken, or killed anywhere: what it says is so, and a re-run converges."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hotops.core.errors import HotopsError
from tests.database_stage import APP, REF, DatabaseStage
from tests.faults.fleets import out_of_service
from tests.faults.sweep import AGAIN, FIRST, Sweep
from tests.secrets_stage import SecretsStage

ENCODED = "pa%2Fss%21word"
GIVEN = f"postgresql://postgres:{ENCODED}@aws-1-us-east-1.pooler.supabase.com:5432/postgres?sslmode=require"
RIGHT = f"postgres.{REF}"
ITEM = "supabase/database_url"


def state(shop: DatabaseStage) -> dict[str, Any]:
    vault = SecretsStage.vault(shop)
    kept = vault.sibling(vault.find(ITEM), "old")
    return {
        "vault": vault.value(ITEM).reveal(),
        "kept": kept.reveal() if kept else None,
        "fly": shop.at(APP)["POSTGRES_USERNAME"],
        "machines": sorted(given["POSTGRES_USERNAME"] for given in shop.runs_with(APP)),
    }


def is_wanted(seen: dict[str, Any]) -> bool:
    return bool(seen["fly"] == RIGHT and seen["machines"] == [RIGHT] * 2 and RIGHT in seen["vault"] and seen["kept"])


def left_behind(shop: DatabaseStage) -> Iterable[str]:
    shop.stage.clock.sleep(20)
    yield from out_of_service(shop.stage.living_machines(APP))
    if shop.status() != 200:
        yield "the app does not answer"
    if state(shop)["kept"] != GIVEN:
        yield "the former string is not kept"


class FixSweep(Sweep[DatabaseStage]):
    """A fix that can't be finished says how far it came: Fly shows no value that could be put back unasked."""

    def _wrong_with_first(self, ended: HotopsError | str, state: Any, before: Any) -> list[str]:
        if isinstance(ended, HotopsError) and ended.failure_code in ("fix_incomplete", "verify_failed", "timeout"):
            done = ended.details.get("done", [])
            # A write whose answer was lost may have arrived: then more is done than it can say, never less.
            said_wrongly = (f"{APP}/vault" in done and RIGHT not in state["vault"]) or (
                f"{APP}/secrets" in done and state["fly"] != RIGHT
            )
            return [f"it says {done} and is {state}"] if said_wrongly else []
        return super()._wrong_with_first(ended, state, before)


FIX = FixSweep(
    "dsn_fix",
    world=lambda folder: DatabaseStage(folder, given=GIVEN),
    run=lambda shop, run: shop.fix(run=run.replace("promote", "dsn_fix")),
    state=state,
    wanted=is_wanted,
    left_behind=left_behind,
)


def test_whatever_breaks_or_dies_a_rerun_converges(tmp_path: Path) -> None:
    FIX.all_hold(tmp_path, short=45)
    assert FIRST != AGAIN
