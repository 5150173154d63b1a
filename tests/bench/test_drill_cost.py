"""What a drill takes beside the bare way back: a restore that proves nothing, and the platform's own recovery.

HOTOPS_BENCH_ROWS is the number of rows of the largest table: 2,000,000 makes about 1 GB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotops.core.clock import SystemClock
from hotops.core.driver import drive
from hotops.drill.drill import DrDrill, DrillWanted
from hotops.drill.experiment import scenarios
from hotops.drill.result import seconds
from hotops.sandbox.__main__ import _cache_dir
from hotops.sandbox.ca import Authority
from hotops.sandbox.postgres import Cluster, Toolkit
from hotops.secrets.pretended_vault import make_pretended_vault
from tests.backup.stage import Server
from tests.backup.test_operations import Calls
from tests.bench.figures import Figures, Table
from tests.bench.test_backup_cost import skewed
from tests.drill.conftest import SPEED, Shop, shop, shop_at, shop_process  # noqa: F401 (fixtures)
from tests.drill.test_drills import drill

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]
ROWS = int(os.environ.get("HOTOPS_BENCH_ROWS", "2000000"))
#: kill → proven, serving: at most so much of a bare restore, and so many seconds beyond the platform's recovery.
LOGICAL, BEYOND_S = 1.5, 15.0


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    cluster = Cluster(Toolkit.gather(_cache_dir()), Authority(), tmp_path / "cluster", "a" * 20, (), "bench")
    cluster.start()
    try:
        server = Server(cluster)
        server.copy_of("template0", "shop")
        server.run("shop", *skewed(ROWS))
        made = Calls(server, tmp_path)
        made.environ["DATABASE_URL"] = server.dsn("shop", "supabase_admin")
        made.clock = SystemClock()  # type: ignore[assignment]
        made.environment = made.environment.model_copy(
            update={"supabase_project": "shop", "project_dir": tmp_path, "dr": made.environment.dr.model_copy(update={"rto_s": 7200, "rpo_s": 7200})}
        )  # fmt: skip
        yield made
    finally:
        cluster.stop()


def test_a_drill_of_a_backup_beside_a_bare_restore(
    calls: Calls, figures: Figures, capsys: pytest.CaptureFixture[str]
) -> None:
    calls("backup")
    size = calls.server.run("shop", "select pg_database_size('shop')")[0][0] / 1e9
    bare, proven, lost = [], [], []
    for turn in range(3):  # taking turns, the fastest counts: noise only ever adds
        restored = calls("restore", beside=f"bare_{turn}", compared=False)
        bare.append(sum(restored.result["phases"].values()))
        calls.server.drop(f"bare_{turn}")
        with calls.context(run=f"2030010{turn + 1}T000000Z-drill") as context:
            told = drive(DrDrill(DrillWanted(scenario="backup_restored"), context)).result
        proven.append(told["recovery_s"])
        lost.append(told["loss_s"])
    rows: list[list[str | float | int]] = [
        ["hotops restore, not compared", min(bare), 1.0],
        ["the drill: fault to every row compared", min(proven), min(proven) / min(bare)],
    ]
    figures.show(
        Table(
            "Drill of a backup", f"A skewed database of {size:.2f} GB, {ROWS} rows in the largest table. RPO of the last turn: {seconds(lost[-1])}, the age of the backup.",
            ("way", "s, fastest of 3", "x bare restore"), rows, f"at most {LOGICAL} x the bare restore of the same run", met=min(proven) <= LOGICAL * min(bare),
            section="drill-of-a-backup",
        ), capsys,
    )  # fmt: skip
    assert min(proven) <= LOGICAL * min(bare)


def test_every_scenario_in_the_sandbox_with_its_figures(
    shop: Shop,  # noqa: F811
    figures: Figures,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows: list[list[str | float | int]] = []
    for scenario in [name for name in scenarios() if name != "backup_restored"]:
        told = drill(shop, scenario)
        phases = ", ".join(f"{name} {seconds(took)}" for name, took in told["phases"].items())
        loss = "no data at stake" if told["loss_s"] is None else seconds(told["loss_s"])
        rows.append([scenario, told["recovery_s"], loss, phases])
    figures.show(
        Table(
            "Every scenario of a drill", f"Each once, in a sandbox whose platform is {SPEED} times faster than the real one; a rehearsal, and no proof.",
            ("scenario", "RTO, s", "RPO", "phases"), rows, section="drills",
        ), capsys,
    )  # fmt: skip


def test_a_recovery_to_a_moment_beside_the_platforms_own(
    tmp_path: Path,
    shop: Shop,  # noqa: F811
    figures: Figures,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With shortened waits, and with the platform's real ones, which are not ours: its log is archived in two minutes."""
    rows: list[list[str | float | int]] = []

    def measure(of: Shop, platform: str) -> None:
        for scenario in ("database_lost", "bad_migration"):
            allowed = of.environment().dr.model_copy(update={"rto_s": 3600, "rpo_s": 300})
            told = drill(of, scenario, dr=allowed)
            waits, recovers = told["phases"].get("archive", 0.0), told["phases"]["load"]
            rows.append(
                [
                    scenario,
                    platform,
                    told["recovery_s"],
                    waits,
                    recovers,
                    told["recovery_s"] - waits - recovers,
                    told["loss_s"],
                ]
            )

    measure(shop, f"{SPEED} times faster")
    with shop_at(tmp_path, tmp_path / "state", speed=1, clock=SystemClock()) as real:
        monkeypatch.setenv("HOTOPS_STATE_DIR", str(real.state_dir))
        monkeypatch.chdir(real.folder)
        make_pretended_vault(real.environment(), real.seed)
        measure(real, "as the real one")
    beyond = max(float(row[5]) for row in rows)
    figures.show(
        Table(
            "Recovery to a moment, and what a drill takes beyond it",
            "Detecting, deciding, comparing and serving again are hotops'; waiting for the log to be archived and recovering are the platform's.",
            ("scenario", "platform", "RTO, s", "archive, s", "recovery, s", "beyond, s", "RPO, s"), rows,
            f"at most {BEYOND_S:.0f} s beyond the recovery", met=beyond <= BEYOND_S, section="drill-to-a-moment",
        ), capsys,
    )  # fmt: skip
    assert beyond <= BEYOND_S
