"""The client as a whole: made from a script or a run, closed once, in the right world."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import hotops.fly.client as client_module
from hotops.core.context import Context
from hotops.core.errors import HotopsError, WorldsMixed
from hotops.core.limiter import FileLimiter, NoLimiter
from hotops.core.secret import Secret
from hotops.core.world import TokenMissing, World
from hotops.fly.client import Fly
from hotops.fly.surfaces import path
from tests.unit.fly_worlds import FakeClock, Sky, literal


def test_a_run_counts_its_calls_and_shares_one_client() -> None:
    sky = Sky()
    context = Context(
        world=World("sandbox", {}, {}, tokens={"fly": Secret(sky.twin.tokens["fly"])}),
        clock=sky.clock,
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json=[])),
        limiter_of=lambda cloud, identity: NoLimiter(),
    )
    with context:
        assert context.client(Fly) is context.client(Fly)
        assert context.client(Fly).machines.list("shop") == []
    assert [(call.method, call.host, call.path) for call in context.calls] == [
        ("GET", "api.machines.dev", "/v1/apps/shop/machines")
    ]


def test_a_script_takes_its_token_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("FLY_ACCESS_TOKEN", raising=False)
    for variable in ("FLY_FLAPS_BASE_URL", "FLY_API_BASE_URL", "FLY_UIEX_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("FLY_API_TOKEN", raising=False)
    with pytest.raises(TokenMissing, match="FLY_API_TOKEN"):
        Fly.from_env()
    monkeypatch.setenv("FLY_API_TOKEN", f"fm2_{secrets.token_hex(8)}")
    with Fly.from_env() as fly:
        fly.close()
    assert [folder.name[:4] for folder in (tmp_path / "limits").iterdir()] == ["fly-"]


def test_the_limits_of_a_script_are_shared_by_all_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path))
    made = client_module._shared_limiter(FakeClock())("fly", "token")
    assert isinstance(made, FileLimiter)


def test_a_live_token_is_kept_out_of_the_sandbox() -> None:
    with pytest.raises(WorldsMixed):
        Fly(f"fm2_{secrets.token_hex(8)}", world=World("sandbox", {}, {}))


def test_a_closed_client_stays_closed() -> None:
    fly = literal(lambda request: httpx.Response(200, json=[]))
    with fly:
        fly.machines.list("shop")
    fly.close()
    with pytest.raises(HotopsError, match="closed"):
        fly.machines.list("shop")


def test_every_surface_is_where_the_vendors_variables_say() -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url).partition("?")[0])
        return httpx.Response(200, json={"tokens": [], "data": {"app": {}}, "release": None})

    environ = {
        "FLY_FLAPS_BASE_URL": "https://flaps.example.com/dropped",
        "FLY_API_BASE_URL": "https://api.example.com/kept/",
        "FLY_UIEX_BASE_URL": "https://uiex.example.com",
    }
    fly = Fly(
        secrets.token_hex(8),
        world=World("live", environ),
        clock=FakeClock(),
        transport=lambda: httpx.MockTransport(reply),
        limiter=lambda cloud, identity: NoLimiter(),
    )
    fly.tokens.current()
    fly.releases.definition("shop")
    fly.releases.current("shop")
    assert asked == [
        "https://flaps.example.com/v1/tokens/current",
        "https://api.example.com/kept/graphql",
        "https://uiex.example.com/api/v1/apps/shop/releases/current",
    ]


def test_no_name_steps_out_of_its_place() -> None:
    assert path("apps", "../orgs", "a b?c#d/e") == "/apps/..%2Forgs/a%20b%3Fc%23d%2Fe"


def test_the_token_shows_nowhere() -> None:
    token = secrets.token_hex(12)
    fly = literal(lambda request: httpx.Response(401, json={"error": f"bad token {token[:0]}"}), token=token)
    with pytest.raises(HotopsError) as refused:
        fly.tokens.current()
    shown = " ".join([repr(fly), repr(vars(fly)), repr(vars(fly._surfaces)), repr(refused.value), str(refused.value)])
    assert token not in shown


@pytest.mark.parametrize("name", ["models", "states", "comparison"])
def test_models_load_without_an_http_library(name: str) -> None:
    code = f"import sys, hotops.fly.{name}; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
