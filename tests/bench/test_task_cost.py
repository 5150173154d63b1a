"""What a task costs, in CPU: a real call to Fly's API in a task of ours against Ansible's cheapest task, `debug`.

A play of many equal tasks less a play of few, so that Ansible's start cancels; variants take turns; medians. CPU is
that of ansible-playbook and its workers. Each task asks for another app: the published rate limits would make it wait.
"""

from __future__ import annotations

import resource
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hotops.core.sandbox_process import start_sandbox, stop_sandbox
from tests.bench.figures import Figures, Table
from tests.playbooks.project import Project
from tests.twin.asking import app_seed, fly_seed

FEW, MANY = 2, 32
ROUNDS = 5
TARGET = 2.0
TASKS = {
    "debug": "ansible.builtin.debug: {msg: shop%d}",
    "fly_app_info": "hotops.core.fly_app_info: {app: shop%d}",
    "fly_machine_info": "hotops.core.fly_machine_info: {app: shop%d}",
    # Two calls, an environment of four apps, three lines of evidence.
    "promote_phase find_source": "{hotops.core.promote_phase: {phase: find_source}, vars: {apps: [shop%d]}}",
    # The same GET by Ansible's own module, for comparison: it is packed, copied and started for each task.
    "uri": "{ansible.builtin.uri: {url: '{{ api }}/v1/apps/shop%d', status_code: [400, 401, 404]}, vars: {api: API}}",
}
COUNTS = {"promote_phase find_source": 12, "uri": 8}
#: How many apps the inventory promotes: each may be listed three times before the published limit makes it wait.
PROMOTED = 4
COMMON = {
    "env_kind": "sandbox",
    "fly_org": "personal",
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}
GROUP = {"app": {"count": 1, "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}}}

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project over a sandbox with an app for each task, one of them promoted from another."""
    made = Project(tmp_path)
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(made.state))
    apps = [app_seed(f"shop{number}", groups=GROUP, certificates=[]) for number in range(MANY)]
    state = start_sandbox({**fly_seed(*apps, images=[]), "supabase": {"projects": []}}, detached=False).state
    place = state["hosts"]["api.machines.dev:443"]
    monkeypatch.setitem(TASKS, "uri", TASKS["uri"].replace("API", f"http://{place['address']}:{place['port']}"))
    hosts = {f"shop{number}": {"promote_from": f"shop{number + PROMOTED}", "soak_s": 0} for number in range(PROMOTED)}
    inventory = {"all": {"vars": COMMON}, "apps": {"hosts": hosts}}
    made.write("inventories/sandbox/hosts.yml", yaml.safe_dump(inventory))
    yield made
    stop_sandbox()


def cpu_s(project: Project, task: str, count: int) -> float:
    """CPU seconds of a play of `count` tasks."""
    apps = PROMOTED if "find_source" in task else count
    tasks = "\n".join(f"    - {task % (number % apps)}" for number in range(count))
    shutil.rmtree(project.state / "limits", ignore_errors=True)  # what waits is polled, and that is CPU, too
    project.write(
        "cost.yml",
        f"- hosts: all:localhost\n  gather_facts: false\n  tasks:\n  - run_once: true\n    block:\n{tasks}\n",
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = project.run("cost.yml")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ran.code == 0, ran.text
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cost_ms(project: Project, task: str, many: int) -> float:
    """CPU milliseconds of one task."""
    return 1000 * (cpu_s(project, task, many) - cpu_s(project, task, FEW)) / (many - FEW)


def test_what_a_task_with_a_real_call_costs_beside_debug(
    project: Project, figures: Figures, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, list[float]] = {name: [] for name in TASKS}
    for _ in range(ROUNDS):
        for name, task in TASKS.items():
            seen[name].append(cost_ms(project, task, COUNTS.get(name, MANY)))
    medians = {name: statistics.median(costs) for name, costs in seen.items()}
    ratios = {name: median / medians["debug"] for name, median in medians.items()}
    met = all(ratios[name] <= TARGET for name in TASKS if name != "uri")
    figures.show(
        Table(
            "CPU of a task",
            f"A play of many equal tasks less one of {FEW}, so that Ansible's start cancels; CPU of Ansible and its\n"
            f"workers; variants take turns, medians of {ROUNDS}. `uri` is Ansible's own module with one GET.",
            ("task", "ms", "x debug"),
            [[name, median, ratios[name]] for name, median in medians.items()],
            f"tasks of hotops at most {TARGET:g} x debug",
            met,
        ),
        capsys,
    )
    assert all(cost > 0 for cost in medians.values()), medians
