"""A bad release under 50 requests a second: what it costs until it is noticed, and until the old one serves again."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import pytest

from hotops.core.clock import Clock
from hotops.core.errors import HotopsError
from hotops.core.journal import NoJournal
from hotops.deploy.deploy import STRATEGIES
from tests.benchmarks_page import table, write_section
from tests.load import LoadedStage, Visit
from tests.twin.stages import APP, DEFAULTS, FIRST, wrong_with

#: Good on staging and with staging's secrets; these faults show with production's.
FAULTS = ("error3pct", "slow", "oom", "crash")
MACHINES = 4
#: So long the old release served alone before, in seconds: as much as the twin's proxy remembers at this load.
BEFORE_S = 90.0


class Times(NoJournal):
    """Keeps only when a run first said that something is wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.noticed_at: float | None = None

    def event(self, kind: str, **fields: object) -> None:
        if kind == "rescue" or (kind == "verdict" and fields.get("verdict") == "bad"):
            self.noticed_at = self.noticed_at or self._clock.now()


@dataclass(frozen=True)
class BadDay:
    """What became of a promotion of a bad release; times in unix seconds, `started_at` is its first machine's start."""

    error: HotopsError | None
    visits: list[Visit]
    started_at: float
    noticed_at: float | None

    @property
    def phase(self) -> str:
        said = self.error.message if self.error else ""
        return "watch" if said.startswith("The watch broke off") else "deploy" if said else "not at all"

    @property
    def failed(self) -> int:
        return sum(visit.is_lost for visit in self.visits)

    @property
    def slow(self) -> int:
        return sum(visit.is_slow for visit in self.visits)

    @property
    def served_again_s(self) -> float:
        """From the notice to the last visit that the old release did not answer well."""
        wrong = [visit.at for visit in self.visits if visit.is_lost or visit.release != "v41"]
        return max(0.0, max(wrong, default=0.0) - (self.noticed_at or 0.0))

    @property
    def lost_on_the_way_back(self) -> list[Visit]:
        """Visits after the notice that the proxy could not hand to any machine, or that a machine left unanswered."""
        return [visit for visit in self.visits if visit.at > (self.noticed_at or 0.0) and visit.status in (0, 502, 503)]


def bad_day(tmp_path: Path, strategy: str, fault: str) -> BadDay:
    """Promote a bad release under load, and look on until half a minute after the end."""
    stage = LoadedStage(tmp_path, seed=1, machines=MACHINES, deploy_strategy=strategy, **DEFAULTS)
    stage.push(f"v43-prod-{fault}")
    stage.turns.sleep(BEFORE_S)
    times = Times(stage.clock)
    began, error = stage.clock.now(), None
    try:
        stage.promote(FIRST, context={"journal": times})
    except HotopsError as failure:
        error = failure
    stage.turns.sleep(30)
    assert wrong_with(stage, tag="v41", expect=MACHINES) == []
    visits = [visit for visit in stage.visitors.visits if visit.at > began]
    return BadDay(error, visits, first_start(stage, began), times.noticed_at)


def first_start(stage: LoadedStage, since: float) -> float:
    """When the first machine of the new release was launched."""
    machines = stage.twin.world.apps[APP].machines.values()
    versions = (version for machine in machines for version in machine.versions)
    return min(version.created_at for version in versions if version.created_at > since)


@pytest.mark.parametrize(("strategy", "fault"), [("rolling", "slow"), ("bluegreen", "slow"), ("bluegreen", "oom")])
def test_the_way_back_loses_no_request(tmp_path: Path, strategy: str, fault: str) -> None:
    day = bad_day(tmp_path, strategy, fault)
    assert day.error is not None
    assert int(day.error.failure_exit) == 6
    assert day.lost_on_the_way_back == []
    assert day.failed == 0
    assert day.served_again_s <= 30


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_a_release_that_never_becomes_healthy_meets_no_visitor(tmp_path: Path, strategy: str) -> None:
    day = bad_day(tmp_path, strategy, "crash")
    assert {visit.release for visit in day.visits} == {"v41"}
    assert (day.failed, day.slow, day.served_again_s) == (0, 0, 0)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_what_each_bad_release_costs_with_each_strategy(tmp_path: Path) -> None:
    header = ["strategy", "release", "requests", "failed", "slow", "noticed by", "after (s)", "served again after (s)"]
    rows = []
    for number, (strategy, fault) in enumerate(itertools.product(STRATEGIES, FAULTS)):
        day = bad_day(tmp_path / str(number), strategy, fault)
        assert day.noticed_at is not None, f"{strategy}, {fault}: nobody noticed"
        noticed_s = day.noticed_at - day.started_at
        figures = (day.phase, f"{noticed_s:.0f}", f"{day.served_again_s:.0f}")
        rows.append([strategy, fault, len(day.visits), day.failed, day.slow, *figures])
    text = table(header, rows)
    print(f"\n{text}")
    write_section("bad-release", "A bad release under load", f"{EXPLAINED}\n\n{text}")


EXPLAINED = f"""\
{MACHINES} machines in the sandbox's twin under 50 requests a second, the proxy learning of each cordon 0 to 5 s late,
every default (10 s of drain, 600 s of watch), {BEFORE_S:.0f} s of the old release before. The releases are good on
staging and bad with production's secrets only, so no gate can stop them: one answer in 33 is a 500, each answer takes
1.5 s, out of memory 2 s after each start, exit 1 at each start.

*Failed* and *slow* (over 1 s) count all visitors from the start of the run until 30 s after its end. *After* is the
time from the first machine's start with the new release to the notice; *served again after* the time from the notice to
the last visitor who was not answered well by the old release. `immediate` replaces all machines at once and is away
meanwhile: most of its failures are that, not the release."""
