"""Why an app is not well: each of the ways that a team has met is told apart, and names the command that helps."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from hotops.core.errors import UsageError
from hotops.core.secret import Secret
from hotops.fly import Fly
from tests.twin.asking import app_seed
from tests.twin.looking import Scene

POOLER = "aws-1-us-east-1.pooler.supabase.com"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


def released(tag: str, **more: Any) -> dict[str, Any]:
    """An app whose newest release, fifty minutes old, is this one."""
    releases = [
        {"version": 41, "tag": "v41", "status": "complete", "age_s": 864_000},
        {"version": 42, "tag": tag, "status": "complete", "age_s": 3000},
    ]
    return app_seed("shop", traffic_rps=2, releases=releases, **more)


def told(result: dict[str, Any]) -> str:
    """The page as one text."""
    return " ".join(" ".join(result["hotops_screen"]).split())


@pytest.mark.parametrize(
    ("tag", "kind", "says"),
    [
        ("v42-crash", "process_ends", "Its process ends by itself: a module is missing from the image: @app/adapter"),
        ("v42-oom", "out_of_memory", "The kernel kills it for lack of memory."),
        (
            "v42-wrongpath",
            "wrong_path",
            "has no such path (404): it is not dead, it is out of rotation. The app",
        ),
        ("v42-nodb", "database_refuses", "The app runs and its database refuses it: the check of /health on port 8080"),
        ("v42-error3pct", "errors", "It answers, and too often wrongly: 56 of 1800 answers"),
        ("v42-slow", "check_fails", "context deadline exceeded"),
    ],
)
def test_a_bad_release_is_told_by_what_it_does_and_goes_back(tag: str, kind: str, says: str) -> None:
    scene = Scene(released(tag), declared={"shop": {"exec_checks": True}})
    result = scene.ask("why")
    assert result["cause"]["kind"] == kind
    assert says in told(result)
    assert "Newest change: release v42 50 min ago." in result["cause"]["says"]
    assert result["culprit"]["what"] == "release"
    assert result["next"] == "hotops rollback production shop"
    assert result["hotops_screen"][-1] == f"Next: {result['next']}"
    assert len(result["hotops_screen"]) <= 30
    assert max(map(len, result["hotops_screen"])) <= 80
    assert {call["effect"] for call in scene.twin.calls.since()} <= {"none", "exec"}


def test_nothing_wrong_is_said_too() -> None:
    result = Scene(released("v42")).ask("why")
    assert result["cause"] == {"kind": "well", "says": "Nothing is wrong with it now."}
    assert "checks 4 of 4 pass" in told(result)
    assert "way back v41" in told(result)


def wrong_dsn(value: str) -> Scene:
    """An app whose connection string was replaced by another, two minutes ago, with a deploy of the same image."""

    def connect(dsn: str) -> str | None:
        return "ENOTFOUND tenant/user not found" if POOLER in dsn else None

    scene = Scene(released("v42"), declared={"shop": {"exec_checks": True}}, connect=connect)
    with scene.context() as context:
        fly = context.client(Fly)
        written = fly.secrets.bulk("shop", {"DATABASE_URL": Secret(value)})
        for machine in fly.machines.list("shop"):
            assert machine.config is not None
            fly.machines.update("shop", machine.id, machine.config, min_secrets_version=written.version)
    scene.clock.time += 120
    return scene


def test_a_wrong_connection_string_is_told_from_a_dead_app_and_shown_without_its_password() -> None:
    password = secrets.token_hex(12)
    result = wrong_dsn(f"postgresql://postgres:{password}@{POOLER}:5432/postgres").ask("why")
    assert result["cause"]["kind"] == "database_refuses"
    assert "Its connection string changed last." in result["cause"]["says"]
    assert result["culprit"]["what"] == "secrets"
    (dsn,) = result["dsn"]
    assert dsn["says"].startswith(f"postgres@{POOLER}:5432/postgres, shared pooler, session mode; ")
    assert dsn["faults"] == ["pooler_user_without_ref"]
    assert [item["name"] for item in result["secrets_changed"]] == ["DATABASE_URL"]
    assert result["secrets_changed"][0]["digest"]
    assert result["next"].startswith("hotops dsn ")
    assert password not in json.dumps(result)


@pytest.mark.parametrize("value", ["postgresql://only-a-password", "{secret}", "postgresql://u:{secret}/x@y@host/db"])
def test_what_is_no_connection_string_is_not_repeated(value: str) -> None:
    password = secrets.token_hex(12)
    result = wrong_dsn(value.replace("{secret}", password)).ask("why")
    assert password not in json.dumps(result)
    assert result["dsn"][0]["name"] == "DATABASE_URL"


def test_without_leave_to_run_a_command_the_string_is_unknown_and_nothing_is_run() -> None:
    scene = Scene(released("v42-wrongpath"))
    result = scene.ask("why")
    assert result["cause"]["kind"] == "wrong_path"
    assert result["dsn"][0]["says"].startswith("unknown: exec_checks is not declared")
    assert {call["effect"] for call in scene.twin.calls.since()} == {"none"}


def test_a_secret_that_is_missing_or_only_staged() -> None:
    seed = released("v42", secrets={"APP_ENV": "production"}, staged_secrets={"DATABASE_URL": "postgresql://a@b/c"})
    result = Scene(seed).ask("why")
    assert result["cause"]["kind"] == "missing_secret"
    assert "DATABASE_URL" in result["cause"]["says"]
    assert result["next"] == "fly secrets deploy -a shop"


def test_an_app_that_sleeps_is_not_called_broken() -> None:
    seed = released("v42")
    for group in seed["groups"].values():
        group["state"] = "suspended"
    result = Scene(seed).ask("why")
    assert result["cause"]["kind"] == "suspended"
    assert result["next"].startswith("fly machine start ")


def test_an_app_that_cannot_be_read_is_unknown() -> None:
    scene = Scene(released("v42"))
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"path": "/v1/apps/shop/*"}})
    result = scene.ask("why")
    assert result["cause"]["kind"] == "unknown"
    assert result["next"] == "hotops doctor production"


def test_the_log_and_the_vault_may_be_closed() -> None:
    scene = Scene(released("v42-crash"))
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"path": "*/secrets"}})
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"surface": "logs"}})
    result = scene.ask("why")
    assert result["cause"]["kind"] == "process_ends"
    assert result["log"] is None
    assert "log unknown: " in told(result)
    assert "secrets unknown: " in told(result)


def test_one_app_is_needed() -> None:
    scene = Scene(app_seed("shop"), app_seed("chat"))
    with pytest.raises(UsageError, match="One app can be looked at, and 2 are selected: shop, chat"):
        scene.ask("why")
    assert scene.ask("why", app="chat")["app"] == "chat"
    with pytest.raises(UsageError, match="There is no app 'chta'"):
        scene.ask("why", app="chta")
