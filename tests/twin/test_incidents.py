"""Incidents that a team on this stack really had, made again in the twin: the check that catches each fires."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.core.driver import drive
from hotops.core.evidence import EvidenceFolder
from hotops.deploy.rollback import Rollback, RollbackWant
from hotops.fly import Fly
from hotops.health.health_report import HealthReport, NotWell, ReportWanted
from tests.stage import Stage
from tests.twin.stages import (
    APP,
    SECOND,
    SOURCE,
    blocking,
    ended,
    forget_calls,
    gates_of,
    in_one_order,
    refused,
    releases,
    told,
    wrong_with,
)

pytestmark = pytest.mark.usefixtures("own_state")

CLOUDS = ("api.machines.dev", "api.fly.io", "registry.fly.io")
Answers = Callable[[httpx.Request], int | None]


class Outside(httpx.BaseTransport):
    """The network around the twin: other names do not resolve, known ones show a certificate, some paths are special.

    `answers` gives the status of a request of an app, None for what the app itself says.
    """

    def __init__(self, inner: httpx.BaseTransport, stage: Stage, answers: Answers = lambda _request: None) -> None:
        self.inner, self.stage, self.answers = inner, stage, answers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host not in CLOUDS and host not in self.stage.twin.hostnames():
            raise httpx.ConnectError(f"the name {host} does not resolve", request=request)
        status = self.answers(request) if host not in CLOUDS else None
        if status is not None:
            return httpx.Response(status, text=f"status {status}", request=request)
        return self.inner.handle_request(request)

    def peer_certificate(self, host: str, port: int) -> Mapping[str, Any]:
        if host not in self.stage.twin.hostnames():
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        until = datetime.fromtimestamp(self.stage.clock.now() + 60 * 86400, UTC)
        return {
            "notAfter": f"{until:%b %d %H:%M:%S %Y} GMT",
            "subjectAltName": (("DNS", host),),
            "issuer": ((("organizationName", "Twin"),),),
        }


def report(stage: Stage, **want: Any) -> dict[str, Any]:
    """What `hotops health` shows of all apps."""
    with in_one_order(), stage.context() as context:
        return drive(HealthReport(ReportWanted(**want), context)).result


def findings(stage: Stage, app: str | None = None) -> dict[str, str]:
    """Kinds of findings with what each says, the last of a kind."""
    return {f["kind"]: f["says"] for f in reversed(report(stage)["findings"]) if app in (None, f["app"])}


def updated(stage: Stage, app: str, change: Callable[[Any], Any], group: str | None = None) -> None:
    """Somebody changes machines of an app by hand."""
    with stage.context() as context:
        fly = context.client(Fly)
        for machine in stage.machines(app):
            if group in (None, machine.process_group):
                fly.machines.update(app, machine.id, change(machine.known_config))
    stage.clock.sleep(30)


def test_i1_a_smoke_target_whose_name_does_not_resolve_is_told_before_anything_is_promoted(tmp_path: Path) -> None:
    stage = Stage(tmp_path, smoke=[{"url": "https://staging.shop.example.com/"}])
    stage.wrap = lambda inner: Outside(inner, stage)
    forget_calls(stage)
    error = refused(stage.promote)
    assert ended(error) == ("no_go", 3)
    assert set(blocking(error)) == {"urls_resolve", "smoke"}
    assert "staging.shop.example.com does not resolve" in error.message
    assert stage.writes() == []


def test_i1_names_that_all_resolve_pass_with_their_certificates(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.wrap = lambda inner: Outside(inner, stage)
    gate = gates_of(stage, "urls_resolve")["urls_resolve"]
    assert gate["status"] == "pass"
    assert gate["found"].startswith("2 names, certificates for ")


def turns_away_all_but_the_point_of_sale(request: httpx.Request) -> int | None:
    known = request.headers["user-agent"].startswith("Shopify-POS")
    return None if request.url.path != "/app" or known else 410


@pytest.mark.parametrize(("user_agent", "status"), [(None, "fail"), ("Shopify-POS/9.1", "pass")])
def test_i2_a_route_that_turns_away_unknown_clients_is_asked_as_the_client_that_is_declared(
    tmp_path: Path, user_agent: str | None, status: str
) -> None:
    stage = Stage(tmp_path, smoke=[{"path": "/app", **({"user_agent": user_agent} if user_agent else {})}])
    stage.wrap = lambda inner: Outside(inner, stage, turns_away_all_but_the_point_of_sale)
    gate = gates_of(stage, "smoke")["smoke"]
    assert gate["status"] == status
    if user_agent is None:
        assert "answered 410" in gate["found"]
        assert "a user_agent can be declared" in gate["found"]


def slow_answers(stage: Stage, seconds: float, **more: Any) -> None:
    match = {"surface": "proxy", "host": f"{SOURCE}.fly.dev"}
    stage.control("POST", "faults", {"kind": "latency", "seconds": seconds, "match": match, **more})


def test_i3_answers_over_the_budget_are_a_no_with_the_percentiles(tmp_path: Path) -> None:
    stage = Stage(tmp_path, budget_ms=300, samples=30)
    slow_answers(stage, 0.45)
    error = refused(stage.promote)
    assert "latency" in blocking(error)
    assert "budget 300 ms" in error.message


def test_i3_a_cold_start_alone_is_shown_apart_and_is_no_reason_to_stop(tmp_path: Path) -> None:
    stage = Stage(tmp_path, budget_ms=300, samples=30)
    slow_answers(stage, 0.75, nth=[1])
    gate = gates_of(stage, "latency")["latency"]
    assert gate["status"] == "pass"
    assert "first 75" in gate["found"] or "first 76" in gate["found"]


def test_i3_a_target_that_may_stop_altogether_is_warned_about_its_budget(tmp_path: Path) -> None:
    group = {"app": {"autostop": "stop", "min_machines_running": 0}}
    stage = Stage(tmp_path, budget_ms=300, sandbox={"groups": group})
    gate = gates_of(stage, "autostop_latency")["autostop_latency"]
    assert gate["status"] == "warn"
    assert "a cold start breaks the budget of 300 ms" in gate["found"]


def hc_is_no_route(request: httpx.Request) -> int | None:
    return 404 if request.url.path == "/hc" else None


def test_i4_a_check_of_the_target_on_a_path_that_the_new_image_does_not_have_is_a_no(tmp_path: Path) -> None:
    world = {"groups": {"app": {"health_path": "/hc"}}, "source": {"groups": {"app": {"health_path": "/health"}}}}
    stage = Stage(tmp_path, sandbox=world)
    stage.wrap = lambda inner: Outside(inner, stage, hc_is_no_route)
    error = refused(stage.promote)
    assert ended(error) == ("no_go", 3)
    assert {"check_path_inside", "parity_checks"} <= set(blocking(error))
    assert "/hc answered 404" in error.message
    assert "the target is checked there" in error.message


@pytest.mark.parametrize(("tag", "status"), [("v43-wrong-path", "fail"), ("v43", "pass")])
def test_i4_the_check_path_is_asked_inside_the_machine_where_that_is_allowed(
    tmp_path: Path, tag: str, status: str
) -> None:
    stage = Stage(tmp_path, exec_checks=True)
    stage.push(tag)
    assert gates_of(stage, "check_path_inside")["check_path_inside"]["status"] == status


def test_i4_a_503_on_every_path_stands_beside_the_check_path_that_causes_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, exec_checks=True)
    stage.push("v43-wrong-path", app=APP)
    down = next(f for f in report(stage)["findings"] if f["kind"] == "down")
    assert "answered 503" in down["says"]
    assert "the check of /health on port 8080 is critical: 404 Not Found" in down["says"]
    assert down["remedy"] == "The app works: point its check to a path that exists."


TWO_GROUPS: Mapping[str, Any] = {
    "process_groups": {"web": {"memory_mb": 2048}, "worker": {"memory_mb": 2048}},
    "memory_floor_mb": 2048,
}


def test_i7_a_worker_that_kept_its_small_memory_when_web_was_given_more_is_a_no(tmp_path: Path) -> None:
    stage = Stage(tmp_path, **TWO_GROUPS)
    updated(stage, APP, lambda config: config.with_guest(memory_mb=512), group="worker")
    error = refused(stage.promote)
    assert {"memory_floor", "parity_memory"} <= set(blocking(error))
    assert "worker has 512 MB, wanted 2048 MB" in error.message
    drift = findings(stage, APP)
    assert {"memory_floor", "memory_drift"} <= set(drift)
    assert drift["memory_drift"] == "it has 512 MB of memory; declared are 2048 MB."


def test_i7_a_process_that_was_killed_for_lack_of_memory_is_a_no_and_the_report_names_its_group(tmp_path: Path) -> None:
    stage = Stage(tmp_path, **TWO_GROUPS)
    stage.push("v43-oom", age_s=60)
    gates = gates_of(stage, "source_errors", "restarts", "source_healthy")
    assert gates["source_errors"]["status"] == "fail"
    assert "out of memory" in gates["source_errors"]["found"]
    assert "last code 137 (out of memory)" in gates["restarts"]["found"]
    stage.push("v43-oom", app=APP, age_s=60)
    killed = [f for f in report(stage)["findings"] if f["kind"] == "oom"]
    assert {finding["app"] for finding in killed} == {APP}
    assert any("worker" in finding["subject"] for finding in killed)
    assert "exit code 137" in killed[0]["says"]
    assert "it has 2048 MB" in killed[0]["says"]


def test_i12_an_image_that_crashes_at_its_start_never_reaches_production(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.push("v43-crash", age_s=60)
    forget_calls(stage)
    error = refused(stage.promote)
    assert {"source_errors", "restarts"} <= set(blocking(error))
    assert "last code 1" in error.message
    assert stage.writes() == []


def test_i12_an_image_that_crashes_with_the_secrets_of_production_alone_costs_no_request(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.push("v43-prod-crash")
    seen: list[int] = []

    class Visited(httpx.BaseTransport):
        def __init__(self, inner: httpx.BaseTransport) -> None:
            self.inner = inner

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == "api.machines.dev":
                seen.append(stage.get(f"https://{APP}.fly.dev/health"))
            return self.inner.handle_request(request)

    stage.wrap = Visited
    error = refused(stage.promote)
    assert ended(error) == ("rolled_back", 6)
    assert set(seen) == {200}, f"{len(seen)} requests of a visitor"
    assert wrong_with(stage, tag="v41") == []


def test_i12_a_crash_loop_in_production_is_a_finding_with_its_exit_code(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.push("v43-crash", app=APP, age_s=30)
    found = findings(stage, APP)
    assert "exit code was 1" in found["crash_loop"]
    with stage.context() as context:
        error = refused(drive, HealthReport(ReportWanted(fail_on_findings=True), context))
    assert isinstance(error, NotWell)
    assert ended(error) == ("findings", 8)


def test_i13_a_required_secret_that_is_not_there_is_a_no(tmp_path: Path) -> None:
    missing = {"secrets": {"SCOPES": "absent"}, "source": {"secrets": {"SCOPES": "random"}}}
    stage = Stage(tmp_path, required_secrets=["SCOPES", "SHOP_APP_URL"], sandbox=missing)
    error = refused(stage.promote)
    assert {"required_secrets", "parity_secrets"} <= set(blocking(error))
    assert "missing: SCOPES" in error.message


def test_i13_a_secret_that_is_staged_and_on_no_machine_is_a_no_that_says_a_restart_does_not_help(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path, required_secrets=["SCOPES"])
    stage.control("POST", "secrets", {"app": APP, "set": {"SCOPES": "read_products"}, "staged": True})
    error = refused(stage.promote)
    assert blocking(error) == ["secrets_deployed"]
    assert "staged, not deployed: SCOPES (a restart does not apply them)" in error.message
    assert "read_products" not in str(error.as_failure())


def test_i13_the_report_names_the_staged_secret_without_which_the_app_does_not_start(tmp_path: Path) -> None:
    groups = {"app": {"needs_secrets": ["SHOP_APP_URL"]}}
    world = {"groups": groups, "staged_secrets": {"SHOP_APP_URL": "url"}, "source": {"groups": groups}}
    stage = Stage(tmp_path, sandbox=world)
    found = findings(stage, APP)
    assert "SHOP_APP_URL" in found["staged_secrets"]
    assert "A restart does not apply them" in found["staged_secrets"]


def test_i14_the_rollback_target_is_an_older_good_image_and_not_the_second_line_of_the_list(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.push("v44", app=APP, age_s=900)
    stage.push("v44", app=APP, age_s=600)  # deployed twice: the second line of the list is the present image
    stage.twin.world.apps[APP].releases[-3].status = "failed"
    assert [tag for _, _, tag in told(stage)[:3]] == ["v44", "v44", "v41"]
    present = {machine.image_ref.digest for machine in stage.machines() if machine.image_ref}
    with stage.context(SECOND) as context:
        result = drive(Rollback(RollbackWant(apps=(APP,)), context)).result
    assert result["apps"][APP]["version"] == 40
    assert result["apps"][APP]["digest"] not in present
    assert wrong_with(stage, tag="v40") == []


def test_i14_releases_are_read_though_one_way_to_them_is_refused_and_none_is_never_no_target(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    match = {"surface": "uiex", "method": "GET"}
    stage.control("POST", "faults", {"kind": "status", "status": 403, "match": match})
    assert [release.version for release in releases(stage)] == [41, 40, 39, 38]
    stage.promote()
    with stage.context(SECOND) as context:
        assert drive(Rollback(RollbackWant(), context)).result["apps"][APP]["version"] == 41
    assert wrong_with(stage, tag="v41") == []


def test_i15_deploys_that_fail_one_after_the_other_freeze_until_somebody_looked(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    def ended_with(code: int, outcome: str) -> None:
        stage.clock.sleep(120)
        run = EvidenceFolder.open_run(
            stage.environment.evidence_path, playbook="promote", environment="stage", env_kind="sandbox",
            reason="again", who="ada", versions={}, clock=stage.clock,
        )  # fmt: skip
        run.seal(outcome, code)

    def freeze() -> tuple[str, str]:
        gate = gates_of(stage, "freeze")["freeze"]
        return gate["status"], gate["found"]

    for _ in range(4):
        ended_with(6, "rolled_back")
    assert freeze()[0] == "pass"
    ended_with(0, "promoted")
    for _ in range(5):
        assert freeze()[0] == "pass"
        ended_with(1, "error")
    assert freeze()[0] == "fail"
    assert "5 runs failed in a row, the newest is " in freeze()[1]
    assert blocking(refused(stage.promote)) == ["freeze"]
    ended_with(3, "no_go")  # a no-go is no failure, and no success
    assert freeze()[0] == "fail"
    stage.clock.sleep(3600)
    assert freeze()[0] == "pass"


def test_i16_a_release_command_that_changes_the_schema_is_a_no(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.twin.world.apps[APP].releases[-1].definition["deploy"] = {"release_command": "npx prisma migrate deploy"}
    error = refused(stage.promote)
    assert blocking(error) == ["release_command"]
    assert "npx prisma migrate deploy" in error.message


def admin_is_broken(request: httpx.Request) -> int | None:
    return 500 if request.url.path == "/app" and request.url.host == f"{APP}.fly.dev" else None


def test_i16_a_route_behind_the_front_page_that_breaks_in_production_brings_the_old_release_back(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path, smoke=[{"path": "/"}, {"path": "/app", "headers": {"X-Shop-Synthetic": "1"}}])
    stage.wrap = lambda inner: Outside(inner, stage, admin_is_broken)
    error = refused(stage.promote)
    assert ended(error) == ("rolled_back", 6)
    assert "/app answered 500" in error.message
    stage.wrap = lambda inner: inner
    assert wrong_with(stage, tag="v41") == []


def test_i19_an_app_that_nobody_watches_is_suspended_and_the_report_of_all_apps_says_so(tmp_path: Path) -> None:
    asleep = {"sandbox": {"groups": {"app": {"state": "suspended"}}, "traffic_rps": 0}}
    stage = Stage(tmp_path, apps={APP: {"promote_from": SOURCE}, "chat-production": {}, "agent-production": asleep})
    rows = {row["app"]: row["state"] for row in drive_report(stage)["rows"]}
    assert rows == {APP: "ok", "chat-production": "ok", "agent-production": "bad"}
    found = {f["kind"]: f for f in drive_report(stage)["failed_findings"]}
    assert found["suspended"]["app"] == "agent-production"
    assert "the whole app is suspended" in found["suspended"]["says"]


def test_i19_an_app_that_hangs_and_one_that_answers_502_are_findings_and_never_hold_up_the_others(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path, apps={APP: {"promote_from": SOURCE}, "chat-production": {}, "agent-production": {}})
    for host, fault in {
        "chat-production": {"kind": "latency", "seconds": 120},
        "agent-production": {"kind": "status", "status": 502},
    }.items():
        stage.control("POST", "faults", {**fault, "match": {"surface": "proxy", "host": f"{host}.fly.dev"}})
    rows = {row["app"]: row["state"] for row in drive_report(stage)["rows"]}
    assert rows == {APP: "ok", "chat-production": "bad", "agent-production": "bad"}
    says = {f["app"]: f["says"] for f in drive_report(stage)["failed_findings"]}
    assert "did not answer within" in says["chat-production"]
    assert "answered 502" in says["agent-production"]


def drive_report(stage: Stage) -> dict[str, Any]:
    """The report over every app of the inventory, not only those that are promoted."""
    with in_one_order(), stage.context(selection=()) as context:
        return drive(HealthReport(ReportWanted(), context)).result


def test_i24_a_deploy_that_is_older_than_the_commit_one_wants_is_a_no(tmp_path: Path) -> None:
    stage = Stage(tmp_path, github_repo="acme/shop")
    runs = gates_of(stage, "commit")["commit"]
    assert runs["status"] == "pass"
    commit = stage.machines(SOURCE)[0].image_ref
    assert commit is not None
    forget_calls(stage)
    error = refused(stage.promote, version="0" * 40)
    assert blocking(error) == ["commit"]
    assert f"runs {commit.commit[:12]}, wanted is {'0' * 40}" in error.message
    assert stage.writes() == []
    stage.promote(version=commit.commit)
    assert wrong_with(stage, tag="v42") == []
