"""Sixty machines in six apps over real sockets: how much memory the process that promotes them needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from hotops.core.sandbox_process import start_sandbox, stop_sandbox
from hotops.inventory.load import environment_from_vars
from hotops.inventory.seed import seed_of
from tests.benchmarks_page import table, write_section
from tests.playbooks.project import Project

MOST_MB = 150
MACHINES = 10
HOSTS = {f"shop-{name}": {"promote_from": f"{name}-staging"} for name in "abcdef"}
COMMON = {
    "env_kind": "sandbox",
    "env_name": "sandbox",
    "fly_org": "acme",
    "samples": 6,
    "warmup": 1,
    "watch_s": 10,
    "drain_s": 1,
    "sandbox": {"groups": {"app": {"count": MACHINES}}, "traffic_rps": 1},
}
#: A promotion by the library alone, and what the kernel says of its memory (KiB, as Linux counts).
PROMOTE = """
import json, resource, sys
from pathlib import Path
from hotops.core.context import Context
from hotops.core.world import World
from hotops.inventory.load import environment_from_vars
from hotops.promote.run import promote

hosts = json.loads(sys.argv[1])
environment = environment_from_vars(
    hosts, {"all": list(hosts), "apps": list(hosts)}, inventory=Path("inventories/sandbox")
)
with Context(world=World.of("sandbox"), reason="measured", environment=environment, selection=tuple(hosts)) as context:
    outcomes = promote(context)
machines = sum(len(app["machines"]) for app in outcomes["deploy"].result["apps"].values())
print(machines, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project of sixty machines over a sandbox whose machines boot twenty times as fast."""
    made = Project(tmp_path)
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(made.state))
    made.write("inventories/sandbox/hosts.yml", yaml.safe_dump({"apps": {"hosts": HOSTS, "vars": COMMON}}))
    environment = environment_from_vars(
        all_vars(), {"all": list(HOSTS), "apps": list(HOSTS)}, inventory=tmp_path / "inventories/sandbox"
    )
    start_sandbox(seed_of(environment), speed=20, detached=False)
    yield made
    stop_sandbox()


def all_vars() -> dict[str, dict[str, object]]:
    return {host: {**COMMON, **own} for host, own in HOSTS.items()}


def by_library(project: Project) -> float:
    """The most MiB that a promotion had which a script runs."""
    done = subprocess.run(
        [sys.executable, "-c", PROMOTE, json.dumps(all_vars())],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    machines, most_kib = done.stdout.split()
    assert int(machines) == len(HOSTS) * MACHINES
    return int(most_kib) / 1024


def by_playbook(project: Project) -> float:
    """The most MiB that any process of an ansible-playbook had, its workers included."""
    with subprocess.Popen(
        project.command("hotops.core.promote", "-e", "reason=measured"),
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout is not None
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, said
    assert re.search(r"^hotops: promoted \(exit code 0\)", said, re.MULTILINE), said
    return usage.ru_maxrss / 1024


@pytest.mark.parametrize("measure", [by_library, by_playbook], ids=["library", "playbook"])
def test_a_promotion_of_sixty_machines_needs_little_memory(
    project: Project, measure: Callable[[Project], float]
) -> None:
    way = measure.__name__.replace("_", " ")
    most_mb = measure(project)
    print(f"{way}: {most_mb:.0f} MiB at most (tolerated: {MOST_MB})")
    text = table(["way", "most memory (MiB)", "tolerated"], [[way, f"{most_mb:.0f}", MOST_MB]])
    write_section(f"memory-{measure.__name__}", f"Memory of sixty machines, {way}", f"{EXPLAINED}\n\n{text}")
    assert most_mb <= MOST_MB


EXPLAINED = """\
The most that the promoting process ever had (`ru_maxrss`): six apps of ten machines, a sandbox process over sockets."""
