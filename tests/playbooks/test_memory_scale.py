"""memory_scale.yml on a running sandbox: looked at, done, done again, killed, and asked for what can not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.core.context import Context
from hotops.core.world import World
from hotops.fly import Fly
from hotops.fly.models import Machine
from tests.playbooks.playing import Visitors, lines_of, playing, shop
from tests.playbooks.project import ROOT
from tests.sandbox_fixture import RunningSandbox

INVENTORY = """
all:
  vars:
    env_kind: sandbox
    fly_org: personal
    drain_s: 1
    wait_timeout_s: 30
apps:
  hosts:
    shop-production:
      memory_floor_mb: 2048
    shop-staging:
      process_groups:
        app: {count: 2, memory_mb: 512}
"""
PLAYBOOK = str(ROOT / "memory_scale.yml")
APPS = ("shop-production", "shop-staging")


def machines(app: str) -> list[Machine]:
    with Context(world=World.of("sandbox")) as context:
        return context.client(Fly).machines.list(app)


def memory() -> dict[str, list[int]]:
    return {app: [machine.known_config.guest.memory_mb for machine in machines(app)] for app in APPS}


def writes(sandbox: RunningSandbox) -> list[Any]:
    return [entry for entry in sandbox.control.entries() if entry["effect"] != "none"]


def test_it_is_looked_at_done_under_visitors_and_the_second_run_changes_nothing(
    tmp_path: Path, sandbox: RunningSandbox
) -> None:
    project = shop(tmp_path, sandbox, inventory=INVENTORY)
    looked = project.run(PLAYBOOK, "--check", "--diff")
    assert looked.code == 0, looked.text
    assert "memory_mb 1024 → 2048" in looked.text
    assert "4 to change, 0 to add, 0 to destroy. Nothing was written." in looked.text
    assert "Cost: +60.00 USD a year" in looked.text, "production grows, staging shrinks"
    assert writes(sandbox) == []
    visitors = Visitors(sandbox)
    with visitors.visiting():
        done = project.run(PLAYBOOK)
    assert done.code == 0, done.text
    assert "changed=1" in done.text
    assert "shop-staging/app: shared-1x 1024 MB → shared-1x 512 MB" in done.text
    assert memory() == {"shop-production": [2048, 2048], "shop-staging": [512, 512]}
    assert visitors.answers.total() > 20
    assert visitors.lost == 0, visitors.answers
    before = len(writes(sandbox))
    again = project.run(PLAYBOOK)
    assert "changed=0" in again.text, again.text
    assert len(writes(sandbox)) == before
    kinds = [line["kind"] for line in lines_of(project.runs()[0])]
    assert kinds.count("intent") == kinds.count("outcome") == 4


def test_killed_in_the_middle_a_rerun_finishes_it(tmp_path: Path, sandbox: RunningSandbox) -> None:
    project = shop(tmp_path, sandbox, inventory=INVENTORY)
    with playing(project, sandbox, PLAYBOOK) as run:
        run.wait_until(lambda seen: seen.count("POST", r"/machines/\w+/cordon$") > 0)
        run.kill()
    again = project.run(PLAYBOOK, "-e", "memory_mb=2048")
    assert again.code == 0, again.text
    assert memory() == {"shop-production": [2048, 2048], "shop-staging": [2048, 2048]}
    assert not [machine.id for app in APPS for machine in machines(app) if machine.cordoned]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-e", "memory_mb=1000"], 2, "The nearest are 768 and 1024 MB"),
        (["-l", "shop-production", "-e", "memory_mb=1024"], 2, "below the declared floor of 2048 MB"),
        (["-e", "memory_mb=2048", "-e", "process_group=web"], 3, "it has app"),
    ],
)
def test_what_can_not_be_is_refused_in_words(
    tmp_path: Path, sandbox: RunningSandbox, arguments: list[str], code: int, says: str
) -> None:
    project = shop(tmp_path, sandbox, inventory=INVENTORY)
    ran = project.run(PLAYBOOK, *arguments)
    assert ran.code == 2
    assert says in ran.text
    assert f"(exit code {code})" in ran.last_line
    assert writes(sandbox) == []
