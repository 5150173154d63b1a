"""Apps that fail in every way the team has met, looked at in the twin: what the report says, and what it costs."""

from __future__ import annotations

import re
import ssl
from typing import Any

import pytest

from hotops.core.driver import drive
from hotops.core.errors import ExitCode, UsageError
from hotops.core.world import TokenMissing, World
from hotops.health.app import AppHealth
from hotops.health.health_report import HealthReport, NotWell, ReportWanted, lines
from hotops.inventory.schema import Environment
from tests.twin.asking import SERVICE, app_seed
from tests.twin.health_worlds import Sky, kinds

MACHINES = "GET api.machines.dev /v1/apps/shop/machines"
LOG = "GET api.fly.io /api/v1/apps/shop/logs"


def failing(tag: str, *, wait_s: float = 60.0, **declared: Any) -> tuple[Sky, AppHealth]:
    sky = Sky(app_seed("shop", traffic_rps=20))
    sky.run(tag)
    sky.clock.sleep(wait_s)
    sky.context.calls.clear()
    return sky, sky.look(health=[{"path": "/health"}], **declared)


def test_a_good_app_is_well_and_costs_two_calls_of_the_api_and_one_request() -> None:
    sky = Sky(app_seed("shop", traffic_rps=20))
    health = sky.look(health=[{"path": "/health"}])
    assert (health.state, health.findings) == ("ok", ())
    assert sky.sent() == [MACHINES, LOG, "GET shop.fly.dev /health"]


def test_an_app_by_name_alone_is_asked_what_its_own_checks_ask() -> None:
    sky = Sky()
    health = sky.look()
    assert [probe.url for probe in health.probes] == ["https://shop.fly.dev/health"]
    assert health.state == "ok"


def test_a_check_on_a_path_without_a_route_stands_beside_the_503_that_it_causes() -> None:
    """I-4: the check asked a path without a route, the proxy dropped the machines, and every path answered 503."""
    _, health = failing("v43-wrong-path", exec_checks=True)
    assert health.probes[0].status == 503
    assert health.root is not None
    assert health.root.status == 503
    down = next(finding for finding in health.findings if finding.kind == "down")
    assert "/ answers 503 too" in down.says
    assert "the check of /health on port 8080 is critical: 404 Not Found" in down.says
    assert "/health answers 404 on port 8080 inside" in down.says
    assert "/ answers 200 on port 8080 inside" in down.says
    assert down.remedy == "The app works: point its check to a path that exists."
    assert kinds(health)["failing_check"] == "bad"


def test_no_command_is_run_in_a_machine_unless_it_is_declared_and_never_in_check_mode() -> None:
    sky, health = failing("v43-wrong-path")
    assert not health.inside
    checking = Sky(app_seed("shop"), check=True)
    checking.run("v43-wrong-path")
    checking.clock.sleep(30)
    assert not checking.look(exec_checks=True, health=[{"path": "/health"}]).inside
    assert not [call for call in sky.sent() + checking.sent() if call.endswith("/exec")]


def test_an_app_that_is_not_well_costs_two_calls_more_and_a_request_of_the_root() -> None:
    sky, _ = failing("v43-crash")
    assert sky.sent() == [
        MACHINES,
        LOG,
        "GET shop.fly.dev /health",
        "GET shop.fly.dev /",
        "GET api.machines.dev /v1/apps/shop/secrets",
        "GET api.fly.io /api/v1/apps/shop/releases",
    ]


def test_a_crash_loop_is_seen_in_events_and_explains_the_503() -> None:
    """I-12: a crash loop in production behind a 502."""
    _, health = failing("v43-crash")
    assert kinds(health)["crash_loop"] == "bad"
    assert "Why: its process ends again and again" in health.findings[0].says


def test_a_memory_kill_names_the_group_whose_machines_are_too_small() -> None:
    """I-7: web was given more memory, the worker was not, and was killed again."""
    sky = Sky()
    sky.run("v43-oom", group="worker")
    sky.clock.sleep(60)
    health = sky.look(health=[{"path": "/health"}], memory_floor_mb=1024)
    killed = [finding for finding in health.findings if finding.kind == "oom"]
    assert killed
    assert all("worker" in finding.subject and "it has 512 MB" in finding.says for finding in killed)
    assert kinds(health)["memory_floor"] == "bad"
    assert health.probes[0].ok


