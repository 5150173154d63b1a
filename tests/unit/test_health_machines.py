"""Machines: what one list call tells about an app's health."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import pytest

from hotops.fly.models import Machine
from hotops.health.machines import MachineHealth, check_config, examine
from tests.unit.health_samples import NOW, OTHER_DIGEST, exit_event, machine, service

HOUR = 3600.0


@dataclass(frozen=True)
class Group:
    count: int | None = None
    memory_mb: int | None = None


def examined(*machines: Machine, **options: Any) -> MachineHealth:
    health = examine("shop", machines, now=NOW, since=NOW - HOUR, **options)
    assert all(finding.subject.startswith("shop") for finding in health.findings)
    return health


def kinds(health: MachineHealth) -> dict[str, str]:
    return {finding.kind: finding.severity for finding in health.findings}


PASSING = {"name": "servicecheck-00-http-3000", "status": "passing", "output": "ok"}


def test_two_good_machines_have_no_finding() -> None:
    health = examined(machine("m1", rows=[PASSING]), machine("m2", rows=[PASSING]), budget_ms=300, floor_mb=1024)
    assert not health.findings
    assert (health.started, health.passing, health.restarts, len(health.digests)) == (2, 2, 0, 1)


def test_a_suspended_app_is_a_finding() -> None:
    """I-19: a service was suspended for hours, and nobody's monitor said so."""
    health = examined(machine("m1", state="suspended"), machine("m2", state="suspended"))
    assert health.all_suspended
    assert kinds(health) == {"suspended": "bad"}
    assert "the whole app is suspended (2 machines)" in health.findings[0].says


def test_one_suspended_machine_is_bad_unless_its_autostop_suspends() -> None:
    resting = machine("m2", state="suspended", services=[service(autostop="suspend")])
    assert kinds(examined(machine("m1"), machine("m2", state="suspended"))) == {"suspended": "bad"}
    assert kinds(examined(machine("m1"), resting)) == {"suspended": "warn"}


def test_a_stopped_machine_is_fine_where_the_proxy_may_stop_it() -> None:
    resting = machine("m2", state="stopped", services=[service(autostop=True)])
    assert not examined(machine("m1", services=[service(autostop=True)]), resting).findings


@pytest.mark.parametrize("config", [{"schedule": "daily"}, {"restart": {"policy": "no"}}, {"standbys": ["m1"]}])
def test_a_machine_that_waits_for_its_turn_may_be_stopped(config: dict[str, Any]) -> None:
    waiting = machine("m2", state="stopped", services=[], config=config)
    assert "stopped" not in kinds(examined(machine("m1"), waiting))


def test_a_machine_that_ended_with_exit_code_0_and_stays_stopped_is_found() -> None:
    gone = machine("m2", state="stopped", events=[exit_event(NOW - 60, 0)])
    assert kinds(examined(machine("m1"), gone)) == {"stopped": "bad"}


def test_a_crash_loop_is_one_finding_with_its_exit_code() -> None:
    """I-12: a service went straight to production and restarted for ever."""
    events = [exit_event(NOW - n * 10, 1, restart_count=4 - n, restarting=True) for n in range(4)]
    health = examined(machine(events=events))
    assert kinds(health) == {"crash_loop": "bad"}
    assert "exit code was 1" in health.findings[0].says
    assert len(health.exits) == 4


def test_an_out_of_memory_kill_names_the_machine_its_group_and_its_memory() -> None:
    """I-7: the worker was killed again although the web machines had been given more memory."""
    worker = machine("w1", group="worker", memory_mb=512, events=[exit_event(NOW - 120, 137, oom_killed=True)])
    health = examined(machine("m1", memory_mb=2048, group="web"), worker, floor_mb=2048)
    assert kinds(health) == {"oom": "bad", "memory_floor": "bad"}
    killed, floor = health.findings
    assert killed.subject == "shop worker w1"
    assert "2 min ago; it has 512 MB" in killed.says
    assert "512 MB of memory; the floor is 2048 MB" in floor.says
    assert health.ooms == 1


def test_what_ended_before_the_machine_was_replaced_is_told_as_past() -> None:
    """After a way back the old release's crashes are no finding about what serves now."""
    launch = {"id": "l", "type": "launch", "status": "created", "source": "user", "timestamp": int((NOW - 20) * 1000)}
    past = [exit_event(NOW - 60 - n, 1) for n in range(3)]
    health = examined(machine(events=[launch, *past]))
    assert kinds(health) == {"ended_before": "warn"}
    assert "3 times before it was replaced" in health.findings[0].says
    assert len(health.exits) == 3
    again = examined(machine(events=[exit_event(NOW - 5, 1), launch, *past]))
    assert kinds(again) == {"ended_before": "warn", "bad_exit": "bad"}
    assert "ended by itself once" in next(each.says for each in again.findings if each.kind == "bad_exit")


def test_exit_code_137_counts_as_a_memory_kill_even_where_fly_does_not_say_so() -> None:
    assert kinds(examined(machine(events=[exit_event(NOW - 5, 137)]))) == {"oom": "bad"}


@pytest.mark.parametrize(
    "event",
    [
        exit_event(NOW - 60, 137, requested_stop=True),
        exit_event(NOW - 60, 0),
        exit_event(NOW - 2 * HOUR, 1),
    ],
)
def test_exits_that_were_asked_for_clean_or_long_ago_are_none(event: dict[str, Any]) -> None:
    health = examined(machine(events=[event]))
    assert not health.exits
    assert not health.findings


