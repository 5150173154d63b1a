"""Apps, tokens, regions, certificates, volumes and metrics: what they answer and how they refuse."""

from __future__ import annotations

import httpx
import pytest

from hotops.core.errors import Forbidden, NotFound, ServerError, Unauthorized
from hotops.fly.models import Token
from hotops.sandbox.fly.world import Token as TwinToken
from tests.twin.asking import START, app_seed
from tests.unit.fly_worlds import Sky, literal, replying


@pytest.fixture
def sky() -> Sky:
    return Sky(app_seed("shop"), app_seed("elsewhere", org="other"))


def scoped(sky: Sky) -> str:
    """A token for the app shop alone."""
    sky.twin.world.tokens["sandbox-scoped"] = TwinToken(id="t", apps=("shop",))
    return "sandbox-scoped"


def test_an_app_tells_its_organisation(sky: Sky) -> None:
    app = sky.fly.apps.get("shop")
    assert (app.name, app.organization.slug, app.is_deployed) == ("shop", "personal", True)
    assert app.default_hostname == "shop.fly.dev"
    assert [a.name for a in sky.fly.apps.list("personal")] == ["shop"]
    assert sky.fly.apps.exists("shop")


def test_unknown_foreign_and_unauthorised_are_three_things(sky: Sky) -> None:
    assert not sky.fly.apps.exists("nobodys")
    with pytest.raises(NotFound, match="There is no app nobodys"):
        sky.fly.apps.get("nobodys")
    with pytest.raises(Forbidden, match="exists, but this token may not see it"):
        sky.client(scoped(sky)).apps.exists("elsewhere")
    with pytest.raises(Unauthorized):
        sky.client("sandbox-wrong").apps.exists("shop")
    with pytest.raises(ServerError):
        literal(replying(500, "")).apps.exists("shop")


def test_an_empty_organisation_is_an_empty_list_and_an_unknown_one_an_error(sky: Sky) -> None:
    assert literal(replying(200, {"total_apps": 0, "apps": None})).apps.list("personal") == []
    with pytest.raises(NotFound):
        sky.fly.apps.list("no-such-organisation")
    with pytest.raises(Forbidden):
        sky.client(scoped(sky)).apps.list("personal")


def test_a_token_tells_what_it_is_for(sky: Sky) -> None:
    (token,) = sky.client(scoped(sky)).tokens.current()
    assert token.apps == ("shop",)
    assert token.covers("shop")
    assert not token.covers("elsewhere")
    with pytest.raises(Unauthorized):
        sky.client("sandbox-wrong").tokens.current()


def test_a_token_of_an_organisation_covers_its_apps() -> None:
    token = Token(org_slug="acme")
    assert token.covers("shop")
    assert token.covers("shop", "acme")
    assert not token.covers("shop", "other")


def test_regions_are_known_by_their_code(sky: Sky) -> None:
    found = sky.fly.regions.list()
    assert "ord" in found
    assert "xxx" not in found
    assert found.nearest in found


def test_certificates_tell_their_expiry_in_the_detail_only(sky: Sky) -> None:
    (summary,) = sky.fly.certificates.list("shop")
    assert summary.expires_at is None
    detail = sky.fly.certificates.get("shop", summary.hostname)
    assert detail.expires_at == pytest.approx(START + 40 * 86400, abs=2)
    with pytest.raises(NotFound):
        sky.fly.certificates.get("shop", "www.example.net")


def test_all_pages_of_certificates_are_read() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("cursor", "0"))
        return httpx.Response(
            200, json={"certificates": [{"hostname": f"h{page}"}], "next_cursor": str(page + 1) if page < 2 else ""}
        )

    assert [c.hostname for c in literal(reply).certificates.list("shop")] == ["h0", "h1", "h2"]


def test_the_earliest_active_expiry_counts() -> None:
    rows = [
        {
            "status": "active",
            "issued": [{"expires_at": "2026-03-01T00:00:00Z"}, {"expires_at": "2026-02-01T00:00:00Z"}],
        },
        {"status": "pending_validation", "expires_at": "2026-01-01T00:00:00Z"},
    ]
    found = literal(replying(200, {"hostname": "h", "certificates": rows})).certificates.get("shop", "h")
    assert found.expires_at == 1_769_904_000.0


def test_volumes_on_their_way_out_are_shown_on_request_only(sky: Sky) -> None:
    assert sky.fly.volumes.list("shop") == []
    rows = [{"id": "vol_1", "state": "created", "size_gb": 3}, {"id": "vol_2", "state": "pending_destroy"}]
    fly = literal(replying(200, rows))
    assert [v.id for v in fly.volumes.list("shop")] == ["vol_1"]
    assert len(fly.volumes.list("shop", include_destroyed=True)) == 2


def test_snapshots_under_way_have_no_id_yet() -> None:
    rows = [{"id": "", "status": "running"}, {"id": "vs_1", "volume_size": 1024, "created_at": "2026-01-01T00:00:00Z"}]
    pending, done = literal(replying(200, rows)).volumes.snapshots("shop", "vol_1")
    assert (pending.id, done.volume_size) == ("", 1024)


def test_metrics_of_an_app_with_traffic() -> None:
    sky = Sky(app_seed("shop", traffic_rps=20))
    sky.clock.sleep(120)
    found = sky.fly.metrics.query("personal", 'sum(rate(fly_app_http_responses_count{app="shop"}[1m]))')
    assert [round(sample.value) for sample in found] == [20]


def test_metrics_are_points_in_time() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        series = {"metric": {"status": "500"}}
        if request.url.path == "/prometheus/acme/api/v1/query":
            found = {**series, "value": [START, "3"]}
        else:
            assert request.url.params["step"] == "15.0"
            found = {**series, "values": [[START, "1"], [START + 15, "2"]]}
        return httpx.Response(200, json={"status": "success", "data": {"result": [found]}})

    fly = literal(reply)
    (now,) = fly.metrics.query("acme", "sum(x)", at=START)
    assert (now.labels, now.value) == ({"status": "500"}, 3.0)
    (series,) = fly.metrics.query_range("acme", "sum(x)", start=START, end=START + 15)
    assert series.points == ((START, 1.0), (START + 15, 2.0))
