"""A command that runs a playbook, as ansible-playbook would, with progress, and again after looking where it may."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from hotops.commands.command import PlaybookCommand
from hotops.commands.confirming import confirm
from hotops.commands.flags import place_parameters, refuse_empty, switch, text, with_parameters, words_of
from hotops.commands.place import Place, locate
from hotops.commands.spoken import spoken_failure
from hotops.commands.telling import fitted, progress, tell_failure
from hotops.core.clock import SystemClock
from hotops.core.driver import refuse_if_readonly
from hotops.core.errors import UsageError
from hotops.core.evidence import REPORT_FILE
from hotops.inventory.run_vars import RUN_VARS, check_extra_vars
from hotops.running.attempts import Tried, run_until_ended
from hotops.running.job import Job

_DURATION = re.compile(r"^(?P<number>\d+(?:\.\d+)?)(?P<unit>s|min|m|h|d)?$")
_SECONDS: Mapping[str, float] = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def function_of(command: PlaybookCommand) -> Callable[..., None]:
    """The function behind the command."""

    def run(**given: Any) -> None:
        place = locate(words_of(given), given["inventory"])
        code = run_playbook(command, place, {name: given.get(name) for name in command.variables}, How.of(given))
        if code:
            raise typer.Exit(code)

    parameters = place_parameters(takes_apps=True)
    parameters += [text(name, RUN_VARS[name]) for name in command.variables]
    return with_parameters(run, [*parameters, *how_parameters()])


def how_parameters() -> list[inspect.Parameter]:
    """The flags that say how a playbook is run."""
    waits = "Wait so long for the window, the end of a freeze, open blockers or a lock: 90, 30min, 8h."
    return [
        text("wait", waits, "TIME"),
        switch("check", "--check", "Say what would happen and write nothing."),
        switch("diff", "--diff", "Show what changes in each place, before and after."),
        switch("yes", "--yes", "Don't ask."),
        switch("verbose", "--verbose", "Show all that Ansible prints."),
        switch("as_json", "--json", "One JSON document on stdout."),
    ]


@dataclass(frozen=True)
class How:
    """How a playbook is run."""

    check: bool = False
    diff: bool = False
    yes: bool = False
    verbose: bool = False
    as_json: bool = False
    wait_s: float = 0.0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> How:
        """From what Typer made of the flags. Raises UsageError."""
        flags = {name: bool(given.get(name)) for name in ("check", "diff", "yes", "verbose", "as_json")}
        return cls(**flags, wait_s=seconds_of(given.get("wait")))


def run_playbook(command: PlaybookCommand, place: Place, variables: Mapping[str, str | None], how: How) -> int:
    """Ask, run, tell; returns the exit code."""
    environment = place.environment
    for name in [name for name, value in variables.items() if value is not None and name != "reason"]:
        refuse_empty(name, variables[name] or "")
    extra = {name: value for name, value in variables.items() if value}
    check_extra_vars(extra, environment.env_kind)
    if missing := [name for name in command.needs if name not in extra]:
        example = command.examples[0].removeprefix("hotops ")
        raise UsageError(
            f"hotops {command.name} needs {' and '.join(f'--{name}' for name in missing)}: {RUN_VARS[missing[0]]}",
            remedy=f"For example: hotops {example}",
        )
    if place.named:
        extra["apps"] = ",".join(place.hosts)
    if not how.check:
        refuse_if_readonly(f"hotops {command.name}")
        where = place_in_words(place)
        asked = command.asks.format(apps=", ".join(_touched(place, extra)), env=where) if command.asks else ""
        confirm(
            asked or f"Run {command.playbook} on {where}?",
            destroys=False,
            name=environment.name,
            yes=how.yes,
            typed=None,
        )
    own = environment.project_dir / f"{command.playbook}.yml"
    job = Job(
        playbook=str(own.name) if own.is_file() else f"hotops.core.{command.playbook}",
        inventory=place.inventory,
        project=environment.project_dir,
        extra=extra,
        check=how.check,
        diff=how.diff,
    )
    return carry_out_and_tell(job, place, how, command=command.name)


def _touched(place: Place, extra: Mapping[str, str]) -> list[str]:
    """The hosts that it changes: without an image, those that say what they are promoted from."""
    apps = place.environment.apps
    sourced = [host for host in place.hosts if apps[host].promote_from]
    return list(place.hosts) if "image" in extra or not sourced else sourced


def carry_out_and_tell(job: Job, place: Place, how: How, *, command: str = "") -> int:
    """Run the job to its end and tell it; returns the exit code. `command` says remedies in its own words."""
    say = progress if how.as_json else _line
    tried = run_until_ended(
        job,
        place.environment,
        clock=SystemClock(),
        say=say,
        progress=progress,
        show_all=how.verbose,
        wait_s=how.wait_s,
        selection=place.hosts,
    )
    if command and tried.ended.failure:
        tried.ended.failure = spoken_failure(tried.ended.failure, command, place.inventory.name)
    _tell(tried, as_json=how.as_json)
    return tried.ended.exit_code


def place_in_words(place: Place) -> str:
    """What a question calls the environment."""
    environment = place.environment
    return f"{environment.name} ({environment.env_kind}, organisation {environment.fly_org})"


def seconds_of(text_given: str | None) -> float:
    """`90`, `30min`, `8h` in seconds. Raises UsageError."""
    if not text_given:
        return 0.0
    found = _DURATION.match(text_given.strip())
    if found is None:
        raise UsageError(f"--wait {text_given!r} is no time.", remedy="Say it as 90, 30min or 8h.")
    return float(found["number"]) * _SECONDS[found["unit"] or "s"]


def returns() -> dict[str, Any]:
    """What a command that runs a playbook prints with --json, in the form of Ansible's RETURN."""
    told = {
        "to": {"description": "Who: the issue of a repository, a webhook's variable.", "type": "str"},
        "ok": {"description": "Whether it was taken.", "type": "bool"},
        "why": {"description": "What went wrong.", "type": "str"},
        "url": {"description": "The issue's page.", "type": "str"},
        "closed": {"description": "After a good run: whether the issue was closed.", "type": "bool"},
    }
    about: dict[str, tuple[str, str]] = {
        "outcome": ("str", "How it ended, in a word."),
        "exit_code": ("int", "The exit code of the command."),
        "attempts": ("int", "How many runs it took."),
        "waited_s": ("float", "How long it held, in seconds."),
        "failures_in_a_row": ("int", "How many times in a row it failed now."),
    }
    known = {key: {"description": text, "returned": "always", "type": kind} for key, (kind, text) in about.items()}
    people = "Who was told of a second failure in a row, or which issue that it works again."
    return {
        **known,
        "evidence": {"description": "Folder of the last run, null where it left none.", "returned": "always"},
        "told": {"description": people, "returned": "always", "type": "list", "elements": "dict", "contains": told},
    }


def _tell(tried: Tried, *, as_json: bool) -> None:
    ended = tried.ended
    if as_json:
        document = {
            "schema": 1,
            "outcome": ended.outcome,
            "exit_code": ended.exit_code,
            "attempts": tried.attempts,
            "waited_s": round(tried.waited_s, 1),
            "failures_in_a_row": tried.failures,
            "told": tried.told,
            "evidence": _shown(tried.run_dir),
            **({"failed": True, "failure": ended.failure} if ended.exit_code and ended.failure else {}),
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return
    end, _, following = ended.last_line.partition(" Next: ")
    if end:
        _line(end)
    if tried.run_dir is not None and (tried.run_dir / REPORT_FILE).exists():
        _line(f"To look at: {_shown(tried.run_dir)}/{REPORT_FILE}")
    if ended.failure and ended.exit_code:
        tell_failure(ended.failure)
    elif following:
        _line(f"Next: {following}")
    elif ended.exit_code:
        progress(
            f"It ended with {ended.outcome}.\nNext: the same command with --verbose, which shows what Ansible says."
        )


def _line(said: str) -> None:
    print(fitted(said, sys.stdout), flush=True)


def _shown(folder: Path | None) -> str | None:
    if folder is None:
        return None
    try:
        return str(folder.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
