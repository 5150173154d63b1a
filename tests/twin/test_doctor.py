"""What can be done from here: each token, scope, clock, file and lock, each finding with lines that can be copied."""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.core.errors import ExitCode
from hotops.core.lock import FileLock, Holder
from hotops.core.world import TokenMissing, World
from hotops.health.health_report import NotWell
from hotops.look.shapes import shape_of
from tests.twin.asking import START, app_seed
from tests.twin.health_worlds import Seen
from tests.twin.looking import Scene


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def desk(tmp_path: Path) -> Scene:
    """Two apps of which one is promoted from a third, and a project folder in which evidence is sealed."""
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncallbacks_enabled = hotops.core.evidence\n", encoding="utf-8")
    seeds = [app_seed(name, traffic_rps=1) for name in ("shop", "chat", "shop-staging")]
    scene = Scene(*seeds, project_dir=str(tmp_path), declared={"shop": {"promote_from": "shop-staging"}})
    apps = {host: app for host, app in scene.environment.apps.items() if host != "shop-staging"}
    scene.environment = scene.environment.model_copy(update={"apps": apps})
    scene.transport = Dated(scene)
    return scene


class Dated(Seen):
    """Answers that tell the time, as the clouds' do."""

    def __init__(self, scene: Scene, *, behind_s: float = 0) -> None:
        super().__init__(scene.twin, scene.clock)
        self._now = lambda: scene.clock.now() - behind_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.headers["date"] = format_datetime(datetime.fromtimestamp(self._now(), UTC), usegmt=True)
        return response


def scoped(scene: Scene, *apps: str) -> None:
    """A token that covers these apps alone."""
    token = f"sandbox-{secrets.token_hex(8)}"
    with scene.twin.lock:
        from hotops.sandbox.fly.world import Token

        scene.twin.world.tokens[token] = Token(id="tok_scoped", org="personal", apps=apps)
    from hotops.core.secret import Secret

    scene.tokens["fly"] = Secret(token)


def areas(result: dict[str, Any]) -> dict[str, str]:
    """The worst state of each area that is not well."""
    found: dict[str, str] = {}
    for line in result["checked"]:
        if line["state"] != "ok":
            found.setdefault(line["area"], line["state"])
    return found


def line(result: dict[str, Any], area: str) -> dict[str, Any]:
    return next(item for item in result["checked"] if item["area"] == area and item["state"] != "ok")


def test_where_all_is_well_nothing_is_to_mend(desk: Scene) -> None:
    scoped(desk, "shop", "chat", "shop-staging")
    result = desk.ask("doctor")
    assert areas(result) == {}
    assert result["hotops_screen"][0] == "production (SANDBOX), from here: nothing to mend"
    assert result["hotops_screen"][-1] == "Next: hotops status production"
    assert {call["effect"] for call in desk.twin.calls.since()} == {"none"}


def test_a_token_that_lacks_an_app_is_told_with_the_least_one_to_make(desk: Scene) -> None:
    scoped(desk, "shop", "chat")
    result = desk.ask("doctor")
    found = line(result, "fly_scope")
    assert found["says"] == "no token covers shop-staging, which is read as the source."
    (command,) = found["remedy"]
    assert command.startswith('export FLY_API_TOKEN="$(fly tokens create deploy -a shop -x 24h),$(')
    assert sorted(re.findall(r"-a (\S+)", command)) == ["chat", "shop", "shop-staging"]
    assert any(command in text for text in result["hotops_screen"]), "lines to copy are not wrapped"
    assert line(result, "fly_app")["says"].startswith("shop-staging: ")
    with pytest.raises(NotWell) as caught:
        desk.ask("doctor", fail_on_findings=True)
    assert caught.value.failure_exit == ExitCode.FINDINGS


def test_without_a_token_of_fly_it_ends_with_4_and_calls_nothing(desk: Scene) -> None:
    context = desk.context()
    context.world = World("live", {})
    with pytest.raises(TokenMissing) as caught:
        desk.ask("doctor", context)
    assert caught.value.failure_exit == ExitCode.TOKEN
    assert "fly tokens create deploy" in caught.value.remedy
    assert desk.log() == []


def test_an_unknown_token_is_told_and_the_rest_is_looked_at(desk: Scene) -> None:
    from hotops.core.secret import Secret

    desk.tokens["fly"] = Secret(f"sandbox-{secrets.token_hex(8)}")
    result = desk.ask("doctor")
    assert line(result, "fly_token")["state"] == "bad"
    assert any(item["area"] == "versions" for item in result["checked"])


@pytest.mark.parametrize(
    ("surface", "path", "state", "gate"),
    [
        ("logs", "*", "unknown", "source_errors"),
        ("registry", "*", "bad", "image_readable"),
        ("machines", "*/secrets", "bad", "parity_secrets"),
        ("prometheus", "*", "warn", "status"),
    ],
)
def test_a_closed_interface_says_which_gates_are_unknown(
    desk: Scene, surface: str, path: str, state: str, gate: str
) -> None:
    desk.twin.faults.add({"kind": "status", "status": 403, "match": {"surface": surface, "path": path}})
    result = desk.ask("doctor")
    area = {"machines": "fly_secrets", "prometheus": "fly_metrics"}.get(surface, f"fly_{surface}")
    found = line(result, area)
    assert found["state"] == state
    assert gate in found["says"]
    assert found["remedy"]


