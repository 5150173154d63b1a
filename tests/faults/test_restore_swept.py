"""A switch to a restored database, its way back, a project's way back in time: each call broken, killed anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hotops.backup.moment import MomentWanted, RestoreMoment
from hotops.core.clock import rfc3339
from hotops.core.driver import drive
from hotops.core.errors import HotopsError
from hotops.database.switch import SwitchDatabase
from hotops.sandbox import supabase as management
from hotops.sandbox.supabase import ManagementApi
from tests.database.test_dsn_fix import ITEM, SESSION
from tests.database_stage import APP, REF, SUPABASE_TOKEN, DatabaseStage
from tests.faults.fleets import out_of_service
from tests.faults.sweep import Sweep
from tests.secrets_stage import SecretsStage
from tests.stage import Stage

RESTORED = "shop_restored"
SWITCHED = SESSION.replace("/postgres?", f"/{RESTORED}?")
#: What ends a switch that could not be finished; it says how far it came.
SAYS_HOW_FAR = ("fix_incomplete", "verify_failed", "timeout")


class Right(DatabaseStage):
    """The shop's app works with the database that it is to leave."""

    @staticmethod
    def parts_of_seed() -> dict[str, Any]:
        return {**DatabaseStage.parts_of_seed(), "POSTGRES_USERNAME": {"text": f"postgres.{REF}"}}


class Switched(Right):
    """It was switched, and is to go back."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, given=SESSION)
        switch(self, "")


def switch(shop: DatabaseStage, run: str) -> object:
    return shop.fix(
        run=run.replace("promote", "restore_switch"), kind=SwitchDatabase, to_database=RESTORED, confirm=RESTORED
    )


def undo(shop: DatabaseStage, run: str) -> object:
    return shop.fix(run=run.replace("promote", "restore_switch"), kind=SwitchDatabase, undo=True)


def databases(shop: DatabaseStage) -> dict[str, Any]:
    vault = SecretsStage.vault(shop)
    kept = vault.sibling(vault.find(ITEM), "old")
    return {
        "vault": vault.value(ITEM).reveal(),
        "kept": kept.reveal() if kept else None,
        "fly": shop.at(APP)["POSTGRES_DATABASE"],
        "machines": sorted(given["POSTGRES_DATABASE"] for given in shop.runs_with(APP)),
    }


def left_of_a_switch(shop: DatabaseStage) -> Iterable[str]:
    """Both strings are in the vault whatever happened, so that there is a way on and a way back."""
    shop.stage.clock.sleep(20)
    yield from out_of_service(shop.stage.living_machines(APP))
    if shop.status() != 200:
        yield "the app does not answer"
    state = databases(shop)
    if {state["vault"], state["kept"]} != {SESSION, SWITCHED}:
        yield f"the vault holds {state['vault']} and {state['kept']}"
    vault = SecretsStage.vault(shop)
    if vault.sibling(vault.find(ITEM), "new") is not None:
        yield "where the way back goes is still noted"


class SwitchSweep(Sweep[DatabaseStage]):
    """A switch that can't be finished says how far it came: Fly shows no value that could be put back unasked."""

    def _wrong_with_first(self, ended: HotopsError | str, state: Any, before: Any) -> list[str]:
        if isinstance(ended, HotopsError) and ended.failure_code in SAYS_HOW_FAR:
            done = ended.details.get("done", [])
            said_wrongly = (f"{APP}/vault" in done and state["vault"] == before["vault"]) or (
                f"{APP}/secrets" in done and state["fly"] == before["fly"]
            )
            return [f"it says {done} and is {state}"] if said_wrongly else []
        return super()._wrong_with_first(ended, state, before)


SWITCH = SwitchSweep(
    "restore_switch",
    world=lambda folder: Right(folder, given=SESSION),
    run=switch,
    state=databases,
    wanted=lambda seen: seen == {"vault": SWITCHED, "kept": SESSION, "fly": RESTORED, "machines": [RESTORED] * 2},
    left_behind=left_of_a_switch,
)
UNDO = SwitchSweep(
    "restore_switch_undo",
    world=Switched,
    run=undo,
    state=databases,
    wanted=lambda seen: seen == {"vault": SESSION, "kept": SWITCHED, "fly": "postgres", "machines": ["postgres"] * 2},
    left_behind=left_of_a_switch,
)


