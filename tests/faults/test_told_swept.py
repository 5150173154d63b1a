"""People who are told, any call broken or killed anywhere: one issue, told once of each thing; a re-run tells it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.core.clock import rfc3339
from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError
from hotops.drill.follow_ups import DrFollowUps, FollowUpsWanted
from hotops.escalation.escalate import Escalate, EscalateWanted
from hotops.proofs.register import Entry, Register
from tests.faults.repositories import a_world, repository
from tests.faults.sweep import EVERY, Sweep
from tests.stage import Stage

FAILED = "20251231T000000Z-promote-stage"
GOOD = "20251231T010000Z-promote-stage"
TEXT = "shop-production is on no known release."


def escalated(stage: Stage, run: str) -> Outcome:
    """What fails is a warning there: here it is the end of the run, as it is for whoever reads it."""
    want = EscalateWanted(what="promote", outcome="not_restored", exit_code=7, text=TEXT, failed_run=FAILED)
    with stage.context(run) as context:
        outcome = drive(Escalate(want, context))
    if outcome.result["warnings"]:
        raise HotopsError(" ".join(outcome.result["warnings"]))
    return outcome


def failed_before(folder: Path) -> Stage:
    """Promotions failed, and an issue tells so."""
    stage = a_world(folder)
    escalated(stage, "before")
    return stage


def works_again(stage: Stage, run: str) -> Outcome:
    """As `escalated`, after a good run."""
    want = EscalateWanted(what="promote", outcome="promoted", exit_code=0, failed_run=GOOD)
    with stage.context(run) as context:
        outcome = drive(Escalate(want, context))
    if outcome.result["warnings"]:
        raise HotopsError(" ".join(outcome.result["warnings"]))
    return outcome


def mended(stage: Stage) -> list[tuple[str, int]]:
    """Of each issue its state, and how often it is told that it works again."""
    return [
        (issue.state, sum(GOOD in comment.body for comment in issue.comments))
        for issue in repository(stage).issues.values()
        if "could not finish" in issue.title
    ]


def told(stage: Stage) -> list[int]:
    """How often each issue tells of the run that failed."""
    return [
        sum(FAILED in said for said in (issue.body, *(comment.body for comment in issue.comments)))
        for issue in repository(stage).issues.values()
        if "could not finish" in issue.title
    ]


def drilled(folder: Path) -> Stage:
    """One scenario failed again since it was told, one is due, and one passed since its issue was opened."""
    scenarios = ["database_lost", "machine_lost", "volume_lost"]
    stage = a_world(folder, dr={"scenarios": scenarios, "owner": "operator"})
    _enter(stage, "database_lost", 3, passed=False, why="it took too long")
    _enter(stage, "machine_lost", 3, passed=False, why="nobody came")
    _enter(stage, "volume_lost", 3)
    follow_up(stage, "before")
    _enter(stage, "database_lost", 2, passed=False, why="it was worse")
    _enter(stage, "machine_lost", 1)
    _enter(stage, "volume_lost", 1, passed=False, why="it was full")
    return stage


def _enter(stage: Stage, scenario: str, days_ago: float, **more: Any) -> None:
    environment = stage.environment
    given: Mapping[str, Any] = {"passed": True, "why": "", **more}
    entry = Entry(
        at=rfc3339(stage.clock.now() - days_ago * 86400), scenario=scenario, environment=environment.name,
        env_kind=environment.env_kind, run=f"run-{scenario}-{days_ago:g}", rto_s=60, rpo_s=60, phases={}, **given,
    )  # fmt: skip
    Register(environment.path(environment.dr.register_file)).add(entry)


def follow_up(stage: Stage, run: str) -> Outcome:
    with stage.context(run) as context:
        return drive(DrFollowUps(FollowUpsWanted(), context))


def follow_ups(stage: Stage) -> dict[str, list[tuple[str, int]]]:
    """Of each scenario's issues: state and comments."""
    found: dict[str, list[tuple[str, int]]] = {}
    for issue in repository(stage).issues.values():
        if "drill" in issue.labels:
            found.setdefault(issue.title.split()[1], []).append((issue.state, len(issue.comments)))
    return found


FOLLOWED = {"database_lost": [("open", 1)], "machine_lost": [("closed", 0)], "volume_lost": [("open", 0)]}
SWEEPS = (
    Sweep("escalate", world=a_world, run=escalated, state=told, wanted=lambda seen: seen == [1], faults=EVERY),
    Sweep(
        "works_again", world=failed_before, run=works_again, state=mended, wanted=lambda seen: seen == [("closed", 1)],
        faults=EVERY, half_way=lambda seen: seen == [("open", 1)],
    ),
    Sweep(
        "dr_follow_ups", world=drilled, run=follow_up, state=follow_ups, wanted=lambda seen: seen == FOLLOWED,
        faults=EVERY, half_way=lambda seen: all(len(issues) == 1 for issues in seen.values()),
        left_behind=lambda stage: ["a third run has something to do"] if follow_up(stage, "third").changed else [],
    ),
)  # fmt: skip


@pytest.mark.parametrize("swept", SWEEPS, ids=lambda swept: swept.name)
def test_whatever_breaks_each_thing_is_told_once(tmp_path: Path, swept: Sweep[Stage]) -> None:
    swept.all_hold(tmp_path, short=8)
