"""The readings of health as modules: their options, their results, what they cost."""

from __future__ import annotations

from typing import Any

import pytest

from hotops.core.driver import drive
from hotops.core.errors import NotFound
from hotops.core.operation import Operation
from hotops.health.fly_log_scan import LogScan, LogScanWanted
from hotops.health.health_probe import HealthProbe, ProbeWanted
from hotops.health.smoke import Smoke, SmokeWanted
from hotops.health.tls_info import TlsLook, TlsWanted
from hotops.inventory.schema import Environment
from tests.twin.asking import app_seed
from tests.twin.health_worlds import Sky


def run(kind: type[Operation[Any, Any]], want: type[Any], sky: Sky, **options: Any) -> dict[str, Any]:
    outcome = drive(kind(want.model_validate(options), sky.context))
    assert not outcome.changed
    return outcome.result


# --- health_probe ---------------------------------------------------------------------------------------------------


def test_a_probe_tells_status_body_and_time() -> None:
    result = run(HealthProbe, ProbeWanted, Sky(), url="https://shop.fly.dev/health", body={"status": "ok"})
    assert (result["ok"], result["status"], result["body_ok"], result["over_budget"]) == (True, 200, True, False)
    assert result["says"].startswith("GET https://shop.fly.dev/health answered 200 in ")


def test_a_probe_may_be_sent_often_and_gives_percentiles_with_the_first_apart() -> None:
    sky = Sky()
    sky.twin.faults.add({"kind": "latency", "seconds": 2.0, "match": {"surface": "proxy"}, "nth": [1]})
    result = run(
        HealthProbe, ProbeWanted, sky, url="https://shop.fly.dev/", status=200, budget_ms=300, samples=20, warmup=2
    )
    assert len(sky.sent()) == 22
    assert result["ok"]
    assert result["latency"]["n"] == 20
    assert result["latency"]["cold_ms"] > 2000
    assert result["latency"]["p95_ms"] < 300
    assert result["latency"]["within_budget"]


def test_one_wrong_answer_among_many_is_the_one_that_is_told() -> None:
    sky = Sky()
    sky.twin.faults.add({"kind": "status", "status": 502, "match": {"surface": "proxy"}, "nth": [3]})
    result = run(HealthProbe, ProbeWanted, sky, url="https://shop.fly.dev/", samples=5)
    assert (result["ok"], result["status"]) == (False, 502)
    assert result["latency"]["errors"] == 1


# --- smoke ----------------------------------------------------------------------------------------------------------


def test_smoke_is_ok_only_if_every_route_answers_as_declared() -> None:
    sky = Sky()
    routes = [{"path": "/", "body": "release v42"}, {"path": "/health", "body": {"status": "ok"}}]
    result = run(Smoke, SmokeWanted, sky, app="shop", routes=routes)
    assert result["ok"]
    assert sorted(sky.sent()) == ["GET shop.fly.dev /", "GET shop.fly.dev /health"]
    broken = run(Smoke, SmokeWanted, sky, app="shop", routes=[*routes, {"path": "/", "body": "release v43"}])
    assert not broken["ok"]
    assert [row["ok"] for row in broken["rows"]] == [True, True, False]
    assert broken["hotops_screen"][2].startswith("FAILED")


def test_a_widget_is_quick_and_a_webhook_is_handled_and_refuses_what_is_not_signed() -> None:
    sky = Sky()
    widget = {"path": "/packs/js/sdk.js", "budget_ms": 300}
    webhook = {"path": "/webhooks/chatwoot", "method": "POST", "status": [401, 403]}
    result = run(Smoke, SmokeWanted, sky, app="shop", routes=[widget, webhook])
    assert result["ok"], result["hotops_screen"]
    # A widget that got slow, and a handler that takes anything: each is told.
    sky.twin.faults.add({"kind": "latency", "seconds": 0.5, "match": {"path": "/packs/*"}})
    webhook["headers"] = {"X-Chatwoot-Signature": "anything"}
    found = run(Smoke, SmokeWanted, sky, app="shop", routes=[widget, webhook])
    assert [line.startswith("FAILED") for line in found["hotops_screen"]] == [True, True]


def test_smoke_without_routes_asks_what_the_apps_own_checks_ask() -> None:
    sky = Sky()
    result = run(Smoke, SmokeWanted, sky, app="shop")
    assert result["ok"]
    assert sky.sent() == ["GET api.machines.dev /v1/apps/shop/machines", "GET shop.fly.dev /health"]


