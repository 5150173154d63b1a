# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the evidence of a run before its first task of hotops starts, and seals it at the end."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: evidence
type: aggregate
short_description: Keeps the evidence of a run together, seals it, and prints how the run ended
version_added: 0.1.0
author:
  - The hotops authors (!UNKNOWN)
description:
  - Makes one folder for the run, when the first task starts that changes something or looks at a whole environment.
    Playbooks without such tasks get none, and a run in check mode gets none.
  - The tasks write into it. This plugin adds what only Ansible knows (skipped tasks, rescued failures), signs it at the
    end and prints a last line with the outcome, the exit code of the C(hotops) command for it, the folder and the next
    step.
  - With E(HOTOPS_RECORD_TASKS) set, as C(hotops run) does, any playbook has evidence, and tasks of other collections
    stand in it by name, host and outcome; never their arguments or results.
  - Without this plugin the tasks of a run still share one folder, but nobody seals it.
  - A run never fails because of this plugin. What it can't write it warns about.
requirements:
  - hotops, installed for the Python that runs Ansible
  - C(callbacks_enabled=hotops.core.evidence) in the section C([defaults]) of C(ansible.cfg), or the same in the
    environment variable E(ANSIBLE_CALLBACKS_ENABLED)
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible_collections.hotops.core.plugins.plugin_utils import base
from ansible_collections.hotops.core.plugins.plugin_utils.inventory_vars import InventoryVars
from ansible_collections.hotops.core.plugins.plugin_utils.run_record import RunRecord

try:
    from hotops.core.evidence import ALL_TASKS_VARIABLE, RUN_DIR_VARIABLE, EvidenceFolder
    from hotops.core.secret import scrub
    from hotops.invocation import credentials_in
    from hotops.registry import OPERATIONS, operation
    from hotops.surroundings import RUN_ID_VARIABLE, keeps_evidence
except ImportError:
    HAS_HOTOPS = False
else:
    HAS_HOTOPS = True

COLLECTION = "hotops.core."
#: The process that owns the run, for those that want to know whether it lives.
RUN_PID_VARIABLE = "HOTOPS_RUN_PID"
#: Tasks of Ansible's own that do nothing outside its memory.
_BUILTIN = "ansible.builtin."
_DO_NOTHING = frozenset(
    {
        *("add_host", "assert", "debug", "fail", "group_by", "import_playbook", "import_role", "import_tasks"),
        *("include_role", "include_tasks", "include_vars", "meta", "pause", "set_fact", "set_stats"),
        "validate_argument_spec",
    }
)


def _never_breaks(method: Callable[..., None]) -> Callable[..., None]:
    """What goes wrong here is one warning: the run has its own errors to tell."""

    @functools.wraps(method)
    def guarded(self: CallbackModule, *args: Any, **kwargs: Any) -> None:
        if not HAS_HOTOPS:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 (see above)
            self.warn_once(f"The evidence of this run is incomplete: {scrub(str(error)) or type(error).__name__}")

    return guarded


