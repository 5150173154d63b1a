"""Three bad nights on a real sandbox: from the first look to served again, with the commands that the screens name."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from hotops.core.verification import verify
from tests.benchmarks_page import table, write_section
from tests.night import COLUMNS, Night
from tests.playbooks.project import ROOT, Project
from tests.sandbox_fixture import RunningSandbox

PAGE = ROOT / "docs/bad-night.md"
POOLER = "aws-1-us-east-1.pooler.supabase.com"
INVENTORY = """
all:
  vars:
    env_kind: sandbox
    fly_org: personal
    supabase_project: shop
    vault: vault
    drain_s: 1
    wait_timeout_s: 30
apps:
  hosts:
    shop-production:
      promote_from: shop-staging
      health: [{path: /health}]
      database: {secret: supabase/database_url, use: server}
"""
ROWS = 3000


@pytest.fixture
def project(sandbox: RunningSandbox, tmp_path: Path) -> Project:
    """The shop's folder, with its inventory of production and its vault."""
    made = Project(tmp_path)
    made.write("inventories/production/hosts.yml", INVENTORY)
    made.environ["HOTOPS_STATE_DIR"] = str(sandbox.state_dir)
    return made


def is_served(sandbox: RunningSandbox) -> bool:
    return sandbox.request("GET", "https://shop-production.fly.dev/health").status_code == 200


def until(reached: Callable[[], bool]) -> None:
    """A condition that comes by itself; the night begins when it is there."""
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.05)


def is_well(night: Night) -> bool:
    """What status says at the end of it, and that what was written proves itself."""
    if night.screens[-1].command != "hotops status production":
        night.type("hotops status production")
    return bool(re.search(r": (all well|served, \d+ worth knowing)$", night.screens[-1].text.partition("\n")[0]))


def keeps_to_the_screen(night: Night) -> None:
    """No screen is wider than the terminal, but for what is copied whole."""
    for screen in night.screens:
        lines = [line for line in screen.text.splitlines() if not line.startswith("Next: ")]
        wide = [line for line in lines if len(line) > COLUMNS and " " in line.strip()]
        assert not wide, (screen.command, wide)


def test_the_release_is_broken(sandbox: RunningSandbox, project: Project) -> None:
    sandbox.control.push("shop-production", "v44-crash", age_s=300)
    until(lambda: not is_served(sandbox))
    night = Night(project, lambda: is_served(sandbox))
    night.go("hotops status production")
    assert [screen.command for screen in night.screens[:3]] == [
        "hotops status production",
        "hotops why production shop-production",
        "hotops rollback production shop-production",
    ]
    assert is_well(night), night.told()
    keeps_to_the_screen(night)
    for run in project.runs():
        assert verify(run).state == "sealed"
        assert (run / "report.html").exists()
    _keep("release", "A release is broken", "Somebody deployed past hotops; every machine's process ends.", night)


@pytest.mark.soak
def test_the_connection_string_is_wrong(sandbox: RunningSandbox, project: Project) -> None:
    wrong = f"postgresql://postgres:{quote(sandbox.db_pass, safe='')}@{POOLER}:5432/postgres?sslmode=require"
    file = project.write("vault/supabase/database_url_production.env", f'export DATABASE_URL="{wrong}"\n')
    for path in (file.parent.parent, file.parent):
        path.chmod(0o700)
    file.chmod(0o600)
    sandbox.control.call("POST", "secrets", {"app": "shop-production", "set": {"DATABASE_URL": wrong}})
    until(lambda: not is_served(sandbox))
    night = Night(project, lambda: is_served(sandbox))
    night.go("hotops status production")
    assert "hotops dsn fix production shop-production" in [screen.command for screen in night.screens]
    assert sandbox.db_pass not in night.told()
    assert is_well(night), night.told()
    keeps_to_the_screen(night)
    _keep(
        "dsn",
        "The connection string is wrong",
        "The user at the pooler lacks the project's ref, in vault and app.",
        night,
    )


@pytest.mark.soak
def test_a_table_is_wiped(sandbox: RunningSandbox, project: Project) -> None:
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass, autocommit=True) as session:

        def rows() -> int:
            found = session.execute("select count(*) from public.orders").fetchone()
            assert found is not None
            return int(found[0])

        session.execute("create table public.orders (id serial primary key, what text)")
        session.execute(f"insert into public.orders (what) select 'thing ' || n from generate_series(1, {ROWS}) n")
        before = Night(project, lambda: False)
        assert before.type("hotops backup create production").code == 0, before.told()  # as every night
        session.execute("truncate public.orders")
        night = Night(project, lambda: rows() == ROWS)
        first = night.type("hotops status production")
        assert "rows gone? hotops restore points production" in " ".join(first.text.split())
        night.go("hotops restore points production")
        assert rows() == ROWS
    assert is_well(night), night.told()
    keeps_to_the_screen(night)
    _keep(
        "table", "A table is wiped", f"A script emptied `public.orders` ({ROWS} rows); the app itself is well.", night
    )


def _keep(name: str, title: str, what: str, night: Night) -> None:
    """The night as a section of the page: seconds and screens."""
    if night.served_after_s is None:
        return
    rows = [(f"`{screen.command}`", f"{screen.seconds:.1f} s", screen.code) for screen in night.screens]
    screens = "\n\n".join(f"```text\n$ {screen.command}\n{_shown(screen.text)}\n```" for screen in night.screens)
    told = (
        f"{what} Served again after **{night.served_after_s:.1f} s** of commands, reading not counted.\n\n"
        f"{table(('typed', 'took', 'exit code'), rows)}\n\n{screens}"
    )
    if os.environ.get("HOTOPS_SOAK"):  # a page is changed by those who ask for its figures, not by every test run
        write_section(f"night-{name}", title, told, PAGE)


def _shown(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
