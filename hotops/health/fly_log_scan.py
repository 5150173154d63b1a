"""The log of one app, read from a time on and told in counts and signatures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.table import aligned
from hotops.fly import Fly
from hotops.fly.models import LogLine
from hotops.health.logs import LogFindings, findings, scan

#: Lines in a page of the logs API (Fly docs, logs API).
PAGE = 100


class LogScanWanted(Spec):
    """Which app's log, and how much of it."""

    app: str = Field(min_length=1, description="Name of the app.")
    since_s: float = Field(
        600.0, gt=0, le=604_800, description="How far back to read, in seconds; Fly keeps about seven days."
    )
    max_lines: int = Field(5000, ge=1, le=100_000, description="Read no more lines than this, from the oldest on.")
    instance: str | None = Field(None, description="Only the lines of this machine.")


class LogScan(Operation[LogScanWanted, LogFindings]):
    """Read and count one app's log: one call of Fly's API for each hundred lines, and one that finds no more.

    Raises NotFound, Forbidden and Unauthorized.
    """

    name = "fly_log_scan"
    Want = LogScanWanted
    effect = "read"
    docs = Documented(
        short="Count crashes, memory kills and errors in an app's log",
        description=(
            "Reads the log of an app from a time on, and counts answers and the share of 5xx among them.",
            "Tells crashes, out-of-memory kills, ports nobody listens on, restarts and database errors.",
            "Lines that say the same are one signature with an example.",
            "No secret of a log line is returned: what looks like one is masked.",
        ),
        returns={
            "lines": {"description": "How many lines were read.", "returned": "success", "type": "int"},
            "truncated": {
                "description": "Whether O(max_lines) ended the reading.",
                "returned": "success",
                "type": "bool",
            },
            "requests": {"description": "How many answers were logged.", "returned": "success", "type": "int"},
            "errors_5xx": {"description": "How many of them were 5xx.", "returned": "success", "type": "int"},
            "share": {"description": "The share of 5xx among them, 0 to 1.", "returned": "success", "type": "float"},
            "share_is_known": {
                "description": "Whether successes are logged, too; Fly's proxy logs failures only.",
                "returned": "success",
                "type": "bool",
            },
            "crashes": {
                "description": "Ends of a process that nobody asked for.",
                "returned": "success",
                "type": "int",
            },
            "ooms": {"description": "Out-of-memory kills.", "returned": "success", "type": "int"},
            "not_listening": {
                "description": "How often the proxy found nobody on the service's port.",
                "returned": "success",
                "type": "int",
            },
            "restarts": {"description": "Restarts.", "returned": "success", "type": "int"},
            "incidents": {
                "description": "All kinds of incidents with their numbers.",
                "returned": "success",
                "type": "dict",
                "sample": {"oom": 2, "restart": 2},
            },
            "ports": {
                "description": "Ports nobody listened on.",
                "returned": "success",
                "type": "list",
                "elements": "int",
            },
            "paths": {
                "description": "Paths the app has no route for.",
                "returned": "success",
                "type": "list",
                "elements": "str",
            },
            "signatures": {
                "description": "The most frequent errors.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "kind": {"description": "Kind of the incident, or `error`.", "type": "str"},
                    "text": {"description": "The line without times, numbers and ids.", "type": "str"},
                    "count": {"description": "How many lines say it.", "type": "int"},
                    "first_at": {"description": "When it was first said, RFC 3339.", "type": "str"},
                    "last_at": {"description": "When it was last said, RFC 3339.", "type": "str"},
                    "example": {"description": "The newest line that says it, masked.", "type": "str"},
                    "says": {"description": "What it means.", "type": "str"},
                },
            },
            "from_at": {"description": "Time of the oldest line, RFC 3339.", "returned": "success", "type": "str"},
            "to_at": {"description": "Time of the newest line, RFC 3339.", "returned": "success", "type": "str"},
            "findings": {
                "description": "What is not well, as M(hotops.core.health_report) tells it.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
        },
        examples="""
- name: Nothing crashed and nothing ran out of memory in the last hour
  hotops.core.fly_log_scan:
    app: shop-production
    since_s: 3600
  register: log
  failed_when: log is failed or log.crashes + log.ooms > 0

- name: See what the worker complains about
  hotops.core.fly_log_scan:
    app: chat-production
    instance: "{{ worker_machine }}"
  register: log
""",
        see_also=("health_report",),
    )

    def observe(self) -> LogFindings:
        return scan(islice(self._lines(), self.want.max_lines))

    def report(self, state: LogFindings, plan: Plan, done: Done) -> dict[str, Any]:
        return {
            **state.as_row(),
            "truncated": state.lines >= self.want.max_lines,
            "findings": [finding.as_row() for finding in findings(self.want.app, state)],
            "hotops_screen": screen(state),
        }

    def _lines(self) -> Iterator[LogLine]:
        now = self.context.clock.now()
        return self.context.client(Fly).logs.read(
            self.want.app,
            since=now - self.want.since_s,
            until=now,
            instance=self.want.instance,
            max_pages=-(-self.want.max_lines // PAGE) + 1,
        )


def screen(found: LogFindings) -> list[str]:
    """The signatures, the most frequent incidents first."""
    rows = [[str(item.count), item.kind, item.example] for item in found.signatures]
    return aligned(rows, ("count", "kind", "example"), widest=120) if rows else [f"{found.lines} lines, nothing bad."]
