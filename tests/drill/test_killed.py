"""A drill killed at any moment: the dead man's handle brings all back, and the next drill of the same passes."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.backup.create import BackupWanted, MakeBackup
from hotops.backup.manifest import listed
from hotops.backup.settings import Where, settings_of
from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.http import READS, Http
from hotops.drill.deadman import LOG
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
#: How many moments of each scenario are tried; HOTOPS_SWEEP=all tries every one, in so many parts.
DRAWN, PARTS = 3, 4
EVERY = os.environ.get("HOTOPS_SWEEP") == "all"
WITHIN_S = 180.0
DIED = "20300101T000001Z-died"


def drilled(shop: Shop, scenario: str, at: int = 0, folder: Path | None = None) -> dict[str, Any]:
    """One drill of the scenario; killed at its nth moment where one is named. Tells how many moments there were."""
    with shop.context() as context:
        if folder is not None:
            context.run = DIED
            folder.write_text(str(context.journal.run_dir), encoding="utf-8")  # type: ignore[attr-defined]
        moments = _counted(context, at)
        allowed = context.environment.dr.model_copy(update={"rpo_s": 86400})
        context.environment = context.environment.model_copy(update={"dr": allowed})
        told = drive(DrDrill(DrillWanted(scenario=scenario, confirm="shop"), context)).result
        return {**told, "moments": moments[0]}


def _counted(context: Context, at: int) -> list[int]:
    """Kill this process at the nth moment: a line of the journal, a note of the record, before and after a write call."""
    counted, guard = [0], threading.Lock()

    def passed() -> None:
        with guard:
            counted[0] += 1
            if counted[0] == at:
                os.kill(os.getpid(), signal.SIGKILL)

    def after(write: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            answer = write(*given, **named)
            passed()
            return answer

        return call

    def around(send: Any) -> Any:
        def call(self: Http, method: str, path: str, *given: Any, **named: Any) -> Any:
            if method in READS or path.endswith("read-only") or threading.current_thread().name == "heartbeat":
                return send(self, method, path, *given, **named)
            passed()
            answer = send(self, method, path, *given, **named)
            passed()
            return answer

        return call

    if at:  # in a process of its own, which ends by it
        context.journal.intent = after(context.journal.intent)  # type: ignore[method-assign]
        context.journal.outcome = after(context.journal.outcome)  # type: ignore[method-assign]
        Record._keep = after(Record._keep)  # type: ignore[method-assign]
        Http._send = around(Http._send)  # type: ignore[method-assign]
    return counted


def in_a_process_of_its_own(shop: Shop, scenario: str, at: int, said: Path) -> tuple[int, Path]:
    """Its end (-9 where it was killed at that moment, 0 where it had fewer) and its run's folder."""
    folder = said.with_name("folder")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            told = drilled(shop, scenario, at, folder)
            said.write_text(json.dumps({"moments": told["moments"]}), encoding="utf-8")
            code = 0
        except BaseException:  # nothing of the test may go on in this process
            said.write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            os._exit(code)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return ended, Path(folder.read_text(encoding="utf-8"))


def wait_for_the_handle(folder: Path, scenario: str) -> str:
    """Until the dead man's handle has carried the last rollback out; what it told. Nothing where there was none yet."""
    log, last = folder / LOG, load(scenario).rollbacks[-1].name
    end = time.monotonic() + WITHIN_S
    told = ""
    while log.exists() and last not in (told := log.read_text(encoding="utf-8")):
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
            "machines": {app: len(fly.machines.list(app)) for app in ("shop-production", "shop-search")},
            "volumes": len(fly.volumes.list("shop-search")),
            "secrets": {app: sorted(s.name for s in fly.secrets.list(app)) for app in ("shop-production", "shop-search")},
            "successors": sorted(path for path in vault.documents if ".new" in path),
        }  # fmt: skip


def nothing_unproven_counts(shop: Shop, folder: Path) -> None:
    """A run that died stands in the register as passed only where its verdict was already in its evidence."""
    evidence = (folder / "evidence.jsonl").read_text(encoding="utf-8")
    for entry in Register(shop.folder / "artifacts/drills/register.jsonl").entries():
        if entry.run == DIED and entry.passed:
            assert '"good"' in evidence
    with shop.context(recorded=False) as context:
        settings = settings_of(context, Where())
        _whole, wrong = listed(settings.store, settings.environment, settings.database)
        assert not wrong


def moments_of(scenario: str, count: int, part: int) -> list[int]:
    if EVERY:
        return list(range(1, count + 1))[part::PARTS]
    seed = int(os.environ.get("HOTOPS_SWEEP_SEED", "1"))
    return sorted(random.Random(f"{seed}{scenario}").sample(range(1, count + 1), min(DRAWN, count)))


@pytest.fixture
def cases() -> Iterator[list[int]]:
    made: list[int] = []
    yield made


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS if EVERY else 1))
@pytest.mark.parametrize("scenario", scenarios())
def test_whenever_it_dies_all_comes_back_and_the_next_drill_passes(
    shop: Shop, scenario: str, part: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with shop.context(recorded=False) as context:
        drive(MakeBackup(BackupWanted(), context))
    drilled(shop, scenario)  # the first one of all has more to do: login roles are made
    said = tmp_path / "said"
    assert in_a_process_of_its_own(shop, scenario, 10**6, said)[0] == 0, said.read_text(encoding="utf-8")
    count = json.loads(said.read_text(encoding="utf-8"))["moments"]
    before, began = world_of(shop), time.monotonic()
    tried = moments_of(scenario, count, part)
    died = 0
    register = shop.folder / "artifacts/drills/register.jsonl"
    for at in tried:
        register.unlink()
        ended, folder = in_a_process_of_its_own(shop, scenario, at, said)
        assert ended in (-9, 0), f"{scenario} at {at}: {said.read_text(encoding='utf-8')}"
        died += ended == -9
        told = wait_for_the_handle(folder, scenario)
        where = f"{scenario}, killed at moment {at} of {count}; the handle: {told or 'nothing'}"
        assert world_of(shop) == before, where
        nothing_unproven_counts(shop, folder)
        # The dead run's lock is still there: the next one takes it over.
        assert drilled(shop, scenario)["passed"] is True, where
        is_as_before(shop)
        assert world_of(shop) == before, where
    with capsys.disabled():
        print(f"\n{scenario}: {died} kills at {len(tried)} of {count} moments, {time.monotonic() - began:.0f} s")
