"""People are called: at the second failure in a row, at once where something is not restored; and told of its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hotops.core.context import Context
from hotops.core.driver import is_readonly
from hotops.core.errors import ExitCode, HotopsError
from hotops.core.operation import Spec
from hotops.core.runs import RunOpening
from hotops.core.story import Story, show
from hotops.inventory.schema import Environment
from hotops.invocation import invoke
from hotops.registry import operation
from hotops.running.job import Ended
from hotops.surroundings import surroundings

#: Ends of which a second one in a row is nobody's slip: an error, a refused token, a way back, and no way back.
FAILURES = frozenset({ExitCode.ERROR, ExitCode.TOKEN, ExitCode.RESTORED, ExitCode.NOT_RESTORED})
#: Ends that say that it works again. All others (a no-go, a slip in the call, somebody's lock) tell nothing about that.
ENDS_THE_ROW = frozenset({ExitCode.DONE, ExitCode.FINDINGS})
CALLED_AFTER = 2
#: So many earlier runs are looked through.
_LOOKED_THROUGH = 50

#: What became of each way in which people are told.
Told = list[dict[str, Any]]


def failures_in_a_row(ended: Ended, run_dir: Path | None, tried: int, environment: Environment, playbook: str) -> int:
    """How many times in a row this playbook failed here: `tried` times just now, and the runs before these."""
    if not has_failed(ended):
        return 0
    before = 0
    for story in _earlier(environment, playbook, run_dir, skip=tried - 1):
        if story.life != "died" and story.exit_code in ENDS_THE_ROW:
            break
        before += story.life == "died" or story.exit_code in FAILURES
    return tried + before


def has_failed(ended: Ended) -> bool:
    """Whether this end is one that people may have to be called for."""
    return ended.died or ended.exit_code in FAILURES


def is_to_be_told(ended: Ended, failures: int) -> bool:
    """Whether people are called now."""
    return failures >= CALLED_AFTER or ended.exit_code == ExitCode.NOT_RESTORED


def escalate(
    ended: Ended,
    playbook: str,
    environment: Environment,
    *,
    selection: tuple[str, ...],
    run_dir: Path | None,
    failures: int,
    say: Callable[[str], None],
) -> Told:
    """Tell people every way there is, and say what became of it. What can't be told is said, and raises nothing."""
    failure = ended.failure
    options = {
        "what": playbook,
        "outcome": ended.outcome,
        "exit_code": ended.exit_code,
        "text": " ".join(str(failure[key]) for key in ("message", "remedy") if failure.get(key)),
        "failed_run": run_dir.name if run_dir else "",
        "evidence": os.path.relpath(run_dir, environment.project_dir) if run_dir else "",
        "failures": failures,
    }
    return _said(_escalated(environment, playbook, selection, options), say)


def works_again(
    ended: Ended,
    playbook: str,
    environment: Environment,
    *,
    selection: tuple[str, ...],
    run_dir: Path | None,
    say: Callable[[str], None],
) -> Told:
    """Tell the issues of earlier failures that a run ended well. One call where none is open; none where none can be.

    Nothing is said where there is nothing to say, nor where this computer could not have opened an issue.
    """
    if environment.github_repo is None or not environment.escalation.issue or is_readonly() or run_dir is None:
        return []
    options = {"what": playbook, "outcome": ended.outcome, "exit_code": 0, "failed_run": run_dir.name}
    result = _escalated(environment, playbook, selection, options, needs_github=True)
    if result.get("failed"):
        return []  # no token, no sandbox: the run itself needed neither
    told: Told = result["told"]
    for row in told:
        if row["ok"]:
            say(f"Told {row['to']} that it works again{', and closed it' if row['closed'] else ''}. {row['url']}")
        else:
            say(f"{row['to']} was not told that it works again: {row['why']}")
    return told


def _escalated(
    environment: Environment,
    playbook: str,
    selection: tuple[str, ...],
    options: dict[str, Any],
    *,
    needs_github: bool = False,
) -> dict[str, Any]:
    """What the operation returns. Where it needs GitHub's token and nobody has one, that is its failure."""
    kind = operation("escalate")
    opening = RunOpening(environment.evidence_path, playbook, environment.name, environment.env_kind)

    def context(want: Spec) -> Context:
        made = surroundings(
            kind,
            want,
            env_kind=environment.env_kind,
            opening=opening,
            environment=environment,
            selection=selection,
            holder_pid=os.getpid(),
            check=False,
            recorded=False,  # the evidence of the run is sealed
        )
        if needs_github:
            made.world.credential("github")
        return made

    return invoke(kind, options, context).result


def _said(result: dict[str, Any], say: Callable[[str], None]) -> Told:
    if result.get("failed"):
        failure = result["failure"]
        say(f"Nobody was told: {failure['message']} {failure['remedy']}".rstrip())
        return [{"to": "anybody", "ok": False, "why": failure["message"]}]
    told: Told = result["told"]
    if not told:
        say("Nobody was told: the inventory declares neither github_repo nor notifications.")
    for row in told:
        where = f" {row['url']}" if row.get("url") else ""
        say(f"Told {row['to']}.{where}" if row["ok"] else f"Not told {row['to']}: {row['why']}")
    return told


def _earlier(environment: Environment, playbook: str, run_dir: Path | None, *, skip: int) -> Iterator[Story]:
    """The runs of this playbook here before the given one, newest first, without the `skip` that were just tried."""
    try:
        names = sorted((entry.name for entry in environment.evidence_path.iterdir()), reverse=True)
    except OSError:
        return
    middle = f"Z-{playbook}-{environment.name}"
    mine = [name for name in names if middle in name and (run_dir is None or name < run_dir.name)]
    for name in mine[skip : skip + _LOOKED_THROUGH]:
        try:
            story = show(environment.evidence_path / name)
        except HotopsError:
            continue  # a folder that holds no run
        if (story.playbook, story.environment) == (playbook, environment.name):
            yield story
