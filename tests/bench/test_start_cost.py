"""What is paid before any work is done: the import of the library, the start of a command, of a play."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.figures import Cell, Figures, Table
from tests.playbooks.project import ROOT

ROUNDS = 9
COUNT = "import sys; before = len(sys.modules); import hotops; print(len(sys.modules) - before)"
BIN = Path(sys.executable).parent
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import hotops": [sys.executable, "-c", "import hotops"],
    "from hotops import Fly": [sys.executable, "-c", "from hotops import Fly"],
    "import httpx, pydantic": [sys.executable, "-c", "import httpx, pydantic"],
    "hotops --version": [str(BIN / "hotops"), "--version"],
    "hotops --help": [str(BIN / "hotops"), "--help"],
    "hotops completion words": [str(BIN / "hotops"), "completion", "words", "--", "pro"],
    "hotops status --help": [str(BIN / "hotops"), "status", "--help"],
    "hotops evidence --help": [str(BIN / "hotops"), "evidence", "--help"],
    "ansible-playbook --version": [str(BIN / "ansible-playbook"), "--version"],
}

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]


def test_what_a_start_costs(figures: Figures, capsys: pytest.CaptureFixture[str]) -> None:
    seen: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            seen[name].append(1000 * seconds_of(command))
    rows: list[list[Cell]] = [[name, min(took), statistics.median(took)] for name, took in seen.items()]
    modules = subprocess.run([sys.executable, "-c", COUNT], cwd=ROOT, capture_output=True, text=True, check=True)
    figures.show(
        Table(
            "Starts",
            f"Whole processes, of {ROUNDS} each, taking turns. `import hotops` loads {modules.stdout.strip()} modules.",
            ("command", "ms, fastest", "ms, median"),
            rows,
        ),
        capsys,
    )


def seconds_of(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return time.monotonic() - began
