"""All runs of a project's evidence together: figures over deploys, what is to be looked at after one, a report."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hotops.core.chain import records, split_lines
from hotops.core.clock import measured_duration, parse_rfc3339, rfc3339, spoken_duration
from hotops.core.errors import UsageError
from hotops.core.evidence import JOURNAL_FILE
from hotops.core.feedback import FeedbackEntry
from hotops.core.story import Story, show
from hotops.core.table import aligned, one_line

DAY_S = 86_400.0
#: Behind a share or a median stand so many runs at least, or it says how few.
ENOUGH = 5
#: Runs that bring a release, and those that take one back by hand.
DEPLOYS = ("promote", "deploy")
ROLLBACK = "rollback"
_FOLDER = re.compile(r"\d{8}T\d{6}Z-")
#: When somebody is to look after a deploy, in seconds, and what for.
CHECKPOINTS: tuple[tuple[float, str], ...] = (
    (900.0, "the watch is over: is it still well?"),
    (3600.0, "an hour of visitors"),
    (4 * 3600.0, "memory and restarts creep slowly"),
    (DAY_S, "a whole day: peaks, nightly jobs"),
)


@dataclass(frozen=True)
class Ran:
    """A run with its folder and times (unix seconds); `phases` are the seconds that each took."""

    folder: Path
    story: Story
    began: float
    ended: float
    phases: Mapping[str, float] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return self.story.steps_done > 0

    @property
    def is_deploy(self) -> bool:
        """Whether it brought a release, or tried to: what a gate stopped changed nothing, and is none."""
        return self.story.playbook in DEPLOYS and self.changed


def runs_in(evidence: Path, environment: str | None = None) -> list[Ran]:
    """The runs that can be read, the oldest first. Raises UsageError where there is no folder of evidence."""
    try:
        folders = sorted(entry for entry in evidence.iterdir() if _FOLDER.match(entry.name))
    except OSError as error:
        raise UsageError(
            f"There is no evidence in {evidence} (seen from {Path.cwd()}).",
            remedy="Go to the folder of the project, or name the folder: --dir artifacts/deployment",
        ) from error
    found = [ran for folder in folders if (ran := _ran(folder)) is not None]
    known = sorted({ran.story.environment for ran in found})
    if environment is not None and environment not in known:
        raise UsageError(
            f"No run in {evidence} is of the environment {environment!r}.",
            remedy=f"There are runs of {', '.join(known) or 'none'}.",
        )
    return [ran for ran in found if environment in (None, ran.story.environment)]


def _ran(folder: Path) -> Ran | None:
    try:
        story = show(folder)
        began, ended = parse_rfc3339(story.started_at), parse_rfc3339(story.last_at)
        lines = records(split_lines((folder / JOURNAL_FILE).read_bytes()))
    except (UsageError, OSError, ValueError):
        return None  # a folder that is no run, or one of which nothing is written yet
    return Ran(folder, story, began, ended, _phases(lines))


def _phases(lines: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    begun: dict[str, float] = {}
    took: dict[str, float] = {}
    for line in lines:
        if line.get("kind") == "phase_started":
            begun[str(line.get("phase"))] = parse_rfc3339(str(line["at"]))
        elif line.get("kind") == "phase_finished" and str(line.get("phase")) in begun:
            name = str(line.get("phase"))
            took[name] = parse_rfc3339(str(line["at"])) - begun[name]
    return took


# --- figures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """Over all deploys that left evidence here. A figure that can't be computed is null, and `unknown` says why."""

    environment: str
    since: str
    until: str
    deploys: int
    good: int
    brought_back: int
    undone_later: int
    not_restored: int
    stopped_by_a_gate: int
    per_week: float | None
    change_failure_percent: float | None
    deploy_median_s: float | None
    deploy_longest_s: float | None
    restore_median_s: float | None
    restore_longest_s: float | None
    phase_median_s: dict[str, float]
    unknown: dict[str, str]
    #: Figures that so few runs stand behind that the next one may turn them, and how many.
    thin: dict[str, str] = field(default_factory=dict)


