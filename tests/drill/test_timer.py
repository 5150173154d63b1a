"""The timer of systemd: what is due is drilled, what is not costs nothing, and an error is no skip."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.core.errors import UsageError
from hotops.drill.timer import DrTimer, TimerWanted
from tests.documented import as_documented
from tests.drill.conftest import Shop


def write(shop: Shop, out: Path, *, check: bool = False, want: dict[str, Any] | None = None, **changes: Any) -> Outcome:
    with shop.context(recorded=False) as context:
        context.environment = context.environment.model_copy(update=changes)
        return as_documented(
            "dr_timer", drive(DrTimer(TimerWanted(out=str(out), **(want or {})), context), check=check)
        )


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    return parser


def test_two_files_are_written_once_and_check_mode_writes_none(paper: Shop, tmp_path: Path) -> None:
    assert write(paper, tmp_path / "out", check=True).changed
    assert not (tmp_path / "out").exists()
    write(paper, tmp_path / "out")
    assert not write(paper, tmp_path / "out").changed
    service = unit(tmp_path / "out/hotops-drill-shop.service")["Service"]
    assert service["ExecStart"].endswith("--scenario database_lost --confirm shop")
    assert service["EnvironmentFile"] == "/etc/hotops/shop.env"
    timer = unit(tmp_path / "out/hotops-drill-shop.timer")["Timer"]
    assert (timer["OnCalendar"], timer["Persistent"]) == ("Mon *-*-* 04:41:00", "true")


@pytest.mark.parametrize(("due", "condition"), [(0, 1), (8, 0), (1, 255), (4, 255)])
def test_the_condition_tells_due_from_not_due_from_broken(
    paper: Shop, tmp_path: Path, due: int, condition: int
) -> None:
    """systemd: 0 goes on, 1 to 254 is skipped and fine, 255 has failed (systemd.service, ExecCondition)."""
    write(paper, tmp_path / "out")
    told = unit(tmp_path / "out/hotops-drill-shop.service")["Service"]["ExecCondition"]
    script = told.removeprefix("/bin/sh -c ").strip("'")
    program = script.split(" dr due")[0]
    (tmp_path / "hotops").write_text(f"#!/bin/sh\nexit {due}\n", encoding="utf-8")
    (tmp_path / "hotops").chmod(0o700)
    ran = subprocess.run(["/bin/sh", "-c", script.replace(program, str(tmp_path / "hotops"))], check=False)
    assert ran.returncode == condition


def test_on_live_clouds_no_fault_is_scheduled(paper: Shop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not made on live clouds"):
        write(paper, tmp_path / "out", env_kind="live", want={"scenario": "database_lost"})
    dr = paper.environment().dr.model_copy(update={"scenarios": None})
    write(paper, tmp_path / "out", env_kind="live", dr=dr)
    assert "--scenario backup_restored" in (tmp_path / "out/hotops-drill-shop.service").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_takes_both(paper: Shop, tmp_path: Path) -> None:
    write(paper, tmp_path / "out", want={"user": "root"})
    files = [str(path) for path in sorted((tmp_path / "out").iterdir())]
    ran = subprocess.run(["systemd-analyze", "verify", *files], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
