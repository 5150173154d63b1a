"""The inventories of this project load, name no values, and Ansible reads them without a warning."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hotops.core.secret import scrub
from hotops.inventory.listing import load_environment
from hotops.inventory.run_vars import INVENTORY_KEYS

ROOT = Path(__file__).parents[2]
INVENTORIES = ROOT / "inventories"
NAMES = ["sandbox", "staging", "production"]
FILES = sorted(INVENTORIES.rglob("*.yml"))


@pytest.mark.parametrize("name", NAMES)
def test_an_inventory_loads_and_is_called_as_its_folder(name: str) -> None:
    environment = load_environment(INVENTORIES / name)
    assert environment.name == name
    assert environment.env_kind == ("sandbox" if name == "sandbox" else "live")
    assert environment.project_dir == ROOT
    assert environment.fly_org == "personal"


@pytest.mark.parametrize("name", NAMES)
def test_ansible_reads_it_without_a_warning_and_connects_to_nothing(name: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-inventory"), "-i", INVENTORIES / name, "--list"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    hostvars = json.loads(done.stdout)["_meta"]["hostvars"]
    assert hostvars
    assert {values["ansible_connection"] for values in hostvars.values()} == {"local"}
    assert {values["ansible_python_interpreter"] for values in hostvars.values()} == {"{{ ansible_playbook_python }}"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(INVENTORIES)))
def test_a_file_explains_itself_and_holds_no_value_that_looks_secret(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.splitlines()[1].startswith("# ")
    assert scrub(text) == text


def test_every_key_in_use_is_a_key_and_what_can_be_declared_is_shown() -> None:
    used: set[str] = set()
    for file in FILES:
        if file.name != "hosts.yml" and file.parent.name != "secret_maps":
            used |= {key for key in yaml.safe_load(file.read_text(encoding="utf-8")) if not key.startswith("ansible_")}
    assert used <= INVENTORY_KEYS
    assert {"process_groups", "health", "smoke", "required_secrets", "windows", "soak_s", "watch_s"} <= used


def test_production_is_careful_and_the_sandbox_is_quick() -> None:
    production, sandbox = load_environment(INVENTORIES / "production"), load_environment(INVENTORIES / "sandbox")
    (live,), (trial,) = production.promotable(), sandbox.promotable()
    assert (live.app, live.promote_from) == (trial.app, trial.promote_from)
    assert live.windows[0].spoken() == "mon-fri 09:00-17:00 America/Los_Angeles"
    assert trial.windows == ()
    assert (live.soak_s, live.watch_s, live.budget_ms, live.exec_checks) == (1800, 900, 800, False)
    assert trial.watch_s + trial.drain_s < 10
    assert live.required_secrets == trial.required_secrets
    assert production.gates == {}


def test_every_app_of_the_sandbox_is_one_of_production_with_the_same_promises() -> None:
    production, sandbox = load_environment(INVENTORIES / "production"), load_environment(INVENTORIES / "sandbox")
    for host, trial in sandbox.apps.items():
        live = production.apps[host]
        assert trial.memory_floor_mb == live.memory_floor_mb
        assert trial.required_secrets == live.required_secrets
        assert trial.health[0].path == live.health[0].path


def test_an_app_that_was_killed_for_want_of_memory_has_a_floor_and_its_groups_keep_it() -> None:
    (chat,) = [app for app in load_environment(INVENTORIES / "sandbox").apps.values() if app.memory_floor_mb]
    assert chat.memory_floor_mb == 2048
    assert {group: wanted.memory_mb for group, wanted in chat.process_groups.items()} == {"web": 2048, "worker": 2048}
    assert [check.path for check in chat.health] == ["/api"]


def test_staging_has_no_source() -> None:
    staging = load_environment(INVENTORIES / "staging")
    (live,) = load_environment(INVENTORIES / "production").promotable()
    assert list(staging.promotable()) == []
    assert [app.app for app in staging.apps.values()] == [live.promote_from]


def test_the_smallest_inventory_is_the_documented_one() -> None:
    text = (ROOT / "tests/fixtures/smallest/hosts.yml").read_text(encoding="utf-8")
    declared = yaml.safe_load(text)
    assert declared["apps"] == {"hosts": {"shop-production": {"promote_from": "shop-staging"}}}
    assert set(declared["all"]["vars"]) == {"env_kind", "fly_org", "github_repo", "supabase_project"}
    environment = load_environment(ROOT / "tests/fixtures/smallest/hosts.yml")
    assert environment.name == "smallest"
    assert environment.apps["shop-production"].promote_from == "shop-staging"