def test_smoke_without_routes_takes_the_declared_ones_and_no_call_of_the_api() -> None:
    sky = Sky()
    sky.context.environment = Environment.model_validate(
        {
            "env_name": "test",
            "env_kind": "sandbox",
            "fly_org": "personal",
            "project_dir": ".",
            "apps": {
                "web": {
                    "host": "web",
                    "app": "shop",
                    "fly_org": "personal",
                    "smoke": [{"path": "/"}, {"path": "/cart"}],
                    "health": [{"path": "/health"}],
                }
            },
        }
    )
    assert run(Smoke, SmokeWanted, sky, app="web")["ok"]
    assert sorted(sky.sent()) == ["GET shop.fly.dev /", "GET shop.fly.dev /cart", "GET shop.fly.dev /health"]


def test_a_route_over_its_budget_is_asked_once_more_and_then_fails() -> None:
    sky = Sky()
    sky.twin.faults.add({"kind": "latency", "seconds": 2.0, "match": {"surface": "proxy"}, "nth": [1]})
    assert run(Smoke, SmokeWanted, sky, app="shop", routes=[{"path": "/"}])["ok"]
    sky.twin.faults.add({"kind": "latency", "seconds": 2.0, "match": {"surface": "proxy"}})
    assert not run(Smoke, SmokeWanted, sky, app="shop", routes=[{"path": "/"}])["ok"]


def test_an_app_with_nothing_to_ask_has_not_passed_its_smoke_test() -> None:
    seed = app_seed("shop")
    del seed["groups"]["app"]
    assert run(Smoke, SmokeWanted, Sky(seed), app="shop")["ok"] is False


# --- fly_log_scan ---------------------------------------------------------------------------------------------------


def test_a_log_is_told_in_counts_and_costs_a_call_for_each_hundred_lines() -> None:
    sky = Sky(app_seed("shop", traffic_rps=2))
    result = run(LogScan, LogScanWanted, sky, app="shop", since_s=120)
    assert 220 <= result["lines"] <= 260
    assert len(sky.sent()) == 1 + result["lines"] // 100, "the last page ends now"
    assert (result["errors_5xx"], result["share_is_known"], result["truncated"]) == (0, True, False)


def test_no_more_lines_are_read_than_wanted() -> None:
    sky = Sky(app_seed("shop", traffic_rps=20))
    result = run(LogScan, LogScanWanted, sky, app="shop", since_s=600, max_lines=150)
    assert (result["lines"], result["truncated"]) == (150, True)
    assert len(sky.sent()) == 2


@pytest.mark.parametrize(
    ("tag", "key"), [("v43-crash", "crashes"), ("v43-oom", "ooms"), ("v43-error3pct", "errors_5xx")]
)
def test_every_bad_image_shows_in_the_log(tag: str, key: str) -> None:
    sky = Sky(app_seed("shop", traffic_rps=5))
    sky.run(tag)
    sky.clock.sleep(30)
    result = run(LogScan, LogScanWanted, sky, app="shop", since_s=60)
    assert result[key] > 0
    assert result["findings"]


def test_a_path_without_a_route_is_named_from_the_log() -> None:
    """I-4."""
    sky = Sky()
    sky.run("v43-wrong-path")
    sky.clock.sleep(30)
    assert run(LogScan, LogScanWanted, sky, app="shop")["paths"] == ["/health"]


def test_a_missing_setting_is_named_from_the_log() -> None:
    """I-13: required settings were missing, and the process ended at once."""
    seed = app_seed("shop")
    seed["groups"]["app"]["needs_secrets"] = ["SHOP_URL"]
    result = run(LogScan, LogScanWanted, Sky(seed), app="shop", since_s=7300)
    assert result["incidents"]["missing_env"] > 0
    assert any("SHOP_URL" in signature["says"] for signature in result["signatures"])


def test_the_log_of_an_app_that_nobody_has_is_an_error() -> None:
    with pytest.raises(NotFound):
        run(LogScan, LogScanWanted, Sky(), app="ghost")


# --- tls_info -------------------------------------------------------------------------------------------------------


def test_certificates_are_good_only_with_enough_days_left() -> None:
    sky = Sky()
    hosts = ["shop.fly.dev", "www.shop.example.com"]
    assert run(TlsLook, TlsWanted, sky, hosts=hosts)["ok"]
    assert not run(TlsLook, TlsWanted, sky, hosts=hosts, warn_days=1000)["ok"]
    missing = run(TlsLook, TlsWanted, sky, hosts=["staging.shop.example"])
    assert not missing["ok"]
    assert missing["hosts"][0]["error_code"] == "unresolved"
