"""A drill killed at any moment: the dead man's handle brings all back, and the next drill of the same passes."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hotops.backup.create import BackupWanted, MakeBackup
from hotops.backup.manifest import listed
from hotops.backup.settings import Where, settings_of
from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.http import READS, Http
from hotops.drill.deadman import LOG, DeadMan
from hotops.drill.drill import DrDrill, DrillWanted
from hotops.drill.experiment import load, scenarios
from hotops.drill.record import Record
from hotops.fly import Fly
from hotops.proofs.register import Register
from hotops.secrets.wanted import vault_of
from hotops.supabase.client import Supabase
from tests.drill.conftest import Shop
from tests.drill.test_drills import is_as_before

pytestmark = pytest.mark.timeout(7200)
#: How many moments of each scenario are tried; HOTOPS_SWEEP=all tries every one, in so many parts, and
#: HOTOPS_SWEEP_AT=23,24 those.
DRAWN, PARTS = 3, 4
EVERY = os.environ.get("HOTOPS_SWEEP") == "all"
WITHIN_S = 180.0
#: After so many kills a whole drill has to pass; in between, the next one is killed in its turn.
EACH = 5
APPS = ("shop-production", "shop-search")
DIED, NEVER = "20300101T000001Z-died", 10**6


def drilled(shop: Shop, scenario: str, at: int, told: Path, *, with_handle: bool = False) -> dict[str, Any]:
    """One drill of the scenario, killed at its nth moment where one is named. Tells how many moments there were."""
    with shop.context() as context:
        if at:
            context.run = DIED
        told.write_text(json.dumps({"folder": str(context.journal.run_dir)}), encoding="utf-8")  # type: ignore[attr-defined]
        moments = _counted(context, at, with_handle=with_handle)
        allowed = context.environment.dr.model_copy(update={"rpo_s": 86400})
        context.environment = context.environment.model_copy(update={"dr": allowed})
        result = drive(DrDrill(DrillWanted(scenario=scenario, confirm="shop"), context)).result
        return {"passed": result["passed"], "moments": moments[0]}


def backed_up(shop: Shop, _told: Path) -> dict[str, Any]:
    with shop.context(recorded=False) as context:
        return {"backup": drive(MakeBackup(BackupWanted(), context)).result["backup"]["id"]}


def listed_as_whole(shop: Shop, _told: Path) -> dict[str, Any]:
    """What the store lists as backups is whole and signed; one that a killed run began is told as such, and no more."""
    with shop.context(recorded=False) as context:
        settings = settings_of(context, Where())
        whole, wrong = listed(settings.store, settings.environment, settings.database)
        return {"whole": len(whole), "wrong": {str(name): str(why) for name, why in wrong.items()}}


def _counted(context: Context, at: int, *, with_handle: bool) -> list[int]:
    """Kill this process at the nth moment: a line of the journal, a note of the record, before or after a write."""
    counted, guard, handles = [0], threading.Lock(), list[int]()

    def passed() -> None:
        with guard:
            counted[0] += 1
            if counted[0] == at:
                for pid in [*(handles if with_handle else ()), os.getpid()]:
                    os.kill(pid, signal.SIGKILL)

    def gripped(handle: DeadMan) -> None:
        handles.append(handle.pid)

    if at:  # in a process of its own, which ends by it
        context.journal.intent = _after(context.journal.intent, passed)  # type: ignore[method-assign]
        context.journal.outcome = _after(context.journal.outcome, passed)  # type: ignore[method-assign]
        Record._keep = _after(Record._keep, passed)  # type: ignore[method-assign]
        Http._send = _around(Http._send, passed)  # type: ignore[method-assign]
        DeadMan.__init__ = _noted(DeadMan.__init__, gripped)  # type: ignore[method-assign]
    return counted


def _after(work: Any, passed: Callable[[], None]) -> Any:
    def call(*given: Any, **named: Any) -> Any:
        answer = work(*given, **named)
        passed()
        return answer

    return call


def _noted(make: Any, note: Callable[[Any], None]) -> Any:
    def call(made: Any, *given: Any, **named: Any) -> None:
        make(made, *given, **named)
        note(made)

    return call


def _around(send: Any, passed: Callable[[], None]) -> Any:
    """Before and after each call that writes, but for the beats, of which nobody knows how many there are."""

    def call(self: Http, method: str, path: str, *given: Any, **named: Any) -> Any:
        if method in READS or path.endswith("read-only") or threading.current_thread().name == "heartbeat":
            return send(self, method, path, *given, **named)
        passed()
        answer = send(self, method, path, *given, **named)
        passed()
        return answer

    return call


class Ended(NamedTuple):
    """How a process of its own ended: -9 where it was killed, 0 where it came to its end, and what it told."""

    code: int
    told: dict[str, Any]
    said: str


def in_a_process_of_its_own(folder: Path, work: Callable[[Path], dict[str, Any]]) -> Ended:
    """A forked child does it. This process itself never opens a store, whose threads no child would inherit."""
    told, said = folder / "told", folder / "said"
    told.write_text("{}", encoding="utf-8")
    said.write_text("", encoding="utf-8")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            answer = work(told)
            told.write_text(json.dumps({**json.loads(told.read_text(encoding="utf-8")), **answer}), encoding="utf-8")
            code = 0
        except BaseException:  # noqa: BLE001 (nothing of the test may go on in this process)
            said.write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(code, json.loads(told.read_text(encoding="utf-8")), said.read_text(encoding="utf-8"))


def wait_for_the_handle(folder: Path, scenario: str) -> str:
    """Until the dead man's handle has carried the last rollback out; what it told. Nothing where there was none yet."""
    log, last = folder / LOG, load(scenario).rollbacks[-1].name
    end = time.monotonic() + WITHIN_S
    told = ""
    while log.exists() and f"Z {last}: " not in (told := log.read_text(encoding="utf-8")):
        assert "Traceback" not in told, told
        assert time.monotonic() < end, told
        time.sleep(0.1)
    return told


