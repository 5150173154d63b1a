"""The drill for production: the newest backup comes back beside everything, is compared, measured and removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import drive
from hotops.core.errors import HotopsError, NotRestored, RolledBack
from hotops.drill.drill import DrDrill, DrillWanted, TargetMissed
from hotops.proofs.register import Register
from tests.backup.stage import Server
from tests.backup.test_operations import Calls


@pytest.fixture
def calls(server: Server, tmp_path: Path) -> Calls:
    made = Calls(server, tmp_path)
    changes = {"supabase_project": "shop", "project_dir": tmp_path}
    made.environment = made.environment.model_copy(update=changes)
    return made


def drill(calls: Calls) -> dict[str, Any]:
    with calls.context() as context:
        return drive(DrDrill(DrillWanted(scenario="backup_restored"), context)).result


def databases(server: Server) -> list[Any]:
    return list(server.run("template1", "select datname from pg_database order by 1"))


def entries(calls: Calls) -> list[Any]:
    return Register(calls.folder / "artifacts/drills/register.jsonl").entries()


def test_a_backup_that_is_too_old_comes_back_and_the_drill_fails_all_the_same(calls: Calls, server: Server) -> None:
    calls("backup")
    calls.clock.time += 7200
    before = databases(server)
    with pytest.raises(TargetMissed, match=r"720\d s of data were lost, allowed are 3600 s"):
        drill(calls)
    assert databases(server) == before
    assert [entry.passed for entry in entries(calls)] == [False]


def test_what_would_be_lost_is_the_age_of_the_backup_and_the_phases_are_the_restores(
    calls: Calls, server: Server
) -> None:
    calls("backup")
    calls.clock.time += 600
    result = drill(calls)
    assert result["passed"] is True
    assert 600 <= result["loss_s"] < 900
    assert list(result["phases"]) == ["decide", "fetch", "load", "index", "verify", "serve"]
    (entry,) = entries(calls)
    assert (entry.scenario, entry.passed) == ("backup_restored", True)


def test_a_backup_that_does_not_come_back_is_a_failed_drill_and_leaves_nothing(calls: Calls, server: Server) -> None:
    made = calls("backup").result["backup"]["id"]
    chunk = next(name for name, size in calls.files().items() if made in name and name.endswith(".age") and size > 500)
    damaged = bytearray(calls.store.get(chunk))
    damaged[len(damaged) // 2] ^= 1
    calls.store.put(chunk, bytes(damaged))
    before = databases(server)
    with pytest.raises((RolledBack, NotRestored)):
        drill(calls)
    assert databases(server) == before
    (entry,) = entries(calls)
    assert entry.passed is False


def test_without_a_backup_nothing_is_proven(calls: Calls) -> None:
    with pytest.raises(HotopsError):
        drill(calls)
    assert all(not entry.passed for entry in entries(calls))


def test_it_may_run_on_live_clouds_and_counts_there(calls: Calls, server: Server) -> None:
    calls("backup")
    with calls.context() as context:
        context.environment = calls.environment.model_copy(update={"env_kind": "live"})
        result = drive(DrDrill(DrillWanted(scenario="backup_restored"), context)).result
    assert (result["passed"], result["counts_as_proof"]) == (True, True)