def test_a_database_that_is_not_reached_is_told_by_the_check_and_the_log() -> None:
    _, health = failing("v43-no-db")
    assert '"database": "UnknownHost"' in health.findings[0].says


def test_a_slow_answer_is_asked_again_before_it_is_called_slow() -> None:
    """I-3: the cold start alone is no finding; an app that stays over budget is one."""
    sky = Sky()
    sky.twin.faults.add({"kind": "latency", "seconds": 2.0, "match": {"surface": "proxy"}, "nth": [1]})
    assert sky.look(health=[{"path": "/health", "budget_ms": 300}]).state == "ok"
    assert sky.sent().count("GET shop.fly.dev /health") == 2
    sky.twin.faults.add({"kind": "latency", "seconds": 2.0, "match": {"surface": "proxy"}})
    slow = sky.look(health=[{"path": "/health", "budget_ms": 300}])
    assert kinds(slow) == {"slow": "bad"}
    assert "over its budget of 300 ms" in slow.findings[0].says


def test_an_app_that_may_stop_altogether_is_warned_about_its_latency() -> None:
    seed = app_seed("shop")
    seed["groups"]["app"]["services"] = [{**SERVICE, "autostop": "stop", "autostart": True, "min_machines_running": 0}]
    health = Sky(seed).look(health=[{"path": "/health"}], budget_ms=300)
    assert kinds(health)["autostop_latency"] == "warn"


def test_three_per_cent_of_errors_are_seen_in_the_log() -> None:
    _, health = failing("v43-error3pct")
    assert kinds(health) == {"log_5xx": "bad"}
    assert health.log is not None
    assert health.log.share_is_known


def test_a_suspended_app_is_a_finding_though_nobody_asks_it_anything() -> None:
    """I-19: a suspended service was not seen for hours."""
    seed = app_seed("shop", traffic_rps=0)
    for group in seed["groups"].values():
        group["state"] = "suspended"
    sky = Sky(seed)
    health = sky.look(health=[{"path": "/health"}])
    assert kinds(health) == {"suspended": "bad"}
    assert health.state == "bad"
    down = next(finding for finding in sky.look(health=[{"path": "/health"}], wake=True).findings)
    assert "Why: it is suspended" in down.says


@pytest.mark.parametrize("state", ["suspended", "stopped"])
def test_a_look_does_not_wake_an_app_that_sleeps(state: str) -> None:
    seed = app_seed("shop", traffic_rps=0)
    seed["groups"]["app"] |= {
        "state": state,
        "services": [{**SERVICE, "autostop": "stop", "autostart": True, "min_machines_running": 0}],
    }
    del seed["groups"]["worker"]
    sky = Sky(seed)
    health = sky.look(health=[{"path": "/health"}])
    assert not health.probes
    assert not [call for call in sky.sent() if "shop.fly.dev" in call]
    assert health.machines is not None
    assert health.machines.states == {state: 2}
    woken = sky.look(health=[{"path": "/health"}], wake=True)
    assert woken.probes[0].status == 200


def test_what_machines_say_better_is_not_said_by_the_log_again() -> None:
    _, health = failing("v43-oom")
    assert health.log is not None
    assert health.log.incidents
    assert not [kind for kind in kinds(health) if kind.startswith("log_")]