def test_a_failing_check_shows_the_path_that_its_configuration_asks() -> None:
    """I-4: the check asked /hc, which has no route; everything else worked, and the proxy dropped the machine."""
    row = {"name": "servicecheck-00-http-3000", "status": "critical", "output": "404 Not Found\nNo route matches /hc"}
    web = machine(services=[service(checks=[{"type": "http", "path": "/hc"}])], rows=[row])
    health = examined(web)
    (check,) = health.failing_checks
    assert (check.path, check.port, check.status) == ("/hc", 3000, "critical")
    assert (
        health.findings[0].says == "the check of /hc on port 3000 is critical: 404 Not Found No route matches /hc (m1)."
    )
    assert health.passing == 0


def test_a_checks_output_is_shown_without_secrets() -> None:
    password = token_hex(8)
    row = {**PASSING, "status": "critical", "output": f"can't reach postgresql://app:{password}@db/app"}
    assert password not in str(examined(machine(rows=[row])).as_row())


def test_checks_of_several_services_are_told_apart_by_number_type_and_port() -> None:
    services = [
        service(checks=[{"type": "tcp"}, {"type": "http", "path": "/a"}]),
        service(
            internal_port=4000, checks=[{"type": "http", "path": "/b"}, {"type": "http", "path": "/c", "port": 5000}]
        ),
    ]
    config = machine(services=services, checks={"alive": {"type": "http", "path": "/alive", "port": 9}}).known_config
    found = {
        name: check.path if (check := check_config(config, name)) else None
        for name in (
            "servicecheck-01-http-3000",
            "servicecheck-02-http-4000",
            "servicecheck-03-http-5000",
            "servicecheck-09-http-4000",
            "alive",
            "servicecheck-00-http-1",
            "other",
        )
    }
    assert list(found.values()) == ["/a", "/b", "/c", "/b", "/alive", None, None]


def test_machines_on_two_images_are_a_deploy_that_did_not_end() -> None:
    health = examined(machine("m1"), machine("m2", digest=OTHER_DIGEST))
    assert kinds(health) == {"two_images": "bad"}


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        (machine(cordoned=True), "cordoned"),
        (machine(state="failed"), "failed"),
        (machine(host_status="unreachable"), "host_down"),
        (machine(state="updating", updated_at="2020-01-01T00:00:00Z"), "stuck"),
    ],
)
def test_a_machine_that_is_not_where_it_should_be_is_found(member: Machine, kind: str) -> None:
    assert kinds(examined(machine("ok"), member))[kind] == "bad"


def test_an_app_without_machines_is_found() -> None:
    assert kinds(examined()) == {"no_machines": "bad"}


def test_helpers_and_destroyed_machines_do_not_count() -> None:
    release = machine("r1", group="fly_app_release_command", state="stopped", events=[exit_event(NOW - 5, 1)])
    health = examined(machine("m1"), release, machine("d1", state="destroyed", digest=OTHER_DIGEST))
    assert not health.findings
    assert health.states == {"started": 1}


def test_autostop_to_zero_breaks_a_latency_budget() -> None:
    """I-3: the app stopped by itself, and each first request missed the budget."""
    sleepy = machine(services=[service(autostop="stop", min_machines_running=0)])
    health = examined(sleepy, budget_ms=300)
    assert kinds(health) == {"autostop_latency": "warn"}
    assert "a cold start breaks the budget of 300 ms" in health.findings[0].says
    assert not health.findings[0].is_failure
    assert not examined(sleepy).findings
    kept = machine(services=[service(autostop="stop", min_machines_running=1)])
    assert not examined(kept, budget_ms=300).findings


def test_a_minimum_above_the_number_of_machines_can_not_be_kept() -> None:
    lonely = machine(services=[service(autostop="stop", min_machines_running=2)])
    assert kinds(examined(lonely)) == {"below_minimum": "warn"}


def test_machines_that_stop_and_never_start_again_are_found() -> None:
    lost = machine(services=[service(autostop="stop", autostart=False)])
    assert kinds(examined(lost)) == {"never_starts": "warn"}


def test_a_service_without_a_check_is_worth_a_warning() -> None:
    assert kinds(examined(machine(services=[service(checks=[])]))) == {"no_checks": "warn"}
    assert not examined(machine(services=[])).findings


def test_what_is_declared_of_a_group_is_compared_with_what_is_there() -> None:
    health = examined(machine(memory_mb=512), groups={"app": Group(2, 1024), "worker": Group(0)})
    assert kinds(health) == {"count_drift": "bad", "memory_drift": "bad"}


def test_one_group_with_two_sizes_is_uneven() -> None:
    assert kinds(examined(machine("m1", memory_mb=512), machine("m2"))) == {"uneven_memory": "warn"}


def test_a_machine_whose_host_is_silent_is_judged_by_what_is_known() -> None:
    silent = machine(host_status="unknown")
    bare = silent.model_copy(update={"config": None, "incomplete_config": silent.config})
    assert kinds(examined(bare)) == {"host_down": "bad"}


def test_what_several_checks_and_machines_say_alike_is_one_finding() -> None:
    rows = [
        {"name": name, "status": "critical", "output": "refused"} for name in ("servicecheck-00-http-3000", "alive")
    ]
    checks = {"alive": {"type": "http", "path": "/health", "port": 3000}}
    health = examined(machine("m2", rows=rows, checks=checks), machine("m1", rows=rows, checks=checks))
    assert len(health.failing_checks) == 4
    assert [finding.says for finding in health.findings] == [
        "the check of /health on port 3000 is critical: refused (m1, m2)."
    ]