def figures_of(runs: Sequence[Ran], *, environment: str, now: float, since_s: float) -> Figures:
    """How often, how long, how many failed, how soon it was well again.

    A deploy failed if it was brought back, or if somebody rolled it back by hand before the next one.
    """
    since = now - since_s
    within = [ran for ran in runs if ran.began >= since]
    deploys = [ran for ran in within if ran.is_deploy]
    good = [ran for ran in deploys if ran.story.exit_code == 0]
    back = [ran for ran in deploys if ran.story.exit_code == 6]
    lost = [ran for ran in deploys if ran.story.exit_code == 7]
    undone = _undone_later(within)
    restored = [_restore_s(ran) for ran in back]
    restored += [rollback.ended - rollback.began for _, rollback in undone]
    took = [ran.ended - ran.began for ran in good]
    phases: dict[str, list[float]] = {}
    for ran in good:
        for name, seconds in ran.phases.items():
            phases.setdefault(name, []).append(seconds)
    first = min((ran.began for ran in deploys), default=now)
    weeks = max(now - max(since, first), DAY_S) / (7 * DAY_S)
    unknown = {"lead_time": "evidence has no time of the commit; GitHub's deployments have the commit"}
    if not deploys:
        unknown["change_failure_percent"] = "no deploy in this time left evidence here"
    if not restored:
        unknown["restore"] = "nothing had to be brought back"
    failed = len(back) + len(lost) + len(undone)
    thin = {
        name: f"{len(found)} {what} only: one more may turn it"
        for name, what, found in (
            ("change_failure_percent", "deploys", deploys),
            ("deploy", "good ones", took),
            ("restore", "ways back", restored),
        )
        if 0 < len(found) < ENOUGH
    }
    return Figures(
        environment,
        rfc3339(since),
        rfc3339(now),
        len(deploys),
        len(good) - len(undone),
        len(back),
        len(undone),
        len(lost),
        sum(ran.story.playbook in DEPLOYS and ran.story.exit_code == 3 for ran in within),
        round(len(deploys) / weeks, 1) if deploys else None,
        round(100 * failed / len(deploys), 1) if deploys else None,
        _rounded(statistics.median(took)) if took else None,
        _rounded(max(took)) if took else None,
        _rounded(statistics.median(restored)) if restored else None,
        _rounded(max(restored)) if restored else None,
        {name: _rounded(statistics.median(seconds)) for name, seconds in phases.items()},
        unknown,
        thin,
    )


def _undone_later(runs: Sequence[Ran]) -> list[tuple[Ran, Ran]]:
    """Deploys that ended well and were rolled back by hand before the next one, each with that rollback."""
    found: list[tuple[Ran, Ran]] = []
    last: Ran | None = None
    for ran in runs:
        if ran.is_deploy:
            last = ran if ran.story.exit_code == 0 else None
        elif ran.story.playbook == ROLLBACK and ran.changed and ran.story.exit_code == 0 and last is not None:
            found.append((last, ran))
            last = None
    return found


def _restore_s(ran: Ran) -> float:
    """From the first machine's turn to the proof that the old state is back: what visitors had of it."""
    return (
        ran.ended - ran.began - sum(ran.phases.get(name, 0.0) for name in ("check_ready", "find_source", "ask_gates"))
    )


def _rounded(seconds: float) -> float:
    return round(seconds, 1)


def figures_in_words(found: Figures) -> list[str]:
    """One screen."""

    def took(seconds: float | None) -> str:
        return "unknown" if seconds is None else measured_duration(seconds)

    rows = [
        ("deploys", f"{found.deploys}" + (f", {found.per_week:g} a week" if found.per_week is not None else "")),
        ("good", f"{found.good}"),
        ("brought back", f"{found.brought_back} by hotops, {found.undone_later} by hand later"),
        ("not restored", f"{found.not_restored}"),
        ("stopped by a gate", f"{found.stopped_by_a_gate}, nothing was changed"),
        (
            "change failure",
            "unknown" if found.change_failure_percent is None else f"{found.change_failure_percent:g} %",
        ),
        ("a good deploy takes", f"{took(found.deploy_median_s)}, the longest {took(found.deploy_longest_s)}"),
        ("well again within", f"{took(found.restore_median_s)}, the longest {took(found.restore_longest_s)}"),
    ]
    rows += [(f"  of it {name}", took(seconds)) for name, seconds in found.phase_median_s.items()]
    told = [f"{name}: {why}" for name, why in (*found.unknown.items(), *found.thin.items())]
    return [
        f"{found.environment}: {found.since[:10]} to {found.until[:10]}, by the evidence in this folder",
        *(f"  {line}" for line in aligned([list(row) for row in rows])),
        *(f"  ? {one_line(line)}" for line in told),
    ]


