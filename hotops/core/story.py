"""Where a run stands, told from its evidence alone: also after it was killed and nobody saw it."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hotops.core.chain import Line, records, split_lines
from hotops.core.clock import parse_rfc3339, spoken_duration
from hotops.core.errors import UsageError
from hotops.core.evidence import JOURNAL_FILE, MANIFEST_FILE
from hotops.core.state import process_is_alive
from hotops.core.summary import changes, outcome_words
from hotops.core.table import one_line

Life = Literal["sealed", "running", "died", "unknown"]


@dataclass(frozen=True)
class OpenIntent:
    """A step that was begun and whose end nobody wrote down: it may have happened or not."""

    line: int
    action: str
    target: str
    change: str
    began_at: str


@dataclass(frozen=True)
class Story:
    """What the journal says. `life` is "unknown" where the run's machine is another one."""

    run: str
    playbook: str
    environment: str
    env_kind: str
    reason: str
    who: str
    started_at: str
    last_at: str
    life: Life
    lines: int
    phase: str | None = None
    phase_is_finished: bool = False
    steps_done: int = 0
    steps_failed: int = 0
    open_intents: list[OpenIntent] = field(default_factory=list)
    #: Tasks of other collections that were begun and have no end, and those that changed something.
    open_tasks: list[str] = field(default_factory=list)
    changed_by_others: int = 0
    last_verdict: str | None = None
    outcome: str | None = None
    exit_code: int | None = None
    cut_off_lines: list[int] = field(default_factory=list)
    next_step: str = ""


def show(folder: Path) -> Story:
    """The story of the run in `folder`. Raises UsageError if there is none to tell."""
    path = folder / JOURNAL_FILE
    try:
        lines = split_lines(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{path} can't be read: {error.strerror}.", remedy="Name the folder of a run, or give access to it."
        ) from error
    told = records(lines)
    if not told:
        raise UsageError(f"{path} holds no line that can be read.", remedy="Name the folder of another run.")
    opened = _last(told, "run_opened")
    sealed = _last(told, "run_sealed")
    life = _life(opened, is_sealed=(folder / MANIFEST_FILE).exists())
    phase = _last(told, "phase_started").get("phase")
    unfinished = _open_intents(told)
    statuses = [line.get("status") for line in told if line.get("kind") == "outcome"]
    return Story(
        run=_text(told[0].get("run")),
        playbook=_text(opened.get("playbook")),
        environment=_text(opened.get("environment")),
        env_kind=_text(opened.get("env_kind")),
        reason=_text(opened.get("reason")),
        who=_text(opened.get("who")),
        started_at=_text(opened.get("at")),
        last_at=_text(told[-1].get("at")),
        life=life,
        lines=len(lines),
        phase=phase,
        phase_is_finished=_is_finished(told, phase),
        steps_done=statuses.count("done"),
        steps_failed=statuses.count("failed"),
        open_intents=unfinished,
        open_tasks=_open_tasks(told),
        changed_by_others=sum(line.get("kind") == "task" and line.get("status") == "changed" for line in told),
        last_verdict=_verdict_words(_last(told, "verdict")),
        outcome=sealed.get("outcome"),
        exit_code=sealed.get("exit_code"),
        cut_off_lines=_cut_off(lines),
        next_step=_next_step(life, sealed, unfinished, touched=bool(statuses), others=_are_there_others(told)),
    )


def told_in_words(story: Story, *, now: float | None = None) -> str:
    """The story as an operator reads it. `now` (unix seconds) is for ages."""
    now = time.time() if now is None else now
    kind = "SANDBOX, not proof" if story.env_kind == "sandbox" else story.env_kind
    rows = [
        ("run", f"{story.run} ({kind})"),
        ("asked", f"{story.playbook} on {story.environment}, by {story.who}: {story.reason or 'no reason was given'}"),
        ("state", _state_words(story, now)),
        ("phase", f"{story.phase} ({'finished' if story.phase_is_finished else 'begun'})" if story.phase else "none"),
        ("steps", f"{story.steps_done} done, {story.steps_failed} failed, {len(story.open_intents)} with unknown end"),
        ("verdict", story.last_verdict or "none"),
        ("outcome", _outcome_words(story)),
        ("next", story.next_step),
    ]
    verb = "is" if story.life == "running" else "was"
    begun = [
        "    " + one_line(f"{verb} {intent.action} ({intent.change}) since {intent.began_at}, line {intent.line}")
        for intent in story.open_intents
    ]
    texts: list[str] = []
    for name, value in rows:
        texts += [f"{name:<8} {one_line(value)}"] if value else []
        texts += begun if name == "steps" else []
        texts += [f"    {one_line(f'{verb} running {task}')}" for task in story.open_tasks if name == "steps"]
    if story.cut_off_lines:
        numbers = ", ".join(str(number) for number in story.cut_off_lines)
        texts.append(f"{'note':<8} line {numbers} is cut off: its writer was killed while it was written")
    return "\n".join(texts)


