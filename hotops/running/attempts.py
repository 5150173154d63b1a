"""Runs of a playbook until one ends: a read that failed is tried again, a run that died is resumed by looking."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hotops.core.chain import records, split_lines
from hotops.core.clock import Clock, spoken_duration
from hotops.core.errors import ExitCode, HotopsError
from hotops.core.evidence import JOURNAL_FILE
from hotops.core.story import show, told_in_words
from hotops.inventory.schema import Environment
from hotops.inventory.windows import next_opening
from hotops.running.escalating import Told, escalate, failures_in_a_row, has_failed, is_to_be_told, works_again
from hotops.running.follow import Follower
from hotops.running.job import Ended, Job, carry_out
from hotops.running.moment import FROZEN, LOCK, LOCK_EVERY_S, LOOK_EVERY_S, Hold, Look, Pause, still_says_no

#: Failures of a moment: the same run may well succeed in the next one.
PASSING = frozenset(
    {"wire", "unreachable", "unresolved", "tls", "broken", "not_json", "server_error", "rate_limited", "timeout"}
)
#: Gates that say no to the moment, not to the release.
WAITS_FOR = frozenset({"window", "freeze", "no_blocker"})
RETRY_AFTER_S = 10.0


@dataclass
class Tried:
    """What became of all attempts: the last one's end, its evidence, and how many there were."""

    ended: Ended
    run_dir: Path | None
    attempts: int = 1
    waited_s: float = 0.0
    failures: int = 0
    told: Told = field(default_factory=list)


def run_until_ended(
    job: Job,
    environment: Environment,
    *,
    clock: Clock,
    say: Callable[[str], None],
    progress: Callable[[str], None],
    show_all: bool = False,
    wait_s: float = 0.0,
    selection: tuple[str, ...] = (),
    start: Callable[..., Ended] = carry_out,
    look: Look = still_says_no,
) -> Tried:
    """Run the job. A passing failure is tried a second time, and so is a run that died, after saying where it stood.

    With `wait_s` a run that only the moment forbids (window, freeze, P0, somebody's lock) waits for so long and goes
    then: meanwhile only that is asked, and no playbook is started. Nothing is repeated blindly: each run first looks at
    what is really there. Where it failed twice in a row, also over several calls, people are told; after a good run,
    that it works again. `selection` names the hosts of the apps it is about.
    """
    hold = Hold(environment, selection, clock, progress, look, until=clock.now() + wait_s)
    tried, failures = _tried(job, environment, hold, say=say, show_all=show_all, start=start)
    word = _word(job.playbook)
    if job.check:
        return tried
    if not has_failed(tried.ended):
        if tried.ended.exit_code == ExitCode.DONE:
            tried.told = works_again(
                tried.ended, word, environment, selection=selection, run_dir=tried.run_dir, say=progress
            )
        return tried
    tried.failures = failures_in_a_row(tried.ended, tried.run_dir, failures + 1, environment, word)
    if is_to_be_told(tried.ended, tried.failures):
        tried.told = escalate(
            tried.ended,
            word,
            environment,
            selection=selection,
            run_dir=tried.run_dir,
            failures=tried.failures,
            say=progress,
        )
    return tried


def _tried(
    job: Job,
    environment: Environment,
    hold: Hold,
    *,
    say: Callable[[str], None],
    show_all: bool,
    start: Callable[..., Ended],
) -> tuple[Tried, int]:
    """What became of it, and how many attempts failed before the last one."""
    clock, progress = hold.clock, hold.progress
    attempts, failures = 0, 0
    while True:
        attempts += 1
        follower = Follower(environment.evidence_path, _word(job.playbook), progress, now=clock.now)
        ended = start(job, say=say, show_all=show_all, while_running=follower.follow)
        follower.look(ended.pid)
        pause = _wait_for_the_moment(ended, follower.run_dir, environment, clock.now())
        if pause is not None and clock.now() < hold.until and hold.ends_well(pause):
            continue
        if not _may_be_tried_again(ended) or failures:
            return Tried(ended, follower.run_dir, attempts, hold.waited_s), failures
        foreign = foreign_traces(follower.run_dir)
        if foreign:
            progress(f"It is not tried again by itself, since hotops can't look up what others did: {foreign}")
            return Tried(ended, follower.run_dir, attempts, hold.waited_s), failures
        failures += 1
        if ended.died and follower.run_dir is not None:
            progress(f"The run died. What its evidence says:\n{told_in_words(show(follower.run_dir), now=clock.now())}")
            progress("It is resumed: the next run looks at what is there, and finishes or undoes it.")
        else:
            code = ended.failure.get("code") or ended.outcome
            progress(f"It failed with {code}, which passes; trying once more in {spoken_duration(RETRY_AFTER_S)}.")
            clock.sleep(RETRY_AFTER_S)


def _may_be_tried_again(ended: Ended) -> bool:
    if ended.died:
        return True
    return ended.exit_code == ExitCode.ERROR and str(ended.failure.get("code")) in PASSING


def _wait_for_the_moment(ended: Ended, run_dir: Path | None, environment: Environment, now: float) -> Pause | None:
    """What one could wait for; None where waiting helps nothing."""
    if ended.exit_code == ExitCode.LOCK_HELD:
        return Pause("Somebody holds the environment", frozenset({LOCK}), LOCK_EVERY_S, LOCK_EVERY_S)
    if ended.failure.get("code") == FROZEN:
        return Pause("It is frozen", frozenset({FROZEN}), LOOK_EVERY_S)
    if ended.exit_code != ExitCode.NO_GO:
        return None
    blocking = frozenset(blocking_gates(run_dir))
    if not blocking or not blocking <= WAITS_FOR:
        return None
    opens = [
        at
        for app in environment.apps.values()
        if (at := next_opening(app.windows, app.freezes, now)) is not None and at > now
    ]
    pause = max(opens) - now if blocking <= {"window", "freeze"} and opens else LOOK_EVERY_S
    return Pause(f"Only the moment says no ({', '.join(sorted(blocking))})", blocking, pause)


def blocking_gates(run_dir: Path | None) -> Iterable[str]:
    """The gates that stopped a run, as its evidence tells."""
    if run_dir is None:
        return ()
    try:
        told = records(split_lines((run_dir / JOURNAL_FILE).read_bytes()))
    except (OSError, HotopsError):
        return ()
    return [
        str(line.get("gate"))
        for line in told
        if line.get("kind") == "gate" and line.get("status") == "fail" and line.get("level") == "require"
    ]


def foreign_traces(run_dir: Path | None) -> str:
    """What tasks of other collections did, or may have done, in a run; empty where nothing."""
    if run_dir is None:
        return ""
    story = show(run_dir)
    begun = [f"{task} was begun and has no end" for task in story.open_tasks]
    changed = [f"{story.changed_by_others} of their tasks changed something"] if story.changed_by_others else []
    return "; ".join([*begun, *changed])


def _word(playbook: str) -> str:
    return Path(playbook).name.removesuffix(".yml").removesuffix(".yaml").rpartition(".")[2]
