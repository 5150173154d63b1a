"""What a promotion costs beside the platform's waits: Ansible's start, the questions, the evidence."""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from hotops.core.clock import parse_rfc3339
from hotops.core.sandbox_control import ControlClient
from hotops.core.sandbox_process import start_sandbox, stop_sandbox
from tests.bench.figures import Cell, Figures, Table
from tests.playbooks.playing import lines_of
from tests.playbooks.project import ROOT, Project
from tests.sandbox_fixture import small_seed

ROUNDS = 3
TARGET_S = 4.0
TRACED = Path(__file__).with_name("traced")
#: Who asked the clock to sleep, in words.
WAITS = {
    "hotops.core.limiter": "the API's published limits",
    "hotops.core.waiting": "a machine's start and checks, a lease",
    "hotops.deploy.roll": "drain, and the proxy's knowledge of it",
    "hotops.promote.watch": "the watch",
    "hotops.core.http": "requests that were repeated",
}
INVENTORY = """
all:
  vars:
    env_kind: sandbox
    fly_org: personal
    soak_s: 1800
    watch_s: {watch_s}
    watch: {{interval_s: 1}}
    samples: 20
    warmup: 1
    drain_s: {drain_s}
    wait_timeout_s: 60
apps:
  hosts:
    shop-production:
      promote_from: shop-staging
"""

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Run:
    """Seconds of a run: by the clock, of CPU, until its first line of evidence, and slept by what for."""

    wall_s: float
    cpu_s: float
    opened_s: float
    waits: Mapping[str, float]

    @property
    def own_s(self) -> float:
        return self.wall_s - sum(self.waits.values())


class World:
    """A project, and a sandbox of a speed with so many machines an app; each promotion begins at the seed."""

    def __init__(self, folder: Path, *, speed: float, machines: int, watch_s: float, drain_s: float) -> None:
        self.project = Project(folder)
        self.project.write("inventories/sandbox/hosts.yml", INVENTORY.format(watch_s=watch_s, drain_s=drain_s))
        self.project.environ["PYTHONPATH"] = f"{TRACED}:{ROOT}"
        self.waits = folder / "waits.txt"
        self.project.environ["BENCH_WAITS"] = str(self.waits)
        self.seed = small_seed()
        for app in self.seed["fly"]["apps"]:
            app["groups"]["app"]["count"] = machines
        self.control = ControlClient(start_sandbox(self.seed, speed=speed, detached=False).state)

    def promote(self) -> Run:
        """One promotion from the seed on."""
        self.control.reset()
        return self.play()

    def play(self) -> Run:
        """One run of the playbook."""
        self.waits.write_text("", encoding="utf-8")
        before, began, stamp = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), time.time()
        ran = self.project.run("hotops.core.promote")
        wall_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        assert ran.code == 0, ran.text
        opened = parse_rfc3339(lines_of(self.project.runs()[-1])[0]["at"])
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Run(wall_s, cpu_s, opened - stamp, waited(self.waits))


def waited(file: Path) -> dict[str, float]:
    """Seconds of sleep by what for; where several threads slept at once, the time is of the one that began first."""
    found: dict[str, float] = defaultdict(float)
    until = 0.0
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    for began, ended, module in sorted((float(line[1]), float(line[2]), line[3]) for line in lines):
        found[WAITS.get(module, module)] += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return dict(found)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    yield tmp_path
    stop_sandbox()


def test_a_promotion_beside_its_waits(state: Path, figures: Figures, capsys: pytest.CaptureFixture[str]) -> None:
    """As people run it: two machines, a drain, a watch; what the clock slept is taken off."""
    world = World(state, speed=1, machines=2, watch_s=5, drain_s=2)
    run = middle_of([world.promote() for _ in range(ROUNDS)])
    figures.show(
        Table(
            "A promotion of one app",
            "`ansible-playbook hotops.core.promote`, two machines, drain 2 s, watch 5 s, sandbox at its usual speed;\n"
            f"the middle one of {ROUNDS}. Own time is what is left when the time slept for the platform is taken off;\n"
            "it holds Ansible's start and every request.",
            ("", "seconds"),
            rows_of(run),
            f"own time at most {TARGET_S:g} s",
            run.own_s <= TARGET_S,
        ),
        capsys,
    )


def test_a_promotion_on_a_fast_platform(state: Path, figures: Figures, capsys: pytest.CaptureFixture[str]) -> None:
    """Hardly anything to take off: one machine, no drain, no watch, a platform fifty times as fast."""
    world = World(state, speed=50, machines=1, watch_s=0, drain_s=0)
    run = middle_of([world.promote() for _ in range(ROUNDS)])
    again = world.play()
    figures.show(
        Table(
            "A promotion where the platform takes no time",
            f"One machine, no drain, no watch, platform 50 times as fast; the middle one of {ROUNDS}. What remains to\n"
            "wait for are the published limits: so many lists of one app a second.",
            ("", "seconds"),
            [*rows_of(run), ["a second run, which finds nothing to do: own time", again.own_s]],
            f"own time at most {TARGET_S:g} s",
            run.own_s <= TARGET_S,
        ),
        capsys,
    )


def middle_of(runs: Sequence[Run]) -> Run:
    return sorted(runs, key=lambda run: run.own_s)[len(runs) // 2]


def rows_of(run: Run) -> list[list[Cell]]:
    return [
        ["whole run", run.wall_s],
        *([f"waits: {what}", seconds] for what, seconds in sorted(run.waits.items(), key=lambda item: -item[1])),
        ["own time", run.own_s],
        ["of it until the first line of evidence (Ansible's start)", run.opened_s],
        ["CPU of all its processes", run.cpu_s],
    ]
