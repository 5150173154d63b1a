"""The sweep itself: it finds operations that stop half-way, says which case it was, and runs that one alone again."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.core.errors import ExitCode, HotopsError
from hotops.fly import Fly
from tests.faults.fleets import fleet, leftovers, runs
from tests.faults.sweep import FAULTS, KILL, Sweep
from tests.stage import Stage
from tests.twin.stages import APP


@pytest.fixture(autouse=True)
def nobody_asks_for_one_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests ask for cases themselves."""
    for name in ("HOTOPS_SWEEP", "HOTOPS_SWEEP_SEED", "HOTOPS_SOAK"):
        monkeypatch.delenv(name, raising=False)


def cordon_all(stage: Stage, run: str) -> None:
    """What nobody should write: machine by machine, no way back, and the old state is claimed when one refuses."""
    with stage.context(run) as context:
        machines = context.client(Fly).machines
        for machine in machines.list(APP):
            try:
                machines.cordon(APP, machine.id)
            except HotopsError as error:
                raise HotopsError("Nothing was changed.", code="nothing", exit_code=ExitCode.NO_GO) from error


NAIVE = Sweep(
    "naive",
    world=Stage,
    run=cordon_all,
    state=fleet,
    wanted=lambda seen: all(machine.cordoned for machine in seen[APP]),
)


def test_an_operation_that_stops_half_way_is_found_and_its_case_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTOPS_SOAK", "1")
    with pytest.raises(AssertionError, match="HOTOPS_SWEEP=naive:") as caught:
        NAIVE.all_hold(tmp_path, short=0)
    said = [line for line in str(caught.value).splitlines() if line.startswith("HOTOPS_SWEEP=")]
    assert all("it says that the old state is there" in line for line in said)
    assert {"500", "408"} == {line.split("#")[1].split(" ", 1)[1].split(" at call")[0] for line in said}
    monkeypatch.delenv("HOTOPS_SOAK")
    monkeypatch.setenv("HOTOPS_SWEEP", said[0].split()[0].partition("=")[2])
    with pytest.raises(AssertionError) as again:
        NAIVE.all_hold(tmp_path / "again", short=0)
    assert str(again.value).splitlines()[0] == said[0]


def test_what_is_left_behind_and_a_run_that_never_does_what_is_wanted_are_found(tmp_path: Path) -> None:
    litters = Sweep("litters", world=Stage, run=cordon_all, state=fleet, wanted=NAIVE.wanted, left_behind=leftovers)
    (kill, *_) = [case for case in litters.cases(tmp_path / "0") if case.how == KILL]
    assert any("is cordoned" in sentence for sentence in litters.ending(kill, tmp_path / "1").wrong)
    never = Sweep("never", world=Stage, run=cordon_all, state=fleet, wanted=runs("v42"))
    with pytest.raises(AssertionError, match="does not do what is wanted"):
        never.cases(tmp_path / "2")


def test_every_call_has_a_case_for_each_fault_and_for_a_kill_and_the_short_form_is_the_same_each_time(
    tmp_path: Path,
) -> None:
    cases = NAIVE.cases(tmp_path / "0")
    calls = len([case for case in cases if case.how == "503"])
    assert calls == 3, "a list and a cordon of each machine"
    assert [case.number for case in cases] == list(range(1, len(cases) + 1))
    assert {case.how for case in cases} == {*FAULTS, KILL}
    assert len(cases) == calls * (len(FAULTS) + 1)
    drawn = NAIVE.chosen(cases, 9)
    assert drawn == NAIVE.chosen(NAIVE.cases(tmp_path / "1"), 9)
    assert len({case.how for case in drawn}) >= 5
