"""dsn_fix.yml on a real sandbox: from a real 503 to a real 200, over a real PostgreSQL and the pooler before it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.playbooks.canaries import Canaries
from tests.playbooks.playing import SHOP, shop
from tests.playbooks.project import Project
from tests.sandbox_fixture import DATABASE_HOST, RunningSandbox

POOLER = "aws-1-us-east-1.pooler.supabase.com"
INVENTORY = (
    SHOP.replace(
        "    fly_org: personal\n",
        "    fly_org: personal\n    supabase_project: shop\n    vault: vault\n    exec_checks: true\n",
    )
    + """\
      health: [{path: /health}]
      database:
        secret: supabase/database_url
        use: server
        processes: 4
        pool: 5
"""
)


def with_vault(folder: Path, sandbox: RunningSandbox, dsn: str) -> Project:
    project = shop(folder, sandbox, inventory=INVENTORY)
    file = project.write("vault/supabase/database_url_sandbox.env", f'# the app\'s\nexport DATABASE_URL="{dsn}"\n')
    for path in (file.parent.parent, file.parent):
        path.chmod(0o700)
    file.chmod(0o600)
    return project


def give(sandbox: RunningSandbox, dsn: str) -> None:
    """The app's machines run with this connection string."""
    sandbox.control.call("POST", "secrets", {"app": "shop-production", "set": {"DATABASE_URL": dsn}})


def status_within(sandbox: RunningSandbox, wanted: int) -> int:
    """The app's status, once it is the wanted one or ten seconds are over: the twin remembers logins for a second."""
    end = time.monotonic() + 10
    while status(sandbox) != wanted and time.monotonic() < end:
        time.sleep(0.1)
    return status(sandbox)


def entries(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """The calls of the clouds' interfaces."""
    return [entry for entry in sandbox.control.entries() if entry["surface"] != "proxy"]


def status(sandbox: RunningSandbox) -> int:
    return sandbox.request("GET", "https://shop-production.fly.dev/health").status_code


def test_a_wrong_connection_string_is_fixed_end_to_end(tmp_path: Path, sandbox: RunningSandbox) -> None:
    """The vault has the pooler's host with the user that only the direct host knows, and so have the machines."""
    password = quote(sandbox.db_pass, safe="")
    given = f"postgresql://postgres:{password}@{POOLER}:5432/postgres?sslmode=require"
    project = with_vault(tmp_path, sandbox, given)
    give(sandbox, given)
    assert status_within(sandbox, 503) == 503
    canaries = Canaries({"the password": sandbox.db_pass, "the password, encoded": password})
    outputs: list[str] = []

    looked = len(entries(sandbox))
    look = project.play(
        "- hotops.core.supabase_dsn:\n    app: shop-production\n    error_text: \"FATAL: Tenant or user not found\"\n"
        "  register: seen\n  run_once: true\n- debug: {var: seen}\n  run_once: true\n", "-vvvv",
    )  # fmt: skip
    assert look.code == 0, look.text
    outputs.append(look.text)
    seen = look.registered("seen")
    assert (seen["verdict"], seen["kind"], seen["connects"]) == ("wrong", "session_pooler", True)
    assert {found["code"] for found in seen["findings"]} >= {"pooler_user_without_ref", "budget_above_pool"}
    assert [step["cause"] for step in seen["proof"] if step["outcome"] == "failed"] == ["pooler_user_without_ref"]
    assert [one["cause"] for one in seen["explained"]] == ["pooler_does_not_know_the_project"]

    # A command in a machine, since the app declares exec_checks: no write.
    assert {entry["effect"] for entry in entries(sandbox)[looked:]} == {"none", "exec"}
    assert [(step["step"], step["outcome"]) for step in seen["inside"]][3:5] == [("login", "ok"), ("select", "ok")]

    before = len(entries(sandbox))
    planned = project.run("hotops.core.dsn_fix", "--check", "--diff", "-vvvv")
    assert planned.code == 0, planned.text
    assert "Nothing was written." in planned.text
    assert {entry["effect"] for entry in entries(sandbox)[before:]} == {"none"}
    outputs.append(planned.text)

    done = project.run("hotops.core.dsn_fix", "-e", "reason='503'", "-vvvv")
    assert done.code == 0, done.text
    assert status_within(sandbox, 200) == 200
    outputs.append(done.text)
    inside = done.text.partition("from a machine of the app:")[2]
    assert [line.split()[:2] for line in inside.splitlines()[1:6]] == [
        [step, "ok"] for step in ("resolve", "tcp", "tls", "login", "select")
    ]
    vault = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "vault/supabase").iterdir()}
    assert DATABASE_HOST in vault["database_url_sandbox.env"]
    assert vault["database_url_sandbox.env"].startswith("# the app's\n")
    assert POOLER in next(text for name, text in vault.items() if "old" in name)

    again = project.run("hotops.core.dsn_fix", "-e", "reason='again'")
    assert again.code == 0, again.text
    assert "changed=0" in again.text
    outputs.append(again.text)

    evidence = next(run for run in project.runs() if "dsn_fix" in run.name)
    assert json.loads((evidence / "manifest.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (evidence / "evidence.jsonl").read_text(encoding="utf-8").splitlines()]
    assert any(line["kind"] == "intent" and line.get("step") == "shop-production/secrets" for line in lines)

    back = project.run("hotops.core.dsn_fix", "-e", "undo=true", "-e", "reason='back'")
    assert back.failure()["code"] == "dsn_not_proven", "what does not connect is not put back unasked"
    outputs.append(back.text)
    assert status(sandbox) == 200
    assert [name for text in outputs for name in canaries.found_in(text.encode())] == []
    assert canaries.below(tmp_path, apart_from=[tmp_path / "vault"]) == []


@pytest.mark.soak
def test_an_app_works_with_a_restored_database_and_goes_back(tmp_path: Path, sandbox: RunningSandbox) -> None:
    """The former string is proven and kept; the name of the other database has to be given twice."""
    good = f"postgresql://postgres:{quote(sandbox.db_pass, safe='')}@{DATABASE_HOST}:5432/postgres?sslmode=require"
    project = with_vault(tmp_path, sandbox, good)
    give(sandbox, good)
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass, autocommit=True) as session:
        session.execute("create database shop_restored")
    once = project.play("- hotops.core.restore_switch: {to_database: shop_restored}\n  run_once: true\n")
    assert once.failure()["code"] == "switch_refused", once.text
    done = project.play(
        """
        - hotops.core.restore_switch: {to_database: shop_restored, confirm: shop_restored}
          run_once: true
        - hotops.core.restore_switch: {to_database: shop_restored, confirm: shop_restored}
          run_once: true
          register: again
        - ansible.builtin.slurp: {src: vault/supabase/database_url_sandbox.env}
          delegate_to: localhost
          register: kept
        - ansible.builtin.assert:
            that: [not again.changed, again.status == 200, "'/shop_restored?' in kept.content | b64decode"]
        - hotops.core.restore_switch: {undo: true}
          run_once: true
        """,
        "-e",
        "reason='restored'",
    )
    assert done.code == 0, done.text
    assert "/postgres?" in (tmp_path / "vault/supabase/database_url_sandbox.env").read_text(encoding="utf-8")
    assert status_within(sandbox, 200) == 200
