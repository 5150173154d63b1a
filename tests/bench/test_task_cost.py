"""What a task costs, in CPU: a real call to Fly's API in a task of ours against Ansible's cheapest task, `debug`.

A play of many equal tasks less a play of few, so that Ansible's start cancels; variants take turns; medians. CPU is
that of ansible-playbook and its workers. Each task asks for another app: the published rate limits would make it wait.
"""

from __future__ import annotations

import resource
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotops.core.sandbox_process import start_sandbox, stop_sandbox
from tests.playbooks.project import Project
from tests.twin.asking import app_seed, fly_seed

FEW, MANY = 2, 32
ROUNDS = 5
TASKS = {
    "debug": "ansible.builtin.debug: {msg: shop%d}",
    "fly_app_info": "hotops.core.fly_app_info: {app: shop%d}",
    "fly_machine_info": "hotops.core.fly_machine_info: {app: shop%d}",
}
GROUP = {"app": {"count": 1, "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}}}

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project over a sandbox with an app for each task."""
    made = Project(tmp_path)
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(made.state))
    apps = [app_seed(f"shop{number}", groups=GROUP, certificates=[]) for number in range(MANY)]
    start_sandbox({**fly_seed(*apps, images=[]), "supabase": {"projects": []}}, detached=False)
    yield made
    stop_sandbox()


def cpu_s(project: Project, task: str, count: int) -> float:
    """CPU seconds of a play of `count` tasks."""
    tasks = "\n".join(f"    - {task % number}" for number in range(count))
    project.write("cost.yml", f"- hosts: localhost\n  gather_facts: false\n  tasks:\n{tasks}\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = project.run("cost.yml")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ran.code == 0, ran.text
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_task_with_a_real_call_costs_at_most_two_debugs(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    seen: dict[str, list[float]] = {name: [] for name in TASKS}
    for _ in range(ROUNDS):
        for name, task in TASKS.items():
            cost_s = (cpu_s(project, task, MANY) - cpu_s(project, task, FEW)) / (MANY - FEW)
            seen[name].append(cost_s * 1000)
    medians = {name: statistics.median(costs) for name, costs in seen.items()}
    with capsys.disabled():
        for name, median in medians.items():
            print(f"  {name}: {median:.1f} ms CPU a task, {median / medians['debug']:.2f} x debug")
    assert all(median <= 2 * medians["debug"] for median in medians.values()), medians
