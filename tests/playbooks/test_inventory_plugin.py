"""The inventory plugin: apps that really run, grouped, beside what is declared; and single readings of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.project import Project
from tests.sandbox_fixture import RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]

SOURCE = "plugin: hotops.core.fly\nenv_kind: sandbox\norgs: [personal]\n"


@pytest.fixture
def project(tmp_path: Path, sandbox: RunningSandbox) -> Project:
    return Project(tmp_path, environ={"HOTOPS_STATE_DIR": str(sandbox.state_dir)}, inventory="real.fly.yml")


def listed(project: Project) -> dict[str, Any]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "-i", project.inventory, "--list"],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "ERROR" not in done.stderr
    # What came from an API is no template, and ansible-inventory marks it so.
    document: dict[str, Any] = json.loads(done.stdout, object_hook=lambda item: item.get("__ansible_unsafe", item))
    return document


def test_hosts_are_the_apps_that_run(project: Project) -> None:
    project.write("real.fly.yml", SOURCE + "keyed_groups: [{prefix: kind, key: env_kind}]\ncompose: {who: fly_org}\n")
    found = listed(project)
    assert found["apps"]["hosts"] == ["shop-production", "shop-staging"]
    assert found["fly_org_personal"]["hosts"] == found["fly_status_deployed"]["hosts"] == found["apps"]["hosts"]
    assert found["fly_region_ord"]["hosts"] == found["apps"]["hosts"]
    variables = found["_meta"]["hostvars"]["shop-production"]
    assert (variables["env_kind"], variables["fly_status"], variables["who"]) == ("sandbox", "deployed", "personal")
    assert variables["fly_machines"] == variables["fly_started"] > 0


def test_drift_against_a_declared_inventory(project: Project) -> None:
    project.write("real.fly.yml", SOURCE + "declared: inventories/sandbox\n")
    project.write(
        "inventories/sandbox/hosts.yml",
        """
        all:
          vars: {env_kind: sandbox, fly_org: personal}
        apps:
          hosts:
            shop-staging:
            shop-worker:
        """,
    )
    found = listed(project)
    assert found["fly_undeclared"]["hosts"] == ["shop-production"]
    assert found["_meta"]["hostvars"]["shop-staging"]["fly_missing"] == ["shop-worker"]


def test_the_cache_spares_the_calls(project: Project, sandbox: RunningSandbox) -> None:
    cache = "cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: ./cache\n"
    project.write("real.fly.yml", SOURCE + cache)
    first = listed(project)
    before = len(sandbox.control.entries())
    assert listed(project) == first
    assert len(sandbox.control.entries()) == before


def test_every_app_is_read_in_parallel_by_tasks_that_never_write(project: Project, sandbox: RunningSandbox) -> None:
    project.write("real.fly.yml", SOURCE)
    project.write(
        "read.yml",
        """
        - hosts: apps
          gather_facts: false
          module_defaults:
            group/hotops.core.fly:
              app: "{{ inventory_hostname }}"
          tasks:
            - hotops.core.fly_machine_info:
              register: machines
            - hotops.core.fly_secret_info:
            - hotops.core.fly_release_info:
            - ansible.builtin.assert:
                that: machines.machines | length > 0
        """,
    )
    ran = project.run("read.yml")
    assert ran.code == 0, ran.text
    assert {entry["effect"] for entry in sandbox.control.entries() if entry["surface"] != "proxy"} <= {"none"}
    assert not project.runs()