def test_supabase_and_github_are_needed_only_where_they_are_declared(desk: Scene) -> None:
    desk.tokens.pop("supabase")
    desk.environment = desk.environment.model_copy(update={"github_repo": "acme/shop"})
    result = desk.ask("doctor")
    assert line(result, "supabase_token")["remedy"][0].startswith("export SUPABASE_ACCESS_TOKEN=")
    assert line(result, "github_token")["remedy"][0].startswith("export GITHUB_TOKEN=")
    assert not [item for item in result["failed_findings"] if item["kind"] in ("fly_token", "fly_reads")]
    bare = desk.environment.model_copy(update={"github_repo": None, "supabase_project": None})
    desk.environment = bare
    assert not {"supabase_token", "github_token"} & areas(desk.ask("doctor")).keys()


def test_a_clock_that_is_wrong_is_told(desk: Scene) -> None:
    context = desk.context(transport=Dated(desk, behind_s=300))
    found = line(desk.ask("doctor", context), "clock")
    assert found["says"].startswith("this computer is 300 s ahead of ")
    assert found["remedy"] == ["timedatectl status"]


def test_apps_that_nobody_declared_unsealed_evidence_and_a_held_lock(desk: Scene, tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").unlink()
    store = FileLock("sandbox-personal-production")
    assert store.create(Holder("run-1", "", "ops", "elsewhere", 1, None, START, START + 3600))
    desk.environment = desk.environment.model_copy(
        update={"apps": {host: app for host, app in desk.environment.apps.items() if host != "chat"}}
    )
    result = desk.ask("doctor")
    assert "chat" in line(result, "strays")["says"]
    assert "callbacks_enabled = hotops.core.evidence" in line(result, "evidence")["remedy"][0]
    assert "held by run run-1 of ops@elsewhere" in line(result, "lock")["says"]


def test_waivers_that_end_and_variables_that_nobody_set(desk: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from hotops.inventory.policy import Waiver

    monkeypatch.delenv("DEPLOY_WEBHOOK_URL", raising=False)
    past = Waiver.model_validate({"level": "warn", "reason": "it is on its way", "until": "2026-01-01"})
    soon = Waiver.model_validate({"level": "warn", "reason": "next week", "until": "2026-09-23"})
    hook = type(desk.environment).model_validate(
        {
            **desk.environment.model_dump(by_alias=True, exclude={"apps", "databases"}),
            "apps": {},
            "notifications": [{"kind": "webhook", "url_env": "DEPLOY_WEBHOOK_URL"}],
        }
    )
    desk.environment = desk.environment.model_copy(
        update={"gates": {"smoke": past, "latency": soon}, "notifications": hook.notifications}
    )
    result = desk.ask("doctor")
    told = [item["says"] for item in result["checked"] if item["area"] == "waiver"]
    assert told[0].startswith("the waiver of smoke ended on 2026-01-01")
    assert told[1].startswith("the waiver of latency ends on 2026-09-23")
    assert "DEPLOY_WEBHOOK_URL" in line(result, "inventory")["says"]


def test_the_live_check_reads_every_kind_of_reply_and_leaves_shapes_without_a_value(
    desk: Scene, tmp_path: Path
) -> None:
    value = secrets.token_hex(12)
    seed = app_seed("shop", env={"LOG_LEVEL": value}, secrets={"DATABASE_URL": value})
    scene = Scene(seed, project_dir=str(tmp_path))
    live = scene.ask("doctor", live=True)["live"]
    assert live["unread"] == {}
    assert live["refused"] == {}
    assert len(live["read"]) == 17
    (file,) = (tmp_path / "artifacts/shapes").iterdir()
    text = file.read_text(encoding="utf-8")
    shapes = json.loads(text)
    machines = shapes["routes"]["GET api.machines.dev/v1/apps/*/machines"]
    assert machines["statuses"] == [200]
    assert machines["shape"][0]["config"]["guest"]["memory_mb"] == "number"
    assert machines["shape"][0]["config"]["env"] == {"*": "text"}
    assert value not in text
    assert "shop" not in text
    assert {call["effect"] for call in scene.twin.calls.since()} == {"none"}


def test_a_reply_that_hotops_can_not_read_is_a_finding(tmp_path: Path) -> None:
    scene = Scene(app_seed("shop"), project_dir=str(tmp_path))
    body = json.dumps({"secrets": [{"name": 7, "digest": ["new form"]}]})
    scene.twin.faults.add({"kind": "status", "status": 200, "body": body, "match": {"path": "/v1/apps/shop/secrets"}})
    result = scene.ask("doctor", live=True)
    assert list(result["live"]["unread"]) == ["fly secrets"]
    assert "can't read: name" in result["live"]["unread"]["fly secrets"]


def test_a_shape_holds_all_fields_and_no_value() -> None:
    assert shape_of([{"a": 1, "b": None}, {"a": "x", "c": [True]}]) == [
        {"a": "number or text", "b": "null", "c": ["boolean"]}
    ]
    assert shape_of({"metadata": {"mine": "v"}, "env": {}}) == {"metadata": {"*": "text"}, "env": {}}
