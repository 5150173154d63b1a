"""A volume's restore with any call broken, or killed anywhere: the new one serves or the former does, never both."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError, RolledBack, UsageError
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.models import Machine, Volume
from hotops.fly.states import is_reachable, is_started
from hotops.volumes.restore import NothingToCopy, RestoreVolume, VolumeRefused, VolumeWanted
from hotops.volumes.snapshots import NoSnapshot
from tests.documented import as_documented
from tests.faults.fleets import leases
from tests.faults.sweep import FIRST, Sweep
from tests.stage import Stage
from tests.twin.stages import lock_holder

APP = "shop-search"
APPS: dict[str, Any] = {APP: {"sandbox": {"traffic_rps": 0, "groups": {"app": {"count": 1, "volume_gb": 2}}}}}


def a_stage(folder: Path) -> Stage:
    return Stage(folder, apps=APPS)


def restore(stage: Stage, run: str = FIRST, *, check: bool = False, **want: Any) -> Outcome:
    wanted = VolumeWanted(**{"app": APP, "volume": "data", "confirm": "data", **want})
    with stage.context(run, check=check) as context:
        return as_documented("restore_volume", drive(RestoreVolume(wanted, context), check=check))


def volumes(stage: Stage) -> list[Volume]:
    with stage.context() as context:
        return context.client(Fly).volumes.list(APP)


def serving(stage: Stage) -> list[Machine]:
    found = stage.living_machines(APP)
    return [each for each in found if is_started(each) and is_reachable(each) and not each.cordoned]


def state(stage: Stage) -> dict[str, Any]:
    """Who serves on which volume, by name; what waits, and what is stopped."""
    names = {volume.id: volume.name for volume in volumes(stage)}
    machines = sorted(
        (each.state, each.cordoned, names.get(each.known_config.mounts[0].volume, "gone"))
        for each in stage.living_machines(APP)
    )
    return {"volumes": sorted(names.values()), "machines": machines}


def is_wanted(seen: dict[str, Any]) -> bool:
    restored = [name for name in seen["volumes"] if name != "data"]
    return len(restored) == 1 and seen["machines"] == [("started", False, restored[0]), ("stopped", True, "data")]


def two_write(stage: Stage) -> list[str]:
    running = [each.id for each in stage.living_machines(APP) if is_started(each)]
    return [f"{running} run at the same time"] if len(running) > 1 else []


def left_behind(stage: Stage) -> Iterable[str]:
    yield from leases(stage)
    holder = lock_holder(stage)
    if holder and FIRST not in str(holder):  # a dead run's lock is taken over by the next run that writes
        yield f"the lock is held by {holder}"
    for machine in stage.living_machines(APP):
        if marks.LEFT_FOR in machine.metadata:
            yield f"{machine.id} still waits"
    if stage.get(f"https://{APP}.fly.dev/health") != 200:
        yield "nobody is served"
    if restore(stage, "third").changed:
        yield "a third run has something to do"


VOLUME = Sweep(
    "restore_volume",
    world=a_stage,
    run=restore,
    state=state,
    wanted=is_wanted,
    left_behind=left_behind,
    meanwhile=two_write,
)


def test_whatever_breaks_or_dies_one_machine_writes_and_a_rerun_converges(tmp_path: Path) -> None:
    VOLUME.all_hold(tmp_path, short=24)


def test_it_comes_back_as_of_a_snapshot_and_the_former_stays(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    (was,), (lost,) = stage.living_machines(APP), volumes(stage)
    stage.control("DELETE", "log")
    looked = restore(stage, check=True, confirm=None)
    assert [step.name for step in looked.plan.steps] == [f"{APP}/volume", f"{APP}/former", f"{APP}/machine"]
    for confirm in (None, "date"):
        with pytest.raises(VolumeRefused, match=r"6 h of writes to volume data"):
            restore(stage, confirm=confirm)
    assert stage.writes() == []

    done = restore(stage).result
    assert 6 * 3600 <= done["loses_s"] < 6 * 3600 + 600
    assert done["former"] == {"volume": lost.id, "machine": was.id}
    assert done["next"].startswith(f"fly machine destroy {was.id} -a {APP}")
    (new,) = serving(stage)
    assert (new.id, [mount.volume for mount in new.known_config.mounts]) == (done["machine"], [done["volume"]])
    assert [mount.name for mount in new.known_config.mounts] == ["data"]  # as fly.toml names it
    assert new.known_config.guest == was.known_config.guest
    assert not restore(stage, "again").changed


def test_a_lost_host_an_older_snapshot_another_region_and_wrong_names(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    (was,), (lost,) = stage.living_machines(APP), volumes(stage)
    with stage.context() as context:
        snapshots = context.client(Fly).volumes.snapshots(APP, lost.id)
    stage.control("POST", "machines", {"app": APP, "id": was.id, "do": "host_down"})
    older = restore(stage, volume=lost.id, confirm=lost.id, snapshot=snapshots[2].id, region="ams").result
    assert (older["snapshot"], round(older["loses_s"] / 86400)) == (snapshots[2].id, 2)
    assert [was.id in line for line in older["warnings"]] == [True]
    (new,) = serving(stage)
    assert (new.region, new.known_config.guest) == ("ams", was.known_config.guest)
    assert {volume.region for volume in volumes(stage) if volume.id == older["volume"]} == {"ams"}

    with pytest.raises(NoSnapshot, match=r"has those of .*Z, "):
        restore(stage, volume=lost.id, confirm=lost.id, snapshot="2001-01-01T00:00:00Z")
    with pytest.raises(UsageError, match="yesterday"):
        restore(stage, volume=lost.id, confirm=lost.id, snapshot="yesterday")
    with pytest.raises(VolumeRefused, match=f"{lost.id} \\(data, "):
        restore(stage, volume="date", confirm="date")
    with pytest.raises(UsageError, match=r"Did you mean shop-search\?"):
        restore(stage, app="shop-serch")


def test_of_several_apps_the_one_that_is_meant_has_to_be_selected(tmp_path: Path) -> None:
    other = {"shop-files": APPS[APP]}
    stage = Stage(tmp_path, apps={**APPS, **other})
    (was,) = stage.living_machines(APP)
    with pytest.raises(UsageError, match=r"Which app\? 2 are selected: .*Nothing was written") as failed:
        restore(stage, app=None)
    assert str(failed.value.remedy).startswith("Name it: -l shop-")
    assert stage.writes() == []
    assert [each.id for each in serving(stage)] == [was.id]


def test_a_destroyed_volume_comes_back_where_a_machine_is_left_to_be_like(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    (was,), (lost,) = stage.living_machines(APP), volumes(stage)
    with stage.context() as context:
        fly = context.client(Fly)
        fly.machines.destroy(APP, was.id, force=True)
        fly.volumes.destroy(APP, lost.id)
    with pytest.raises(NothingToCopy, match="No machine of shop-search is left"):
        restore(stage)
    assert volumes(stage) == []


def test_a_new_one_that_is_not_well_goes_and_the_former_one_serves_again(tmp_path: Path) -> None:
    stage = a_stage(tmp_path)
    before, (was,) = state(stage), stage.living_machines(APP)
    stage.control(
        "POST",
        "faults",
        {"kind": "no_capacity", "match": {"method": "POST", "path": f"/v1/apps/{APP}/machines"}, "times": 9},
    )
    with pytest.raises(HotopsError) as failed:
        restore(stage)
    assert isinstance(failed.value, RolledBack), failed.value
    assert state(stage) == before
    assert [each.id for each in serving(stage)] == [was.id]
    assert list(left_of(stage)) == []


def left_of(stage: Stage) -> Iterable[str]:
    yield from leases(stage)
    yield from (each.id for each in stage.living_machines(APP) if marks.LEFT_FOR in each.metadata)
