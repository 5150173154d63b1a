"""secrets_rotate.yml on a real sandbox: the app goes on answering with its new role, and no password shows anywhere."""

from __future__ import annotations

import secrets
from pathlib import Path

import psycopg

from tests.playbooks.canaries import Canaries
from tests.playbooks.playing import SHOP, Visitors, shop
from tests.sandbox_fixture import DATABASE_HOST, RunningSandbox

INVENTORY = SHOP.replace(
    "    fly_org: personal\n",
    "    fly_org: personal\n    env_name: sandbox\n    supabase_project: shop\n    vault: vault\n",
)
MAP = """
secrets:
  DATABASE_URL:
    vault: supabase/database_url
    fly: {shop-production: [DATABASE_URL]}
    rotate_days: 90
    provider: {kind: postgres, owner: shop_app}
"""


def test_a_role_is_rotated_while_visitors_are_answered(tmp_path: Path, sandbox: RunningSandbox) -> None:
    word = f"first-{secrets.token_hex(12)}"
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass, autocommit=True) as connection:
        connection.execute("create role shop_app nologin")
        connection.execute(f"create role shop_app_a login password '{word}' in role shop_app")
    dsn = f"postgresql://shop_app_a:{word}@{DATABASE_HOST}:5432/postgres?sslmode=require"
    sandbox.control.call("POST", "secrets", {"app": "shop-production", "set": {"DATABASE_URL": dsn}})
    project = shop(tmp_path, sandbox, inventory=INVENTORY)
    project.write("inventories/secret_maps/sandbox.yml", MAP)
    file = project.write("vault/supabase/database_url_sandbox.env", f"DATABASE_URL={dsn}\n")
    for path, mode in ((file.parent.parent, 0o700), (file.parent, 0o700), (file, 0o600)):
        path.chmod(mode)

    about = ("-e", "secret=DATABASE_URL", "-e", "reason='due'")
    planned = project.run("hotops.core.secrets_rotate", *about, "-e", "force=true", "--check", "-vvvv")
    assert planned.code == 0, planned.text
    assert "Nothing was written." in planned.text
    with Visitors(sandbox).visiting() as visitors:
        done = project.run("hotops.core.secrets_rotate", *about, "-e", "force=true", "--diff", "-vvvv")
    assert done.code == 0, done.text
    assert "shop_app_a → shop_app_b" in done.text
    assert visitors.lost == 0, visitors.answers
    again = project.run("hotops.core.secrets_rotate", *about)
    assert "changed=0" in again.text, again.text

    now = file.read_text(encoding="utf-8").partition("shop_app_b:")[2].partition("@")[0]
    assert now
    canaries = Canaries({"the old password": word, "the new password": now, "the project's": sandbox.db_pass})
    assert [name for ran in (planned, done, again) for name in canaries.found_in(ran.text.encode())] == []
    assert canaries.below(tmp_path, apart_from=[tmp_path / "vault"]) == []
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass) as connection:
        rows = connection.execute(
            "select rolname::text, rolcanlogin from pg_roles where rolname ~ '^shop_app_'"
        ).fetchall()
    assert dict(rows) == {"shop_app_a": False, "shop_app_b": True}
