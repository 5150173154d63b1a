"""A playbook that runs while the test looks on: its evidence, its processes, and the visitors of the app it changes."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.playbooks.project import Project, Ran
from tests.sandbox_fixture import RunningSandbox

#: In the environment of a run: whoever carries it is one of its processes, also when its parent is gone.
MARK = "HOTOPS_PLAYING_MARK"
LOOK_S = 0.004

SHOP = """
all:
  vars:
    env_kind: sandbox
    fly_org: personal
    soak_s: 1800
    watch_s: 2
    watch: {interval_s: 0.5}
    samples: 8
    warmup: 1
    drain_s: 1
    wait_timeout_s: 30
    notifications:
      - {kind: command, argv: [sleep, "0.5"]}
apps:
  hosts:
    shop-production:
      promote_from: shop-staging
"""
"""The inventory of the shop that `tests.sandbox_fixture` seeds; drain and watch are short, as the platform is fast."""


def shop(folder: Path, sandbox: RunningSandbox, *, inventory: str = SHOP) -> Project:
    """A user's project with the sandbox's state directory and an inventory of its shop."""
    project = Project(folder)
    project.write("inventories/sandbox/hosts.yml", inventory)
    project.environ["HOTOPS_STATE_DIR"] = str(sandbox.state_dir)
    return project


@dataclass(frozen=True)
class Seen:
    """What a run showed so far: its journal's lines and the requests that the clouds answered."""

    lines: Sequence[dict[str, Any]]
    calls: Sequence[dict[str, Any]]

    def phase(self, name: str, kind: str = "phase_started") -> bool:
        """Whether a phase began (or ended: `phase_finished`)."""
        return any(line["kind"] == kind and line.get("phase") == name for line in self.lines)

    def intents(self, action: str) -> int:
        """How many steps began whose action begins so."""
        return sum(line["kind"] == "intent" and str(line["action"]).startswith(action) for line in self.lines)

    def count(self, method: str, path: str) -> int:
        """How many answered calls have this method and a path that matches the pattern."""
        return sum(call["method"] == method and bool(re.search(path, call["path"])) for call in self.calls)


class Playing:
    """A command in the background. `kill` and `interrupt` reach it as an operator's would."""

    def __init__(self, project: Project, sandbox: RunningSandbox, *command: str) -> None:
        self.project, self._sandbox = project, sandbox
        self._mark = secrets.token_hex(8)
        self._runs_before = set(project.runs())
        self._calls_before = len(sandbox.control.entries())
        self._output = project.folder / f"output-{self._mark}.txt"
        with self._output.open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                command,
                cwd=project.folder,
                env={**project.environment(), MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own, as a terminal gives each command
            )

    @property
    def run_dir(self) -> Path:
        """The run's evidence folder."""
        (folder,) = set(self.project.runs()) - self._runs_before
        return folder

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def seen(self, *, with_calls: bool = True) -> Seen:
        """What the run showed until now."""
        new = set(self.project.runs()) - self._runs_before
        lines = lines_of(next(iter(new))) if new else []
        calls = self._sandbox.control.entries()[self._calls_before :] if with_calls else []
        return Seen(lines, [call for call in calls if call["surface"] != "proxy"])

    def wait_until(self, reached: Callable[[Seen], bool], *, timeout_s: float = 60) -> Seen:
        """Look until the moment is there. Fails where the run ends before, or the time is over."""
        end = time.monotonic() + timeout_s
        while True:
            seen = self.seen()
            if reached(seen):
                return seen
            assert self.process.poll() is None, f"the run ended ({self.process.returncode}) before: {self.output}"
            assert time.monotonic() < end, f"the moment never came: {self.output}"
            time.sleep(LOOK_S)

    def processes(self) -> list[int]:
        """The run's processes, wherever they hang in the tree."""
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if self._is_ours(path)]

    def _is_ours(self, path: Path) -> bool:
        try:
            return f"{MARK}={self._mark}".encode() in path.read_bytes().split(b"\0") and _is_alive(path.parent)
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL for the command itself, and for nobody else."""
        self.process.kill()
        self.process.wait(10)

    def kill_playbook(self) -> None:
        """SIGKILL for the ansible-playbook that the command started."""
        os.kill(int(lines_of(self.run_dir)[0]["pid"]), signal.SIGKILL)

    def signal(self, number: signal.Signals) -> int:
        """A signal to the process group, as Ctrl-C in a terminal sends it; returns the exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(30)

    def wait(self, timeout_s: float = 120) -> Ran:
        """The end of the run."""
        code = self.process.wait(timeout_s)
        return Ran(code, self.output, "")

    def stop(self) -> None:
        """Leave nothing running, whatever became of the test."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def playing(project: Project, sandbox: RunningSandbox, playbook: str, *arguments: str) -> Iterator[Playing]:
    """ansible-playbook in the background, gone when the block ends."""
    with commanded(project, sandbox, *project.command(playbook, *arguments)) as run:
        yield run


@contextmanager
def commanded(project: Project, sandbox: RunningSandbox, *command: str) -> Iterator[Playing]:
    """A command in the background, gone when the block ends."""
    run = Playing(project, sandbox, *command)
    try:
        yield run
    finally:
        run.stop()


def lines_of(run_dir: Path) -> list[dict[str, Any]]:
    """The journal's whole lines; one that is being written (or was cut off) is left out."""
    try:
        *whole, _ = (run_dir / "evidence.jsonl").read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in whole]


def _is_alive(process: Path) -> bool:
    return process.joinpath("stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


@dataclass
class Visitors:
    """Somebody who asks for a page of an app again and again, through the sandbox's proxy, and counts the answers."""

    sandbox: RunningSandbox
    host: str = "shop-production.fly.dev"
    pause_s: float = 0.03
    answers: Counter[str] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def lost(self) -> int:
        """Requests that did not get a 200."""
        return self.answers.total() - self.answers["200"]

    def _visit(self) -> None:
        place = self.sandbox.place(self.host)
        url = f"https://{place['address']}:{place['port']}/health"
        with httpx.Client(verify=self.sandbox.tls_context(), timeout=15) as client:
            while not self._over.is_set():
                try:
                    answer = client.get(url, headers={"Host": self.host}, extensions={"sni_hostname": self.host})
                    self.answers[str(answer.status_code)] += 1
                except httpx.HTTPError as error:
                    self.answers[type(error).__name__] += 1
                self._over.wait(self.pause_s)

    @contextmanager
    def visiting(self) -> Iterator[Visitors]:
        """Visit for as long as the block lasts."""
        thread = threading.Thread(target=self._visit, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join(20)
