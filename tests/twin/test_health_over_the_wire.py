"""Health over real sockets: mapped names, the sandbox's own authority, a database that is really asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.world import World
from hotops.health.health_report import HealthReport, ReportWanted
from hotops.health.latency import sample
from hotops.health.probe import HttpCheck, Prober
from hotops.health.tls import inspect
from tests.sandbox_fixture import RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]


@pytest.fixture
def context(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    for name in ("FLY_API_TOKEN", "FLY_ACCESS_TOKEN", "SUPABASE_ACCESS_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with Context(World.of("sandbox")) as found:
        yield found


def test_a_name_of_the_sandbox_shows_a_certificate_of_its_own_authority(context: Context) -> None:
    info = inspect(context, "shop-production.fly.dev")
    assert (info.resolves, info.verified, info.covers_host, info.error_code) == (True, True, True, None)
    assert info.days_left is not None
    assert info.days_left > 0


def test_a_real_name_does_not_exist_in_the_sandbox(context: Context) -> None:
    """I-1; and nothing of a sandbox run ever asks the real world."""
    result = context.client(Prober).probe(HttpCheck(url="https://example.com/"))
    assert (result.status, result.error_code) == (None, "unresolved")
    assert inspect(context, "example.com").error_code == "unresolved"


def test_both_apps_are_well_and_measured_over_tls(context: Context) -> None:
    report = drive(
        HealthReport(ReportWanted(apps=("shop-staging", "shop-production"), tls_warn_days=0), context)
    ).result
    assert report["failed_findings"] == []
    assert [row["probes"][0]["status"] for row in report["rows"]] == [200, 200]
    assert all(row["tls"]["verified"] for row in report["rows"])


def test_latency_is_measured_with_the_warm_up_apart(context: Context) -> None:
    check = HttpCheck(url="https://shop-production.fly.dev/health", budget_ms=800)
    latency = sample(context.client(Prober), check, n=20, warmup=2, concurrency=4)
    assert (latency.n, latency.errors, latency.statuses) == (20, 0, {200: 20})
    assert latency.p95_ms is not None
    assert latency.cold_ms is not None
    assert latency.within_budget


def test_a_suspended_app_is_reported_over_the_wire(context: Context, sandbox: RunningSandbox) -> None:
    """I-19."""
    sandbox.control.call("POST", "machines", {"app": "shop-staging", "do": "suspend"})
    report = drive(HealthReport(ReportWanted(apps=("shop-staging",)), context)).result
    assert not report["healthy"]
