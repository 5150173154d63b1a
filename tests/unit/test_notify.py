"""Notifications: sent every declared way, without secrets, and never the reason for a failed run."""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.inventory.schema import Environment
from hotops.notify.channels import declared, send_all
from hotops.notify.message import Message
from hotops.notify.notify import Notify, NotifyWanted
from tests.unit.health_samples import TestClock

PATH_SECRET = secrets.token_hex(12)
HOOK = f"https://hooks.example.com/services/{PATH_SECRET}"


class Hook:
    """A webhook that keeps what it is told."""

    def __init__(self, status: int = 200, raises: Exception | None = None) -> None:
        self.status, self.raises = status, raises
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.raises is not None:
            raise self.raises
        self.bodies.append(json.loads(request.content))
        return httpx.Response(self.status, text=f"invalid token {PATH_SECRET}")


def context(
    tmp_path: Path, *notifications: dict[str, Any], hook: Hook | None = None, environ: dict[str, str] | None = None
) -> Context:
    environment = Environment.model_validate(
        {
            "env_name": "production",
            "env_kind": "sandbox",
            "fly_org": "personal",
            "project_dir": str(tmp_path),
            "notifications": list(notifications),
            "apps": {"shop": {"host": "shop", "fly_org": "personal", "notifications": list(notifications)}},
        }
    )
    world = World("sandbox", {"CHAT_HOOK": HOOK} if environ is None else environ, {}, tokens={})
    return Context(
        world, TestClock(), environment=environment, run="run-1", transport=httpx.MockTransport(hook or Hook())
    )


WEBHOOK = {"kind": "webhook", "url_env": "CHAT_HOOK"}


def told(context: Context, **want: Any) -> dict[str, Any]:
    options = {"title": "shop runs v43", "text": "All gates passed.", "outcome": "promoted", **want}
    return drive(Notify(NotifyWanted.model_validate(options), context)).result


def test_a_webhook_is_told_in_the_form_that_chat_services_show(tmp_path: Path) -> None:
    hook = Hook()
    result = told(context(tmp_path, WEBHOOK, hook=hook), evidence="artifacts/deployment/x")
    assert result == {"sent": [{"to": "webhook CHAT_HOOK", "ok": True, "why": ""}], "warnings": []}
    (body,) = hook.bodies
    assert body["text"] == "[sandbox] shop runs v43 (promoted)\nAll gates passed.\nartifacts/deployment/x"
    assert (body["schema"], body["outcome"], body["run"], body["environment"]) == (1, "promoted", "run-1", "production")


def test_a_notification_declared_for_environment_and_app_is_sent_once(tmp_path: Path) -> None:
    assert len(declared(context(tmp_path, WEBHOOK, {"kind": "file", "path": "told.jsonl"}))) == 2


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (Hook(status=404), "it was answered 404"),
        (Hook(raises=httpx.ConnectError("name or service not known: hooks.example.com")), "nobody took it"),
        (Hook(raises=httpx.ReadTimeout("slow")), "nobody took it (timeout)"),
    ],
)
def test_a_webhook_that_fails_is_a_warning_that_tells_nothing_of_its_url(tmp_path: Path, hook: Hook, why: str) -> None:
    used = context(tmp_path, WEBHOOK, hook=hook)
    result = told(used)
    assert why in result["warnings"][0]
    shown = json.dumps(result) + repr(used.calls)
    assert PATH_SECRET not in shown
    assert "hooks.example.com" not in shown


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "CHAT_HOOK is not set"),
        ({"CHAT_HOOK": "not a url"}, "holds no http(s) URL"),
        ({"CHAT_HOOK": f"https://hooks.example.com:{PATH_SECRET}/x"}, "holds no URL that can be asked"),
    ],
)
def test_a_webhook_without_a_url_says_which_variable_to_set(tmp_path: Path, environ: dict[str, str], why: str) -> None:
    result = told(context(tmp_path, WEBHOOK, environ=environ))
    assert why in result["warnings"][0]
    assert PATH_SECRET not in json.dumps(result)