# --- after a deploy ---------------------------------------------------------------------------------------------------

State = Literal["done", "due", "missed", "to come"]


@dataclass(frozen=True)
class Checkpoint:
    """When to look, what for, with which command, and whether somebody did."""

    at: str
    after_s: float
    why: str
    command: str
    state: State
    seen: str


@dataclass(frozen=True)
class FollowUp:
    """The day after the last deploy. `run` is null where none left evidence here."""

    environment: str
    run: str | None
    reason: str
    ended: str | None
    checkpoints: list[Checkpoint]

    @property
    def owed(self) -> list[Checkpoint]:
        """What is to be looked at now."""
        return [point for point in self.checkpoints if point.state == "due"]


def follow_up_of(runs: Sequence[Ran], *, environment: str, now: float) -> FollowUp:
    """What to look at in the day after the last deploy, and what was looked at already.

    A look is a `health` run; it counts for the checkpoint that it comes after, until the next one.
    """
    last = next((ran for ran in reversed(runs) if ran.is_deploy), None)
    if last is None:
        return FollowUp(environment, None, "", None, [])
    looks = [ran for ran in runs if ran.story.playbook == "health" and ran.began >= last.ended]
    points = []
    for number, (after_s, why) in enumerate(CHECKPOINTS):
        due = last.ended + after_s
        following = last.ended + CHECKPOINTS[number + 1][0] if number + 1 < len(CHECKPOINTS) else due + DAY_S
        seen = next((look for look in looks if due <= look.began < following), None)
        state: State = "done" if seen else "to come" if now < due else "due" if now < following else "missed"
        told = f"{seen.story.outcome or 'not sealed'} ({seen.folder.name})" if seen else ""
        points.append(Checkpoint(rfc3339(due), after_s, why, f"hotops health {environment}", state, told))
    return FollowUp(environment, last.folder.name, last.story.reason, rfc3339(last.ended), points)


def follow_up_in_words(found: FollowUp) -> list[str]:
    """One screen; the last line is what to type."""
    if found.run is None:
        return [f"{found.environment}: no deploy left evidence here.", "", f"Next: hotops status {found.environment}"]
    rows = [
        [f"{spoken_duration(point.after_s)} after", point.at[:16].replace("T", " "), point.state, point.why, point.seen]
        for point in found.checkpoints
    ]
    following = found.owed[-1].command if found.owed else f"hotops status {found.environment}"
    return [
        f"{found.environment}: the day after {found.run} ({found.reason or 'no reason was given'})",
        *(f"  {line}" for line in aligned(rows, ("look", "at (UTC)", "", "for", "seen"), widest=60)),
        "",
        f"Next: {following}",
    ]


# --- a report of progress ---------------------------------------------------------------------------------------------


def progress_of(runs: Sequence[Ran], *, environment: str, now: float, since_s: float) -> FeedbackEntry:
    """What was done in the last hours, as an entry of the team's feedback file."""
    within = [ran for ran in runs if ran.ended >= now - since_s]
    stuck = [ran for ran in within if ran.story.life != "sealed" or ran.story.exit_code not in (0, 8)]
    hours = spoken_duration(since_s)
    return FeedbackEntry(
        at=now,
        status=f"Progress of {hours}",
        working_on=within[-1].story.reason or within[-1].story.playbook if within else f"nothing ran in {hours}",
        progress=[
            f"{ran.story.started_at} {ran.story.playbook} {ran.story.environment}: {_ended(ran)}" for ran in within
        ],
        evidence=[str(ran.folder) for ran in within],
        blockers=[f"{ran.story.playbook}: {_ended(ran)}" for ran in stuck],
        next=list(dict.fromkeys(ran.story.next_step for ran in stuck if ran.story.next_step))
        or [f"hotops status {environment}"],
    )


def _ended(ran: Ran) -> str:
    if ran.story.outcome is None:
        return {"running": "goes on", "died": "died without an end"}.get(ran.story.life, "not sealed")
    return f"{ran.story.outcome.replace('_', ' ')} ({ran.story.exit_code}), {ran.story.steps_done} steps"