def _last(told: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    return next((line for line in reversed(told) if line.get("kind") == kind), {})


def _life(opened: Mapping[str, Any], *, is_sealed: bool) -> Life:
    if is_sealed:
        return "sealed"
    pid, started = opened.get("pid"), opened.get("pid_started")
    if opened.get("host") != socket.gethostname() or not isinstance(pid, int):
        return "unknown"
    return "running" if process_is_alive(pid, started if isinstance(started, (int, float)) else None) else "died"


def _open_intents(told: Sequence[Mapping[str, Any]]) -> list[OpenIntent]:
    ended = {line.get("intent") for line in told if line.get("kind") == "outcome"}
    return [
        OpenIntent(
            line=int(line.get("n", 0)),
            action=_text(line.get("action")),
            target=_text(line.get("target")),
            change=changes(line.get("before"), line.get("after")),
            began_at=_text(line.get("at")),
        )
        for line in told
        if line.get("kind") == "intent" and line.get("n") not in ended
    ]


def _open_tasks(told: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tasks of other collections without an end, as `restart the queue (ansible.builtin.command) on shop-worker`."""
    begun: dict[tuple[str, str, str], str] = {}
    for line in told:
        if line.get("kind") != "task":
            continue
        key = (_text(line.get("task")), _text(line.get("module")), _text(line.get("host")))
        if line.get("status") == "started":
            begun[key] = f"{key[0]} ({key[1]}) on {key[2]}"
        else:
            begun.pop(key, None)
    return list(begun.values())


def _are_there_others(told: Sequence[Mapping[str, Any]]) -> bool:
    return any(line.get("kind") == "task" for line in told)


def _is_finished(told: Sequence[Mapping[str, Any]], phase: object) -> bool:
    """Phases are told in order, so the last line about this one decides."""
    about = [line for line in told if line.get("kind") in ("phase_started", "phase_finished")]
    return bool(about) and about[-1].get("kind") == "phase_finished" and about[-1].get("phase") == phase


def _cut_off(lines: Sequence[Line]) -> list[int]:
    return [line.number for line in lines if line.cut_off or line.fields is None]


def _verdict_words(verdict: Mapping[str, Any]) -> str | None:
    if not verdict:
        return None
    words = _text(verdict.get("verdict")).replace("_", "-")
    of = f" of {verdict['scope']}" if verdict.get("scope") else ""
    text = f": {verdict['text']}" if verdict.get("text") else ""
    return f"{words}{of}{text} ({verdict.get('at')})"


def _next_step(
    life: Life, sealed: Mapping[str, Any], unfinished: Sequence[OpenIntent], *, touched: bool, others: bool
) -> str:
    if life == "sealed":
        return _text(sealed.get("next")) or "Nothing: the run is over."
    if life == "running":
        return "Wait: the run goes on."
    if sealed:
        return "The run had ended and died while its evidence was signed. Nothing is left to do in the clouds."
    first = "See whether it still runs on its own machine; if not, " if life == "unknown" else ""
    if others:
        words = "see what the tasks of other collections did; then run the same command again."
    elif unfinished or touched:
        words = "run the same command again: it first looks at what is really there, then finishes or undoes this."
    else:
        words = "run the same command again: nothing had been changed."
    return first + words if first else words[0].upper() + words[1:]


def _state_words(story: Story, now: float) -> str:
    try:
        ago = f", last line {spoken_duration(max(0.0, now - parse_rfc3339(story.last_at)))} ago"
    except ValueError:
        ago = ""
    return {
        "sealed": f"sealed, ended {story.last_at}",
        "running": f"running{ago}",
        "died": f"died without an end{ago}",
        "unknown": f"not sealed; it ran on another machine, so whether it still runs is not known here{ago}",
    }[story.life]


def _outcome_words(story: Story) -> str:
    if story.outcome is None or story.exit_code is None:
        return ""
    return f"{story.outcome.replace('_', ' ')}, exit code {story.exit_code}: {outcome_words(story.exit_code)}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