def test_staged_secrets_are_named_when_the_app_is_not_well() -> None:
    """I-13: the app crashed for a missing setting that was staged, and a restart did not apply it."""
    seed = app_seed("shop", staged_secrets={"SHOP_URL": "https://shop.example.com"})
    seed["groups"]["app"]["needs_secrets"] = ["DATABASE_URL", "SHOP_URL"]
    sky = Sky(seed)
    sky.clock.sleep(20)
    health = sky.look(health=[{"path": "/health"}])
    assert health.staged == ("SHOP_URL",)
    staged = next(finding for finding in health.findings if finding.kind == "staged_secrets")
    assert "A restart does not apply them" in staged.says
    stopped = next(finding for finding in health.findings if finding.kind == "stopped")
    assert "ended with exit code 1 118 min ago and is not restarted any more" in stopped.says
    assert "https://shop.example.com" not in str(health.as_row())


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "unauthorized"), (403, "forbidden"), (404, "no_such_app"), (400, "unread")]
)
def test_a_refused_reading_is_unknown_and_says_which_refusal_it_was(status: int, kind: str) -> None:
    """I-22: "missing" was said where "not allowed" and "not there" were meant."""
    sky = Sky()
    sky.twin.faults.add({"kind": "status", "status": status, "body": {"error": "no"}, "match": {"surface": "machines"}})
    health = sky.look(health=[{"path": "/health"}])
    assert kinds(health) == {kind: "unknown"}
    assert health.state == "unknown"
    assert health.probes[0].ok, "the app itself is asked all the same"


def test_an_app_that_nobody_has_is_unknown() -> None:
    assert kinds(Sky().look("ghost")) == {"no_such_app": "unknown"}


def test_a_log_that_can_not_be_read_does_not_hide_the_rest() -> None:
    sky = Sky()
    sky.twin.faults.add({"kind": "status", "status": 403, "body": {}, "match": {"surface": "logs"}})
    health = sky.look(health=[{"path": "/health"}])
    assert kinds(health) == {"forbidden": "unknown"}
    assert health.machines is not None
    assert health.log is None


def test_a_certificate_with_few_days_left_is_a_finding() -> None:
    """I-20: the days are computed from the certificate."""
    sky = Sky()
    sky.transport.not_after = "Oct  1 12:00:00 2026 GMT"
    health = sky.look(health=[{"path": "/health"}])
    assert health.tls is not None
    assert health.tls.days_left is not None
    assert 0 < health.tls.days_left < 21
    assert kinds(health) == {"certificate": "bad"}


def test_a_worker_without_a_service_is_asked_nothing() -> None:
    seed = app_seed("shop")
    del seed["groups"]["app"]
    health = Sky(seed).look()
    assert not health.probes
    assert health.tls is None
    assert health.state == "ok"


def test_an_address_that_does_not_resolve_is_said_once() -> None:
    """I-1: the declared address never existed."""
    health = Sky().look(url="https://staging.shop.example", health=[{"path": "/health"}])
    assert kinds(health) == {"unresolved": "bad"}
    assert "staging.shop.example does not resolve" in health.findings[0].says
    assert health.tls is not None
    assert health.tls.error_code == "unresolved"


def test_a_certificate_that_is_refused_is_a_finding() -> None:
    sky = Sky()
    sky.transport.refused = ssl.SSLCertVerificationError(1, "certificate verify failed: certificate has expired")
    sky.transport.refused.verify_code, sky.transport.refused.verify_message = 10, "certificate has expired"
    health = sky.look(health=[{"path": "/health"}])
    assert kinds(health) == {"tls_expired": "bad"}


def test_one_bad_path_is_told_from_an_app_that_is_down() -> None:
    """I-4: a 404 on the check's path does not mean that the app is down."""
    sky = Sky()
    sky.twin.faults.add({"kind": "status", "status": 404, "match": {"surface": "proxy", "path": "/health"}})
    health = sky.look(health=[{"path": "/health"}])
    assert kinds(health) == {"down": "bad"}
    assert "It is that path only: / answers 200. Its machines are started and pass their checks." in (
        health.findings[0].says
    )


def test_a_wrong_body_is_told_from_a_wrong_status() -> None:
    health = Sky().look(health=[{"path": "/health", "body": {"status": "healthy"}}])
    assert kinds(health) == {"wrong_body": "bad"}
    assert "the body is not as declared" in health.findings[0].says


# --- the operation --------------------------------------------------------------------------------------------------


def environment(sky: Sky, *apps: str, **declared: Any) -> None:
    found = {name: {"host": name, "fly_org": "personal", "health": [{"path": "/health"}], **declared} for name in apps}
    sky.context.environment = Environment.model_validate(
        {"env_name": "test", "env_kind": "sandbox", "fly_org": "personal", "project_dir": ".", "apps": found}
    )