def test_a_file_gets_a_line_of_json_for_each_message(tmp_path: Path) -> None:
    used = context(tmp_path, {"kind": "file", "path": "told/log.jsonl"})
    told(used)
    told(used, title="second")
    lines = (tmp_path / "told/log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["shop runs v43", "second"]


def test_a_markdown_file_gets_a_list_item(tmp_path: Path) -> None:
    told(context(tmp_path, {"kind": "file", "path": "told.md"}), evidence="artifacts/deployment/x")
    assert (tmp_path / "told.md").read_text(encoding="utf-8") == (
        "- 2026-09-21T14:13:20Z **[sandbox] shop runs v43 (promoted)**\n"
        "  All gates passed.\n"
        "  Evidence: artifacts/deployment/x\n"
    )


def test_a_file_that_can_not_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "told").write_text("not a folder", encoding="utf-8")
    result = told(context(tmp_path, {"kind": "file", "path": "told/log.jsonl"}))
    assert result["sent"][0]["ok"] is False
    assert result["warnings"]


def script(tmp_path: Path, body: str) -> list[str]:
    file = tmp_path / "teller.py"
    file.write_text(body, encoding="utf-8")
    file.chmod(stat.S_IRWXU)
    return [sys.executable, str(file), str(tmp_path / "heard.json")]


def test_a_command_gets_the_message_on_its_input_and_no_credential(tmp_path: Path) -> None:
    argv = script(
        tmp_path,
        "import json, os, sys\n"
        "json.dump({'message': json.load(sys.stdin), 'environ': dict(os.environ)}, open(sys.argv[1], 'w'))\n",
    )
    token = secrets.token_hex(12)
    environ = {**os.environ, "FLY_API_TOKEN": token, "CHAT_HOOK": HOOK}
    result = told(context(tmp_path, {"kind": "command", "argv": argv}, environ=environ))
    assert result["sent"][0]["ok"], result
    heard = json.loads((tmp_path / "heard.json").read_text(encoding="utf-8"))
    assert heard["message"]["title"] == "shop runs v43"
    assert token not in json.dumps(heard)
    assert PATH_SECRET not in json.dumps(heard)
    assert "PATH" in heard["environ"]


@pytest.mark.parametrize(
    ("argv", "why"), [(["/no/such/program"], "No such file"), ([sys.executable, "-c", "exit(3)"], "exit code 3")]
)
def test_a_command_that_fails_is_a_warning(tmp_path: Path, argv: list[str], why: str) -> None:
    assert why in told(context(tmp_path, {"kind": "command", "argv": argv}))["warnings"][0]


def test_one_way_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    ways = [WEBHOOK, {"kind": "file", "path": "told.jsonl"}]
    used = context(tmp_path, *ways, hook=Hook(status=500))
    message = Message.of(used, title="shop runs v43")
    assert [sent.ok for sent in send_all(used, message, declared(used))] == [False, True]


def test_in_check_mode_nothing_is_sent(tmp_path: Path) -> None:
    hook = Hook()
    used = context(tmp_path, WEBHOOK, {"kind": "file", "path": "told.jsonl"}, hook=hook)
    outcome = drive(Notify(NotifyWanted(title="shop runs v43"), used), check=True)
    assert outcome.changed
    assert outcome.result["sent"] == []
    assert not hook.bodies
    assert not (tmp_path / "told.jsonl").exists()


def test_where_nobody_is_declared_nothing_is_to_do(tmp_path: Path) -> None:
    outcome = drive(Notify(NotifyWanted(title="shop runs v43"), context(tmp_path)))
    assert not outcome.changed
    assert "declares no notifications" in outcome.plan.render()


def test_in_public_only_the_title_is_said(tmp_path: Path) -> None:
    hook = Hook()
    told(context(tmp_path, WEBHOOK, hook=hook), evidence="artifacts/deployment/x", title_only=True)
    (body,) = hook.bodies
    assert body["text"] == "[sandbox] shop runs v43 (promoted)"
    assert body["evidence"] == ""


def test_a_message_holds_no_secret_that_the_run_knows(tmp_path: Path) -> None:
    token = secrets.token_hex(16)
    used = Context(World("sandbox", {}, {}, tokens={"fly": Secret(token)}), TestClock())
    message = Message.of(used, title=f"used {token}", text=f"postgresql://app:{token}@db/app", evidence="x")
    assert token not in message.as_json() + message.as_entry() + json.dumps(message.as_webhook())