def world_of(shop: Shop) -> Mapping[str, Any]:
    """What a drill could leave behind: names of projects, databases, machines, volumes, secrets; never a value."""
    with shop.context(recorded=False) as context:
        fly, supabase = context.client(Fly), context.client(Supabase)
        project = supabase.find("shop")
        assert project is not None
        asked = "select datname::text as name from pg_database where not datistemplate order by 1"
        vault = vault_of(shop.environment(), may_write=False)
        return {
            "projects": len(supabase.projects()),
            "databases": [row["name"] for row in supabase.look(project.ref, asked)],
            "machines": {app: [(m.state, m.region, m.host_status) for m in fly.machines.list(app)] for app in APPS},
            "schema": supabase.look(project.ref, "select to_regnamespace('hotops_drill')::text as there"),
            "begun": sorted(path.name for path in (shop.state_dir / "drills").glob("*")),
            "volumes": [volume.region for volume in fly.volumes.list("shop-search")],
            "secrets": {app: sorted(each.name for each in fly.secrets.list(app)) for app in APPS},
            "successors": sorted(path for path in vault.documents if ".new" in path),
        }  # fmt: skip


def nothing_unproven_counts(shop: Shop, folder: Path) -> None:
    """A run that died stands in the register as passed only where its verdict was already in its evidence."""
    evidence = (folder / "evidence.jsonl").read_text(encoding="utf-8")
    for entry in Register(shop.folder / "artifacts/drills/register.jsonl").entries():
        if entry.run == DIED and entry.passed:
            assert '"good"' in evidence


def moments_of(scenario: str, count: int, part: int) -> list[int]:
    if one := os.environ.get("HOTOPS_SWEEP_AT"):
        return [int(each) for each in one.split(",")]
    if EVERY:
        return list(range(1, count + 1))[part::PARTS]
    seed = int(os.environ.get("HOTOPS_SWEEP_SEED", "1"))
    return sorted(random.Random(f"{seed}{scenario}").sample(range(1, count + 1), min(DRAWN, count)))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS if EVERY else 1))
@pytest.mark.parametrize("dies", ["alone", "with its handle"])
@pytest.mark.parametrize("scenario", scenarios())
def test_whenever_it_dies_all_comes_back_and_the_next_drill_passes(
    shop: Shop, scenario: str, dies: str, part: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alone: its handle brings all back. With its handle, as in a power cut: the next drill does it first."""
    alone = dies == "alone"

    def done(work: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        ended = in_a_process_of_its_own(tmp_path, work)
        assert ended.code == 0, ended.said
        return ended.told

    done(partial(backed_up, shop))
    done(partial(drilled, shop, scenario, 0))  # the first one of all has more to do: login roles are made
    count = int(done(partial(drilled, shop, scenario, NEVER))["moments"])
    before, began, died = world_of(shop), time.monotonic(), 0
    register = shop.folder / "artifacts/drills/register.jsonl"
    tried = moments_of(scenario, count, part)
    for number, at in enumerate(tried, 1):
        register.unlink(missing_ok=True)
        ended = in_a_process_of_its_own(tmp_path, partial(drilled, shop, scenario, at, with_handle=not alone))
        assert ended.code in (-9, 0), f"{scenario} at {at}: {ended.said}"
        died += ended.code == -9
        folder = Path(ended.told["folder"])
        told = wait_for_the_handle(folder, scenario) if alone else ""
        where = f"{scenario}, killed {dies} at moment {at} of {count}; the handle: {told or 'nothing'}"
        if alone:
            assert world_of(shop) == before, where
        nothing_unproven_counts(shop, folder)
        if alone and number % EACH and number != len(tried):
            continue  # the next drill is the one that dies next: it has to get on from here to its own moment
        # The dead run's lock is still there: the next one takes it over.
        assert done(partial(drilled, shop, scenario, 0))["passed"] is True, where
        is_as_before(shop)
        assert world_of(shop) == before, where
        assert set(done(partial(listed_as_whole, shop))["wrong"].values()) <= {"unfinished"}, where
    says = f"{scenario}: {died} kills ({dies}) at {len(tried)} of {count} moments, {time.monotonic() - began:.0f} s"
    with capsys.disabled():
        print(f"\n{says}")
    if tell := os.environ.get("HOTOPS_SWEEP_TELL"):  # workers of pytest-xdist show nothing
        with Path(tell).open("a", encoding="utf-8") as file:
            file.write(f"{says}\n")


def test_after_a_power_cut_the_next_drill_brings_back_first_what_is_left(shop: Shop, tmp_path: Path) -> None:
    """The drill and its handle died when the machine was lost: nobody put it back."""
    died = in_a_process_of_its_own(tmp_path, partial(drilled, shop, "machine_lost", 9, with_handle=True))
    assert died.code == -9, died.said
    assert (shop.state_dir / "drills" / f"{DIED}.begun").exists()
    with shop.context(recorded=False) as context:
        planned = drive(DrDrill(DrillWanted(scenario="machine_lost"), context), check=True).plan.render()
    assert (
        f"dead/{DIED}/bring_back (What this drill of machine_lost left when it died is brought back first)" in planned
    )
    ended = in_a_process_of_its_own(tmp_path, partial(drilled, shop, "machine_lost", 0))
    assert (ended.code, ended.told.get("passed")) == (0, True), ended.said
    is_as_before(shop)
