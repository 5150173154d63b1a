"""What a test wants told, whatever its outcome: one line each at the end of pytest's output.

A test says it with pytest's own fixture: `record_property("told", "what was seen")`. That reaches the end also from the
workers of pytest-xdist, whose output nobody sees.
"""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the lines, in the order in which the tests ended."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    tests = [report for report in reports if isinstance(report, pytest.TestReport) and report.when == "call"]
    lines = [
        str(value)
        for report in sorted(tests, key=lambda report: report.start)
        for name, value in report.user_properties
        if name == "told"
    ]
    if lines:
        terminalreporter.section("told")
    for line in lines:
        terminalreporter.write_line(line)
