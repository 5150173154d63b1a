"""What `make bench` measured: one JSON file for programs, a section of the page of benchmarks for readers."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.benchmarks_page import table, write_section

JSON_FILE = Path(__file__).resolve().parents[2] / "build/benchmarks.json"

Cell = str | float | int


@dataclass
class Table:
    """One measurement: what was measured and how, and its rows."""

    title: str
    method: str
    columns: Sequence[str]
    rows: list[list[Cell]]
    target: str = ""
    met: bool | None = None
    #: A section of the page of its own, written at once; else it stands among the others, once all ran.
    section: str = ""
    #: Where a table has several targets: what is asked, what was reached, and whether that will do.
    targets: Sequence[tuple[str, str, bool]] = ()

    def as_text(self) -> str:
        """The table in Markdown, under its heading."""
        cells = [[_cell(cell) for cell in row] for row in self.rows]
        head = [] if self.section else [f"### {self.title}", ""]
        lines = [*head, self.method, "", table(self.columns, cells)]
        if self.target:
            lines += ["", f"Target: {self.target}: {'met' if self.met else 'NOT met'}."]
        if self.targets:
            judged = [[asked, reached, "met" if met else "NOT met"] for asked, reached, met in self.targets]
            lines += ["", table(("target", "reached", ""), judged)]
        return "\n".join(lines)


@dataclass
class Figures:
    """All tables of one run of the benchmarks, in the order in which they were measured."""

    tables: list[Table] = field(default_factory=list)

    def show(self, measured: Table, capsys: pytest.CaptureFixture[str]) -> None:
        """Keep a table, and print it now."""
        self.tables.append(measured)
        with capsys.disabled():
            print(f"\n{measured.title}\n{measured.as_text()}" if measured.section else f"\n{measured.as_text()}")
        if measured.section:
            around = f"{os.cpu_count() or 1} cores, load average {os.getloadavg()[2]:.1f}."
            write_section(measured.section, measured.title, f"{measured.as_text()}\n\n{around}")

    def write(self) -> None:
        """Write both files."""
        about = surroundings()
        JSON_FILE.parent.mkdir(exist_ok=True)
        document = {"schema": 1, **about, "tables": [asdict(table) for table in self.tables]}
        JSON_FILE.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        said = ", ".join(f"{name} {value}" for name, value in about.items() if name != "date")
        head = f"By `make bench`: {said}.\nAll rows of a table are of the same run."
        write_section(
            "bench",
            "What hotops costs",
            "\n\n".join([head, *(one.as_text() for one in self.tables if not one.section)]),
        )


def surroundings() -> dict[str, Cell]:
    """The machine and the versions, without its name."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": os.cpu_count() or 1,
        "load average": round(os.getloadavg()[2], 1),
        "Python": platform.python_version(),
        "ansible-core": version("ansible-core"),
        "httpx": version("httpx"),
        "pydantic": version("pydantic"),
    }


def _cell(value: Cell) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