def reported(sky: Sky, **want: Any) -> dict[str, Any]:
    return drive(HealthReport(ReportWanted.model_validate(want), sky.context)).result


def test_one_report_tells_of_all_apps_and_shows_the_worst_finding_first() -> None:
    sleeping = app_seed("chat", traffic_rps=0)
    for group in sleeping["groups"].values():
        group["state"] = "suspended"
    sky = Sky(app_seed("shop", traffic_rps=20), sleeping)
    environment(sky, "shop", "chat")
    report = reported(sky)
    assert report["healthy"] is False
    assert [(row["app"], row["state"]) for row in report["rows"]] == [("shop", "ok"), ("chat", "bad")]
    assert {finding["app"] for finding in report["failed_findings"]} == {"chat"}
    assert [finding["severity"] for finding in report["findings"]] == sorted(
        (finding["severity"] for finding in report["findings"]), key=["bad", "unknown", "warn"].index
    )
    screen = report["hotops_screen"]
    assert screen[0].split() == ["app", "state", "machines", "answer", "restarts", "log", "certificate"]
    assert screen[1].split()[:2] == ["shop", "ok"]
    assert any("the whole app is suspended" in line for line in screen)


def test_selected_apps_alone_are_looked_at() -> None:
    sky = Sky(app_seed("shop"), app_seed("chat"))
    environment(sky, "shop", "chat")
    sky.context.selection = ("chat",)
    assert [row["app"] for row in reported(sky)["rows"]] == ["chat"]
    assert not [call for call in sky.sent() if "shop" in call]


def test_where_findings_shall_fail_the_exit_code_is_8_and_the_report_is_kept() -> None:
    sky = Sky(app_seed("shop"))
    environment(sky, "shop", memory_floor_mb=2048)
    with pytest.raises(NotWell) as caught:
        reported(sky, fail_on_findings=True)
    assert caught.value.failure_exit == ExitCode.FINDINGS
    assert caught.value.details["rows"]
    assert reported(sky)["healthy"] is False


def test_warnings_alone_are_well() -> None:
    seed = app_seed("shop")
    seed["groups"]["app"]["services"] = [{**SERVICE, "autostop": "stop", "autostart": True, "min_machines_running": 0}]
    sky = Sky(seed)
    environment(sky, "shop")
    report = reported(sky, fail_on_findings=True)
    assert report["healthy"] is True
    assert [finding["kind"] for finding in report["findings"]] == ["autostop_latency"]


def test_apps_by_name_are_looked_at_without_an_inventory() -> None:
    assert [row["app"] for row in reported(Sky(), apps=["shop"])["rows"]] == ["shop"]


def test_an_app_that_the_inventory_does_not_have_is_an_error() -> None:
    sky = Sky()
    environment(sky, "shop")
    with pytest.raises(UsageError, match="ghost"):
        reported(sky, apps=["ghost"])


def test_a_report_without_findings_says_so() -> None:
    assert lines([], [])[-1] == "Everything is well."


def test_each_way_of_being_unwell_has_its_cell_in_the_table() -> None:
    sleeping = app_seed("asleep", traffic_rps=0)
    for group in sleeping["groups"].values():
        group["state"] = "suspended"
    sky = Sky(app_seed("shop"), sleeping)
    gone = sky.look(url="https://staging.shop.example", health=[{"path": "/health"}])
    cells = {
        tuple(re.sub(r"in \d+ ms", "in N ms", lines([health], health.findings)[1]).split()[1:])
        for health in (gone, sky.look("asleep"), sky.look("ghost"), sky.look())
    }
    assert cells == {
        ("bad", "3", "started", "unresolved", "0", "quiet", "unresolved"),
        ("bad", "3", "suspended", "asleep", "0", "quiet", "99", "d"),
        ("unknown", "unknown", "-", "unknown", "unknown", "-"),
        ("ok", "3", "started", "200", "in", "N", "ms", "0", "quiet", "99", "d"),
    }


def test_without_a_token_nothing_is_guessed() -> None:
    sky = Sky()
    sky.context.world = World("live", {})
    with pytest.raises(TokenMissing, match="FLY_API_TOKEN"):
        reported(sky, apps=["shop"])
    assert not sky.sent()