@pytest.mark.parametrize(("sweep", "short"), [(SWITCH, 10), (UNDO, 14)], ids=["switch", "undo"])
def test_whatever_breaks_a_switch_a_rerun_converges_and_no_string_is_lost(
    sweep: Sweep[DatabaseStage], short: int, tmp_path: Path
) -> None:
    sweep.all_hold(tmp_path, short=short)


# --- a project goes back to a moment ----------------------------------------------------------------------------------

BEFORE_S, AWAY_S = 600.0, 40.0


@dataclass
class Recovering:
    """A project of the platform that keeps an archive: what was written when, and for how long it is away."""

    clock: Any
    writes: list[float]
    recoveries: list[float] = field(default_factory=list)
    away_until: float = 0.0
    project: Any = field(
        default_factory=lambda: {"ref": REF, "name": "shop", "region": "us-east-1", "organization": "acme"}
    )
    made_at: float = 0.0
    cluster: Any = field(
        default_factory=lambda: SimpleNamespace(toolkit=SimpleNamespace(programs=SimpleNamespace(version="15.8")))
    )

    @property
    def busy(self) -> str | None:
        return "RESTORING" if self.clock.now() < self.away_until else None

    @property
    def status(self) -> str:
        return self.busy or "ACTIVE_HEALTHY"

    @property
    def window(self) -> tuple[float, float]:
        return self.clock.now() - 86400, self.clock.now() - 60

    def connection_string(self) -> str:
        return "never asked"

    # As `hotops.sandbox.projects.Databases` of this one project.

    def __iter__(self) -> Any:
        return iter([self])

    removed: frozenset[str] = frozenset()

    def find(self, ref: str) -> Recovering | None:
        return self if ref == REF else None

    def organizations(self) -> list[str]:
        return ["acme"]

    def recover(self, _database: Any, moment: float) -> None:
        self.recoveries.append(moment)
        self.writes = [at for at in self.writes if at <= moment]
        self.away_until = self.clock.now() + AWAY_S


class MomentStage(Stage):
    """A project with a good row and, some minutes later, a migration that nobody wants."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, supabase_project="shop")
        now = self.clock.now()
        self.moment = math.floor(now - BEFORE_S)
        self.shop = Recovering(self.clock, [self.moment - 60.0, self.moment + 60.0])
        self.twin.tokens["supabase"] = SUPABASE_TOKEN
        api = ManagementApi(self.shop, SUPABASE_TOKEN)  # type: ignore[arg-type]
        self.twin.mount("api.supabase.com", "supabase", api.handle)


def go_back(stage: MomentStage, run: str) -> object:
    want = MomentWanted(to=rfc3339(stage.moment), overwrite="shop", confirm="shop", without_backup=True)
    with stage.context(run.replace("promote", "restore_moment")) as context:
        return drive(RestoreMoment(want, context))


def recovered_once(stage: MomentStage) -> Iterable[str]:
    """A second recovery would take what was written since the first: no run asks twice, whatever it was answered."""
    if len(stage.shop.recoveries) > 1:
        yield f"one run asked for {len(stage.shop.recoveries)} recoveries"
    if any(moment != stage.moment for moment in stage.shop.recoveries):
        yield f"it asked for {stage.shop.recoveries}, not {stage.moment}"


MOMENT = Sweep(
    "restore_moment",
    world=MomentStage,
    run=go_back,
    state=lambda stage: {"status": stage.shop.status, "writes": [round(at - stage.moment) for at in stage.shop.writes]},
    wanted=lambda seen: seen == {"status": "ACTIVE_HEALTHY", "writes": [-60]},
    # Asked for, and away: it comes back by itself, and a run that is told so waits for it.
    half_way=lambda seen: seen["status"] == "RESTORING",
    meanwhile=recovered_once,
)


def test_whatever_breaks_a_way_back_to_a_moment_is_asked_for_once_and_a_rerun_gets_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(management, "run_query", lambda *_asked, **_how: [{"answers": 1}])
    MOMENT.all_hold(tmp_path, short=40)