class CallbackModule(CallbackBase):
    """Ansible's entry."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "hotops.core.evidence"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._play: Any = None
        self._folder: EvidenceFolder | None = None
        self._owns_folder = False
        self._tried = False
        self._warned = False
        self._seen_ours = False
        self._record = RunRecord()

    def warn_once(self, text: str) -> None:
        """Warn, but not about each task."""
        if not self._warned:
            self._warned = True
            self._display.warning(text)

    @_never_breaks
    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play's variables are read through it."""
        self._play = play

    @_never_breaks
    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Runs in the parent just before a worker is forked: what is exported here, the worker has."""
        name = _ours(task)
        if name is None:
            self._note_start_of_other(host, task)
            return
        self._seen_ours = True
        check = bool(task.check_mode) or bool(context.CLIARGS.get("check"))
        kind = operation(name)
        self._record.only_read &= kind.effect == "read"
        if not self._tried and keeps_evidence(kind, check=check):
            self._tried = True
            self._open(host, task)

    @_never_breaks
    def v2_runner_on_ok(self, result: Any) -> None:
        """A task ended well."""
        if _ours(result.task):
            self._record.note_result(result.result)
        else:
            self._note_end_of_other(result, "changed" if result.result.get("changed") else "ok")

    @_never_breaks
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed; `ignore_errors` and `rescue` are Ansible's to know."""
        if _ours(result.task) and not ignore_errors:
            self._record.note_failure(result.host.get_name(), result.task.get_name(), result.result)
        if not _ours(result.task):
            self._note_end_of_other(result, "caught" if ignore_errors else "failed")

    @_never_breaks
    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host of a task could not be reached."""
        if not _ours(result.task):
            self._note_end_of_other(result, "unreachable")

    @_never_breaks
    def v2_runner_on_skipped(self, result: Any) -> None:
        """A task was skipped: that belongs into the evidence as much as what was done."""
        if _ours(result.task) and self._folder is not None:
            why = str(result.result.get("skip_reason") or result.result.get("false_condition") or "")
            self._folder.event("skip", subject=f"{result.task.get_name()} ({result.host.get_name()})", reason=why)

    @_never_breaks
    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The run is over."""
        failed = any(stats.failures.values()) or any(stats.dark.values())
        self._record.settle(failed=failed, check=bool(context.CLIARGS.get("check")))
        folder = self._folder
        if folder is not None and self._owns_folder:
            for host, task, failure in self._record.failures:
                if stats.rescued.get(host):
                    folder.event("rescue", subject=task, error=failure)
            folder.seal(
                self._record.outcome,
                self._record.exit_code,
                next_step=self._record.next_step,
                contact=self._record.contact,
                changed=self._record.changed,
            )
            for problem in folder.problems:
                self.warn_once(problem)
        if folder is not None or (self._seen_ours and (failed or context.CLIARGS.get("check"))):
            shown = _shown(folder.run_dir) if folder is not None else None
            self._display.display(self._record.last_line(shown))

    def _note_start_of_other(self, host: Any, task: Any) -> None:
        """A task of another collection begins, in a run that keeps evidence of all."""
        check = bool(task.check_mode) or bool(context.CLIARGS.get("check"))
        if check or not os.environ.get(ALL_TASKS_VARIABLE) or _does_nothing(task):
            return
        if not self._tried:
            self._tried = True
            self._open(host, task)
        self._note_other(host, task, "started")

    def _note_end_of_other(self, result: Any, status: str) -> None:
        """What became of it. Arguments and results stay with Ansible: nobody here knows what is secret in them."""
        task = result.task
        if not os.environ.get(ALL_TASKS_VARIABLE) or (_does_nothing(task) and status in ("ok", "changed")):
            return
        self._record.changed += status == "changed"
        self._record.only_read &= status != "changed"
        self._note_other(result.host, task, status)

    def _note_other(self, host: Any, task: Any, status: str) -> None:
        if self._folder is not None:
            module = str(task.resolved_action or task.action)
            self._folder.event("task", task=task.get_name(), module=module, host=host.get_name(), status=status)

    def _open(self, host: Any, task: Any) -> None:
        if os.environ.get(RUN_DIR_VARIABLE):
            self._folder = EvidenceFolder.current(tolerant=True)
            return
        # Not tolerant: where nothing can be written the tasks find the same, and each decides whether it goes on.
        opening = base.opening(self._variables(host, task))
        folder = opening.open()
        folder.tolerant = True
        folder.redact(credentials_in(os.environ))
        os.environ[RUN_DIR_VARIABLE] = str(folder.run_dir.absolute())
        os.environ[RUN_ID_VARIABLE] = folder.run_id
        os.environ[RUN_PID_VARIABLE] = str(os.getpid())
        self._folder, self._owns_folder = folder, True

    def _variables(self, host: Any, task: Any) -> InventoryVars:
        manager, loader = self._play.get_variable_manager(), self._play.get_loader()
        task_vars = manager.get_vars(play=self._play, host=host, task=task)
        return InventoryVars(task_vars, Templar(loader=loader, variables=task_vars), loader)


def _ours(task: Any) -> str | None:
    """The module's short name, None for a task that is not ours."""
    name = str(task.resolved_action or task.action)
    short = name.removeprefix(COLLECTION)
    return short if name.startswith(COLLECTION) and short in OPERATIONS else None


def _does_nothing(task: Any) -> bool:
    """Whether a task does something in Ansible's memory only."""
    name = str(task.resolved_action or task.action)
    return name.removeprefix("ansible.legacy.").removeprefix(_BUILTIN) in _DO_NOTHING


def _shown(folder: Path) -> str:
    """The folder as one would type it from here."""
    try:
        return str(folder.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
