# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a run: gathered from the results of its tasks, told in one last line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

#: In a result: how the run ends as far as this task knows (`outcome`, `exit_code`, `next`, `contact`).
OUTCOME = "hotops_outcome"
_NOT_RESTORED = 7
_ERROR = 1


@dataclass
class RunRecord:
    """The ending of a run. The last task that says something about it is right, but "not restored" stays said."""

    outcome: str = ""
    exit_code: int = 0
    next_step: str = ""
    contact: str = ""
    changed: int = 0
    only_read: bool = True
    failures: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def note_result(self, result: Mapping[str, Any]) -> None:
        """A task of ours ended well."""
        for item in _items(result):
            self.changed += bool(item.get("changed"))
            self._end(item.get(OUTCOME) or _ending_of_compensation(item))

    def note_failure(self, host: str, task: str, result: Mapping[str, Any]) -> None:
        """A task of ours failed."""
        for item in _items(result):
            failure = item.get("failure")
            if isinstance(failure, Mapping):
                self.failures.append((host, task, dict(failure)))
                details = failure.get("details") or {}
                ending = {"outcome": failure.get("code"), "next": failure.get("remedy")}
                self._end({**ending, "exit_code": failure.get("exit_code"), **(details.get(OUTCOME) or {})})

    def settle(self, *, failed: bool, check: bool) -> None:
        """The run is over; `failed` is Ansible's own verdict, which may be about a task that is not ours."""
        if failed and self.exit_code == 0:
            self.outcome, self.exit_code = "failed", _ERROR
        if not failed and self.exit_code not in (0, _NOT_RESTORED):
            self.outcome, self.exit_code, self.next_step = "rescued", 0, ""  # by a playbook that knew what to do
        if not self.outcome:
            self.outcome = "checked" if check else "done" if self.changed or self.only_read else "nothing_to_do"

    def last_line(self, evidence: str | None) -> str:
        """Outcome, code, evidence, and what to do next."""
        parts = [f"hotops: {self.outcome} (exit code {self.exit_code})."]
        if evidence:
            parts.append(f"Evidence: {evidence}")
        if self.contact:
            parts.append(f"Call: {self.contact}")
        if self.next_step:
            parts.append(f"Next: {self.next_step}")
        elif evidence:
            parts.append(f"Next: hotops evidence show {evidence}")
        return " ".join(parts)

    def _end(self, ending: object) -> None:
        if not isinstance(ending, Mapping) or self.exit_code == _NOT_RESTORED:
            return
        self.outcome = str(ending.get("outcome") or "failed")
        self.exit_code = int(ending.get("exit_code") or 0)
        self.next_step = str(ending.get("next", self.next_step) or "")
        self.contact = str(ending.get("contact", self.contact) or "")


def _ending_of_compensation(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the phase `compensate` says of the failed run it cleaned up after."""
    if not item.get("exit_code"):
        return None
    return {"outcome": item.get("code"), "exit_code": item["exit_code"]}


def _items(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The result itself, or each result of a loop."""
    loop = result.get("results")
    if isinstance(loop, list):
        yield from (item for item in loop if isinstance(item, Mapping))
    else:
        yield result
