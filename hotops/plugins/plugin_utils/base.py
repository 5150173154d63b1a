# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one action plugin behind every module: Ansible's task becomes a call of an operation, and its answer a result.

Ansible gives an action plugin no argument check, no scrubbing, no check-mode guard and no redaction of errors:
`hotops.invocation` supplies them. And an import that fails in one aborts the whole run: imports are guarded here.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_version
from ansible_collections.hotops.core.plugins.plugin_utils import inventory_vars
from ansible_collections.hotops.core.plugins.plugin_utils.inventory_vars import InventoryVars

try:
    from hotops.core import http
    from hotops.core.context import Context
    from hotops.core.errors import HotopsError
    from hotops.core.handover import take_handover
    from hotops.core.operation import Operation, Spec
    from hotops.core.options import list_options
    from hotops.core.plain import plain_data
    from hotops.core.process import die_with_parent
    from hotops.core.runs import RunOpening
    from hotops.core.world import sandbox_state
    from hotops.invocation import Answer, credentials_in, invoke
    from hotops.registry import operation
    from hotops.surroundings import surroundings
except ImportError as error:
    _MISSING: ImportError | None = error
else:
    _MISSING = inventory_vars.MISSING
    take_handover()

#: The process that loaded this: ansible-playbook. The linear strategy loads an action before it forks workers.
_LOADED_BY = os.getpid()
#: Stdout callbacks that print data for programs, which a table in between would spoil.
_FOR_PROGRAMS = ("json", "jsonl", "oneline", "minimal")


class OperationAction(ActionBase):
    """Runs `kind` on the controller; needs no connection, and no Python on a host."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    #: The operation, or why there is none.
    kind: type[Operation[Any, Any]] | None = None
    unavailable: str = ""
    unavailable_code: str = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry: the task's result, never an exception of ours."""
        super().run(tmp, task_vars)  # refuses `async`
        if self.kind is None:
            return _unavailable(self.unavailable, self.unavailable_code)
        if os.getpid() != _LOADED_BY:
            die_with_parent(_LOADED_BY)
        answer = self._answer(self.kind, task_vars or {})
        if answer.screen and not self._task.no_log and not _callback_is_for_programs():
            self._display.display("\n".join(answer.screen))
            if answer.failed:
                # Ansible prints a failed result whole: the table, once more, as hundreds of lines below itself.
                answer.result["failure"].pop("details", None)
        return answer.result

    def _answer(self, kind: type[Operation[Any, Any]], task_vars: dict[str, Any]) -> Answer:
        check = bool(self._task.check_mode)
        variables = InventoryVars(task_vars, self._templar, self._loader)
        answer = invoke(
            kind,
            plain_data(self._task.args),
            lambda want: self._context(kind, want, variables, check=check),
            check=check,
            diff=bool(self._task.diff),
        )
        if self._display.verbosity >= 3:  # as any module does
            answer.result["invocation"] = {"module_args": plain_data(self._task.args, credentials_in(os.environ))}
        return answer

    def _context(
        self, kind: type[Operation[Any, Any]], want: Spec, variables: InventoryVars, *, check: bool
    ) -> Context:
        environment = variables.environment() if kind.needs_environment else None
        if kind.takes_run_vars:
            variables.refuse_unknown()
        return surroundings(
            kind,
            want,
            env_kind=variables.get("env_kind"),
            opening=opening(variables),
            environment=environment,
            selection=variables.selection(environment) if environment else (),
            holder_pid=_LOADED_BY,
            check=check,
        )


def opening(variables: InventoryVars) -> RunOpening:
    """What the first line of this run's evidence says."""
    return RunOpening(
        evidence_dir=variables.evidence_dir(),
        playbook=variables.playbook(),
        environment=variables.environment_name(),
        env_kind="sandbox" if variables.get("env_kind") == "sandbox" else "live",
        reason=str(variables.get("reason") or ""),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        versions={"ansible-core": ansible_version},
    )


def action(name: str) -> type[OperationAction]:
    """The action plugin of the module `name`: its operation is loaded now, in the parent, for all workers."""
    if _MISSING is not None:
        return _made(None, _missing_text())
    try:
        return plugin(operation(name))
    except ImportError as error:
        return _made(None, f"hotops.core.{name} needs what is not installed: {error}.")
    except Exception as error:  # noqa: BLE001 (an exception here would abort the run, `rescue` and `always` included)
        return _made(None, f"hotops.core.{name} can't be loaded: {type(error).__name__}: {error}", code="bug")


def plugin(kind: type[Operation[Any, Any]]) -> type[OperationAction]:
    """The action plugin of an operation that is no module of this collection."""
    if _MISSING is not None:
        return _made(None, _missing_text())
    _warm(kind)
    return _made(kind)


def _made(
    kind: type[Operation[Any, Any]] | None, unavailable: str = "", *, code: str = "missing_library"
) -> type[OperationAction]:
    members = {"kind": kind, "unavailable": unavailable, "unavailable_code": code}
    return type("ActionModule", (OperationAction,), members)


def _warm(kind: type[Operation[Any, Any]]) -> None:
    """What each forked worker would otherwise pay again: a TLS context, late imports, the options' schema."""
    http.warm(_sandbox_ca())
    list_options(kind.Want)


def _sandbox_ca() -> str | None:
    """The certificate file of the sandbox that runs; a state file that can't be read is the task's to report."""
    try:
        state = sandbox_state()
    except (HotopsError, OSError, ValueError):
        return None
    return str(state["ca_file"]) if state else None


def _unavailable(why: str, code: str) -> dict[str, Any]:
    failure = {
        "code": code,
        "exit_code": 2 if code == "missing_library" else 1,
        "message": why,
        "remedy": "Install hotops for the Python that runs Ansible." if code == "missing_library" else "Report this.",
        "request_id": None,
    }
    return {"changed": False, "failed": True, "msg": f"{why} {failure['remedy']}", "failure": failure}


def _missing_text() -> str:
    name = _MISSING.name if _MISSING is not None else None
    return f"{missing_required_lib((name or 'hotops').partition('.')[0])} ({_MISSING})."


def _callback_is_for_programs() -> bool:
    return str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2] in _FOR_PROGRAMS
