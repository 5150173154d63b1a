"""One run of a playbook through ansible-runner: what it prints for people, and how it ended."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotops.core.clock import SystemClock, basic_stamp
from hotops.core.errors import ExitCode
from hotops.core.evidence import ALL_TASKS_VARIABLE
from hotops.core.handover import HANDOVER_VARIABLE, RUNNER_VARIABLE, only, split_environment, write_handover
from hotops.core.state import private_folder, state_dir

#: So many folders of ansible-runner are kept, the newest.
KEPT_JOBS = 10
#: How long a playbook that was interrupted may take to end by itself.
PATIENCE_S = 20.0
_CALLBACK = "hotops.core.evidence"
_LAST_LINE = re.compile(r"^hotops: (?P<outcome>\w+) \(exit code (?P<code>\d+)\)\.")
_FROM_ANSIBLE = re.compile(r"^(\x1b\[[\d;]*m)?\[?(WARNING|DEPRECATION WARNING|ERROR)\b")


@dataclass(frozen=True)
class Job:
    """What is to be run: a playbook (a path from the project's folder, or a name) on an inventory."""

    playbook: str
    inventory: Path
    project: Path
    extra: Mapping[str, Any] = field(default_factory=dict)
    limit: Sequence[str] = ()
    check: bool = False
    diff: bool = False
    #: Whether tasks of other collections stand in the evidence, too.
    records_all: bool = False


@dataclass
class Ended:
    """How a run ended. `outcome` and `exit_code` are what it said itself; without a word of it, what Ansible said."""

    exit_code: int = int(ExitCode.ERROR)
    outcome: str = "failed"
    last_line: str = ""
    failure: dict[str, Any] = field(default_factory=dict)
    died: bool = False
    pid: int | None = None


def carry_out(
    job: Job,
    *,
    say: Callable[[str], None],
    show_all: bool = False,
    while_running: Callable[[Ended], None],
) -> Ended:
    """Run it to its end. `say` gets each line for people, `while_running` is called about twice a second.

    A KeyboardInterrupt ends the playbook, which can be run again, and is raised again.
    """
    # Loaded here: it costs a tenth of a second that no other command has to pay.
    import ansible_runner

    ended, stop = Ended(), threading.Event()
    folder = _folder()
    handed_over = folder / "handover.json"
    harmless, rest = split_environment(os.environ)
    write_handover(handed_over, rest)
    environ = {**harmless, HANDOVER_VARIABLE: str(handed_over), RUNNER_VARIABLE: str(os.getpid())}
    environ["ANSIBLE_CALLBACKS_ENABLED"] = _callbacks(job.project, environ)
    if job.records_all:
        environ[ALL_TASKS_VARIABLE] = "1"
    environ["PATH"] = _path(environ)
    # Whatever the job prints is looked through line by line, so nothing may break a line or colour it.
    environ |= {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false", "COLUMNS": "1000"}

    def on_event(event: dict[str, Any]) -> bool:
        ended.pid = event.get("pid") or ended.pid
        _note_failure(ended, event)
        for line in str(event.get("stdout") or "").splitlines():
            _note_last_line(ended, line)
            if show_all or _is_for_people(event, line):
                say(line)
        return True

    words = ["--check"] * job.check + ["--diff"] * job.diff
    with only(environ):
        thread, runner = ansible_runner.run_async(
            private_data_dir=str(folder),
            project_dir=str(job.project),
            playbook=job.playbook,
            inventory=str(job.inventory.absolute()),
            extravars=dict(job.extra),
            limit=",".join(job.limit) or None,
            cmdline=" ".join(words) or None,
            settings={"suppress_ansible_output": True, "pexpect_timeout": 1},
            event_handler=on_event,
            cancel_callback=stop.is_set,
            quiet=True,
        )
        try:
            while thread.is_alive():
                thread.join(0.4)
                while_running(ended)
        except BaseException:
            _interrupt(ended.pid, thread)
            stop.set()
            thread.join()
            raise
        finally:
            handed_over.unlink(missing_ok=True)
    _settle(ended, runner.rc, runner.status)
    return ended


def _interrupt(pid: int | None, thread: threading.Thread) -> None:
    """What Ctrl-C in its own terminal would do: the playbook stops after its step, and tells where it stands."""
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        thread.join(PATIENCE_S)


def _folder() -> Path:
    """A folder of its own for the job; the oldest ones go."""
    jobs = private_folder(state_dir() / "jobs")
    known = sorted(entry for entry in jobs.iterdir() if entry.is_dir())
    for old in known[: max(0, len(known) - KEPT_JOBS + 1)]:
        shutil.rmtree(old, ignore_errors=True)
    return private_folder(jobs / f"{basic_stamp(SystemClock().now())}-{secrets.token_hex(3)}")


def _path(environ: Mapping[str, str]) -> str:
    """Where programs are looked for: first beside hotops, where its own Ansible is.

    Whoever calls hotops by its path, as cron and systemd do, has no such folder in PATH; another Ansible that stands
    there would not know the collection.
    """
    folders = dict.fromkeys(
        str(Path(program).absolute().parent) for program in (sys.executable, sys.argv[0]) if program
    )
    own = next((folder for folder in folders if Path(folder, "ansible-playbook").is_file()), "")
    return os.pathsep.join(part for part in (own, environ.get("PATH", os.defpath)) if part)


def _callbacks(project: Path, environ: Mapping[str, str]) -> str:
    """The callbacks that the user enabled, and the one that seals the evidence."""
    named = environ.get("ANSIBLE_CALLBACKS_ENABLED", "")
    if not named:
        config = ConfigParser(interpolation=None)
        try:
            config.read(environ.get("ANSIBLE_CONFIG") or project / "ansible.cfg", encoding="utf-8")
        except ConfigError:
            return _CALLBACK  # Ansible itself says what is wrong with the file
        named = config.get("defaults", "callbacks_enabled", fallback="")
    known = [name.strip() for name in named.split(",") if name.strip()]
    return ",".join(dict.fromkeys([*known, _CALLBACK]))


def _note_failure(ended: Ended, event: Mapping[str, Any]) -> None:
    if event.get("event") == "runner_on_failed":
        result = (event.get("event_data") or {}).get("res") or {}
        if isinstance(result.get("failure"), dict):
            ended.failure = result["failure"]


def _note_last_line(ended: Ended, line: str) -> None:
    found = _LAST_LINE.match(line)
    if found:
        ended.outcome, ended.exit_code, ended.last_line = found["outcome"], int(found["code"]), line


def _is_for_people(event: Mapping[str, Any], line: str) -> bool:
    """Tables and the last line of hotops are; Ansible's own words about plays, tasks and hosts are not."""
    return event.get("event") == "verbose" and not _LAST_LINE.match(line) and not _FROM_ANSIBLE.match(line)


def _settle(ended: Ended, code: int | None, status: str) -> None:
    """Where the run itself said nothing: what its process said."""
    ended.died = not ended.last_line and (code is None or code < 0 or code >= 128 or status in ("canceled", "timeout"))
    if ended.last_line:
        if code not in (0, None) and ended.exit_code == 0:
            ended.exit_code, ended.outcome = int(ExitCode.ERROR), "failed"
        return
    if ended.died:
        ended.outcome, ended.exit_code = "died", int(ExitCode.INTERRUPTED)
    elif code == 0:
        ended.outcome, ended.exit_code = "done", int(ExitCode.DONE)
    elif ended.failure:
        ended.outcome, ended.exit_code = str(ended.failure.get("code")), int(ended.failure.get("exit_code") or 1)
