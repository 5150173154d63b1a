"""What each operation asks of the clouds, call by call, from the twin's own log: no call that nobody needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.core.options import validated
from hotops.promote.phases import PhaseName
from hotops.registry import operation
from tests.stage import Stage
from tests.twin.stages import APP, SECOND, SOURCE, THIRD, calls, forget_calls, in_one_order

pytestmark = pytest.mark.usefixtures("own_state")

API = f"api.machines.dev/v1/apps/{APP}"
SOURCE_API = f"api.machines.dev/v1/apps/{SOURCE}"
RELEASES = f"GET api.fly.io/api/v1/apps/{APP}/releases"
LOG_OF_SOURCE = f"GET api.fly.io/api/v1/apps/{SOURCE}/logs"
MACHINE = f"{API}/machines/ID"
#: Reads of one machine until its checks pass: they depend on how long it takes to boot, not on hotops.
WAITING = f"GET {MACHINE}"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """One request a sample, no visitors in the log: what is left are calls that hotops decides on."""
    made = Stage(tmp_path, samples=2, warmup=1)
    for app in made.twin.world.apps.values():
        app.traffic_rps = 0
    forget_calls(made)
    return made


def asked(stage: Stage) -> list[str]:
    """The calls since the last time, digests and release ids left out."""
    found = []
    for call in calls(stage):
        head, _, last = call.rpartition("/")
        found.append(f"{head}/DIGEST" if last.startswith("sha256:") else f"{head}/ID" if last[:4] == "rel_" else call)
    forget_calls(stage)
    return found


def of(stage: Stage, name: str, options: Mapping[str, Any]) -> list[str]:
    """The calls of one operation."""
    kind = operation(name)
    with in_one_order(), stage.context(SECOND) as context:
        drive(kind(validated(kind.Want, options, of=name), context))
    return asked(stage)


def by_phase(stage: Stage, run: str = SECOND) -> dict[PhaseName, list[str]]:
    """The calls of each phase of a promotion."""
    found: dict[PhaseName, list[str]] = {}

    def note(phase: PhaseName, _outcome: Outcome) -> None:
        found[phase] = asked(stage)

    stage.promote(run, on_phase=note)
    return found


READINGS: Mapping[str, tuple[Mapping[str, Any], list[str]]] = {
    "fly_app_info": ({"app": APP}, [f"GET {API}"]),
    "fly_machine_info": ({"app": APP}, [f"GET {API}/machines"]),
    "fly_release_info": ({"app": APP}, [RELEASES]),
    # Whether a value is on the machines takes three readings: the vault's, the machines', the releases' dates.
    "fly_secret_info": ({"app": APP}, [f"GET {API}/secrets", f"GET {API}/machines", RELEASES]),
    "health_probe": ({"url": f"https://{APP}.fly.dev/health"}, [f"GET {APP}.fly.dev/health"]),
    # The machines tell which path their checks ask.
    "smoke": ({"app": APP}, [f"GET {API}/machines", f"GET {APP}.fly.dev/health"]),
    # A handshake is no request.
    "tls_info": ({"hosts": [f"{APP}.fly.dev"]}, []),
    # Of a well app: its machines, the newest page of its log, one request.
    "health_report": (
        {"apps": [APP]},
        [f"GET {API}/machines", f"GET api.fly.io/api/v1/apps/{APP}/logs", f"GET {APP}.fly.dev/health"],
    ),
}


@pytest.mark.parametrize("name", READINGS)
def test_a_reading_asks_for_what_it_returns_and_nothing_else(stage: Stage, name: str) -> None:
    options, expected = READINGS[name]
    assert of(stage, name, options) == expected


def test_a_log_scan_reads_page_after_page_until_one_brings_nothing_new(stage: Stage) -> None:
    assert set(of(stage, "fly_log_scan", {"app": APP})) == {f"GET api.fly.io/api/v1/apps/{APP}/logs"}


GATES_OF_ONE_APP = Counter(
    {
        # The source anew: what it runs, and whether its release is complete.
        f"GET {SOURCE_API}/machines": 1,
        f"GET api.fly.io/api/v1/apps/{SOURCE}/releases": 1,
        # The target: is it ours, what runs, what could come back, are its secrets there and deployed.
        f"GET {API}": 1,
        f"GET {API}/machines": 1,
        RELEASES: 1,
        f"GET {API}/secrets": 1,
        f"GET {SOURCE_API}/secrets": 1,  # parity
        "POST api.fly.io/graphql": 1,  # the stored definition: whose it is, and its release command
        f"HEAD registry.fly.io/v2/{SOURCE}/manifests/DIGEST": 1,  # the new image can be pulled
        f"HEAD registry.fly.io/v2/{APP}/manifests/DIGEST": 1,  # and so can the old one
        f"GET {MACHINE}/versions": 1,  # one machine a group: its configuration is kept
        "GET api.machines.dev/v1/tokens/current": 1,
        LOG_OF_SOURCE: 1,  # the lines of the soak time; a busy log has more pages
        # The source through its proxy: smoke, a warm-up, two samples, and the target's check path.
        f"GET {SOURCE}.fly.dev/health": 5,
    }
)
#: What the watch will compare with: a warm-up and two samples, and the old release's log (its last lines, and no more).
BEFORE = Counter({f"GET {APP}.fly.dev/health": 3, f"GET api.fly.io/api/v1/apps/{APP}/logs": 2})


def test_the_module_gate_reads_each_thing_once_and_measures_no_baseline(stage: Stage) -> None:
    found = Counter(of(stage, "gate", {"stop": False}))
    assert found == GATES_OF_ONE_APP


def test_each_phase_of_a_promotion_asks_for_what_it_needs_and_nothing_else(stage: Stage) -> None:
    phases = by_phase(stage)
    # Is an earlier run unfinished? The machines' marks say it.
    assert phases["check_ready"] == [f"GET {API}/machines"]
    assert phases["find_source"] == [f"GET {SOURCE_API}/machines", f"GET api.fly.io/api/v1/apps/{SOURCE}/releases"]
    assert Counter(phases["ask_gates"]) == GATES_OF_ONE_APP + BEFORE
    assert phases["verify"] == [f"GET {API}/machines", f"GET {APP}.fly.dev/health"]
    # Nobody is to be told, so nothing is read for it.
    assert phases["notify"] == []


def test_the_deploy_of_two_machines_takes_sixteen_calls_beside_the_waiting(stage: Stage) -> None:
    deploy = by_phase(stage)["deploy"]
    each = Counter(
        {
            f"POST {MACHINE}/metadata/hotops_cordoned_by": 1,  # whose cordon it is, before there is one
            f"POST {MACHINE}/cordon": 1,
            f"POST {MACHINE}": 1,  # the update, marks and all
            f"POST {MACHINE}/uncordon": 1,
            f"DELETE {MACHINE}/metadata/hotops_cordoned_by": 1,
            f"DELETE {MACHINE}/lease": 1,
            f"GET {APP}.fly.dev/health": 1,  # what visitors get meanwhile, for the evidence
        }
    )
    once = Counter(
        {
            f"GET {API}/machines": 3,  # to plan, once more under the lock, to prove
            f"POST {API}/secrets": 1,  # Fly tells the vault's version in answer to a write only
            "POST api.fly.io/graphql": 1,  # the definition, for the release record
            f"POST {MACHINE}/metadata/hotops_began": 1,  # whose run it is, before the first machine changes
            "POST api.fly.io/api/v1/releases": 1,
            "PATCH api.fly.io/api/v1/releases/ID": 1,  # running
        }
    )
    found = Counter(deploy)
    waiting, leases = found.pop(WAITING), found.pop(f"POST {MACHINE}/lease")
    assert found == each + each + once
    assert 4 <= leases <= 8, "two leases, kept alive by what waits longest"
    assert waiting <= 2 * 10 + 1


def test_the_deploy_of_one_machine_cordons_nothing_since_nobody_else_could_serve(tmp_path: Path) -> None:
    stage = Stage(tmp_path, samples=2, warmup=1, sandbox={"groups": {"app": {"count": 1}}})
    found = Counter(by_phase(stage)["deploy"])
    del found[WAITING], found[f"POST {MACHINE}/lease"]
    assert found == Counter(
        {
            f"GET {API}/machines": 3,
            f"POST {API}/secrets": 1,
            "POST api.fly.io/graphql": 1,
            f"POST {MACHINE}/metadata/hotops_began": 1,  # whose run it is, before the first machine changes
            "POST api.fly.io/api/v1/releases": 1,
            "PATCH api.fly.io/api/v1/releases/ID": 1,
            f"POST {MACHINE}": 1,
            f"DELETE {MACHINE}/lease": 1,
            f"GET {APP}.fly.dev/health": 1,
        }
    )


def test_a_look_of_the_watch_is_one_list_two_requests_and_the_log_since_the_last_one(stage: Stage) -> None:
    found = Counter(by_phase(stage)["watch"])
    looks = found[f"GET {APP}.fly.dev/health"] // 2
    assert looks == 6, "12 s in steps of 2.4 s, both ends"
    assert found == Counter(
        {
            # The first look is at what the phase read; one finds what only waited for the verdict, the last one proves.
            f"GET {API}/machines": looks + 2,
            f"GET {APP}.fly.dev/health": 2 * looks,
            f"GET api.fly.io/api/v1/apps/{APP}/logs": looks,  # up to the line of this moment
            f"PATCH {MACHINE}/metadata": 2,  # good, on each machine
            "PATCH api.fly.io/api/v1/releases/ID": 1,  # complete
        }
    )


def test_a_second_promotion_writes_nothing_and_asks_no_gate(stage: Stage) -> None:
    stage.promote()
    forget_calls(stage)
    phases = by_phase(stage)
    list_target, list_source = f"GET {API}/machines", f"GET {SOURCE_API}/machines"
    source_releases = f"GET api.fly.io/api/v1/apps/{SOURCE}/releases"
    assert phases == {
        "check_ready": [list_target],
        "find_source": [list_source, source_releases],
        "ask_gates": [list_source, source_releases, list_target],
        "deploy": [list_target],
        "verify": [list_target, f"GET {APP}.fly.dev/health"],
        "watch": [list_target],
        "notify": [],
    }


def test_a_rollback_reads_six_things_before_its_first_machine_moves(stage: Stage) -> None:
    stage.promote()
    forget_calls(stage)
    found = of(stage, "fly_rollback", {})
    first_write = next(index for index, call in enumerate(found) if call.startswith("POST"))
    assert found[:first_write] == [
        f"GET {API}/machines",
        f"GET {MACHINE}/versions",  # each machine's own older configuration
        f"GET {MACHINE}/versions",
        RELEASES,
        f"HEAD registry.fly.io/v2/{APP}/manifests/DIGEST",  # it is still there
        f"GET {API}/secrets",  # to name what does not come back
    ]
    after = Counter(found[first_write:])
    assert after[f"POST {MACHINE}"] == 2
    assert after[f"POST {API}/secrets"] == 0
    # Bookkeeping comes last: what was left failed, what came back is complete; then the proof, and what users get now.
    asked = 0
    while found[-1] == f"GET {APP}.fly.dev/health":
        found.pop()
        asked += 1
    assert 1 <= asked <= 5
    assert found[-5:] == [
        "PATCH api.fly.io/api/v1/releases/ID",
        "POST api.fly.io/graphql",
        "POST api.fly.io/api/v1/releases",
        "PATCH api.fly.io/api/v1/releases/ID",
        f"GET {API}/machines",
    ]


def test_what_a_whole_promotion_costs_is_said_in_calls_by_effect(stage: Stage) -> None:
    stage.promote(THIRD)
    entries = stage.control("GET", "log")["entries"]
    writes = [entry for entry in entries if entry["effect"] == "write" and not entry["path"].endswith("/lease")]
    assert len(writes) == 17, (
        "1 mark that it began, 10 on two machines, 1 secrets version, 2 + 1 release records, 2 verdicts"
    )
    assert {entry["effect"] for entry in entries} == {"none", "write"}
