"""What every task of the collection does for its operation: checks, scrubs, fails in words, dies with its parent."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.playbooks.project import Project, with_stub

STUB = """
from ansible_collections.hotops.core.plugins.plugin_utils.base import plugin
from hotops.core.operation import Operation, Plan, Spec, Step
from hotops.core.errors import HotopsError


class Want(Spec):
    app: str
    memory_mb: int = 256
    names: tuple[str, ...] = ()


class Stub(Operation[Want, None]):
    name = "stub"
    Want = Want

    def observe(self):
        {observe}

    def plan(self, state):
        return Plan((Step("app/1", "m1", before={{"memory_mb": 256}}, after={{"memory_mb": self.want.memory_mb}}),))

    def apply(self, step, done):
        {apply}
        return {{}}

    def report(self, state, plan, done):
        return {{"app": self.want.app, "names": self.want.names, "hotops_screen": ["one row"]}}


ActionModule = plugin(Stub)
"""


def stub(project: Project, observe: str = "return None", apply: str = "pass") -> None:
    """An action plugin of the project that runs an operation."""
    project.write("action_plugins/stub.py", STUB.format(observe=observe, apply=apply))


def test_options_arrive_as_plain_validated_values(project: Project) -> None:
    stub(project)
    tasks = """
    - stub: {app: "{{ 'shop' }}", memory_mb: "{{ '512' }}", names: "a, b"}
      run_once: true
      register: said
    - debug: {var: said}
      run_once: true
    """
    ran = project.play(tasks)
    said = ran.registered("said")
    assert (said["app"], said["names"], said["changed"]) == ("shop", ["a", "b"], True)
    assert "memory_mb 256 → 512" in said["plan"]
    assert "hotops_screen" not in said
    assert "one row" in ran.stdout


def test_a_plan_without_change_is_no_change(project: Project) -> None:
    stub(project)
    tasks = "- stub: {app: shop, memory_mb: 512}\n  run_once: true\n"
    checked = project.play(tasks, "--check", "--diff")
    assert "changed=1" in checked.stdout
    assert "-memory_mb: 256\n+memory_mb: 512" in checked.stdout
    assert not project.runs()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("{ap: shop}", "there is no option ap; did you mean app"),
        ("{}", "the option app is required"),
        ("{app: shop, memory_mb: much}", "memory_mb: Input should be a valid integer"),
    ],
)
def test_wrong_options_are_told_before_anything_is_called(project: Project, options: str, says: str) -> None:
    stub(project, observe="raise AssertionError('called')")
    ran = project.play(f"- stub: {options}\n  run_once: true\n")
    assert ran.code != 0
    assert says in ran.failure()["message"]
    assert ran.failure()["code"] == "usage"


def test_a_bug_is_a_failure_with_its_place_and_no_traceback(project: Project) -> None:
    stub(project, observe="return {}['nothing']")
    ran = project.play("- stub: {app: shop}\n  run_once: true\n", "-vvvv")
    assert ran.code != 0
    assert "Traceback" not in ran.text
    assert '"code": "bug"' in ran.stdout
    assert "hotops has a bug: KeyError" in ran.text


def test_no_credential_shows_anywhere(project: Project) -> None:
    stub(project, observe="raise HotopsError('refused: ' + self.context.world.credential('fly').reveal())")
    token = f"sandbox-{secrets.token_hex(16)}"
    state = project.state / "sandbox/state.json"
    state.write_text(state.read_text(encoding="utf-8").replace("sandbox-", token + "-"), encoding="utf-8")
    github = f"{secrets.token_hex(20)}"
    tasks = """
    - stub: {app: "{{ lookup('env', 'GITHUB_TOKEN') }}"}
      run_once: true
    """
    ran = project.play(tasks, "-vvvv", environ={"GITHUB_TOKEN": github})
    assert "refused: •••" in ran.text
    assert token not in ran.text
    assert github not in ran.text
    assert ran.text.count('"app": "•••"') >= 1  # the masked invocation
    for file in (project.folder / "artifacts").rglob("*"):
        if file.is_file():
            content = file.read_text(encoding="utf-8")
            assert token not in content
            assert github not in content


def test_async_is_refused_in_words(project: Project) -> None:
    ran = project.play("- hotops.core.fly_app_info: {app: shop}\n  async: 10\n  poll: 1\n  run_once: true\n")
    assert ran.code != 0
    assert "does not support async" in ran.text


def test_readonly_refuses_every_write(project: Project) -> None:
    stub(project)
    ran = project.play("- stub: {app: shop}\n  run_once: true\n", environ={"HOTOPS_READONLY": "1"})
    assert ran.failure()["code"] == "readonly"


def test_a_world_has_to_be_named(project: Project) -> None:
    project.write("inventories/sandbox/hosts.yml", "apps:\n  hosts:\n    shop:\n")
    ran = project.play("- hotops.core.fly_app_info: {app: shop}\n  run_once: true\n")
    assert ran.failure()["code"] == "usage"
    assert "env_kind is not set" in ran.failure()["message"]


def test_a_sandbox_run_refuses_a_live_token(project: Project) -> None:
    token = f"fm2_{secrets.token_hex(16)}"
    tasks = "- hotops.core.fly_app_info: {app: shop}\n  run_once: true\n"
    ran = project.play(tasks, environ={"FLY_API_TOKEN": token})
    assert ran.failure()["code"] == "worlds_mixed"
    assert token not in ran.text


@pytest.mark.parametrize(
    ("loads", "code"), [("raise ImportError('no nacl')", "missing_library"), ("return gone", "bug")]
)
def test_what_can_not_be_loaded_fails_its_task_and_the_rescue_runs(project: Project, loads: str, code: str) -> None:
    base = "ansible_collections.hotops.core.plugins.plugin_utils.base"
    broken = f"""
from {base} import action
import {base} as base

def operation(name):
    {loads}

base.operation = operation
ActionModule = action("gate")
"""
    project.collections = with_stub(project.folder, "gate", broken)
    tasks = """
    - block:
        - hotops.core.gate: {}
      rescue:
        - debug: {msg: rescued}
      run_once: true
    """
    ran = project.play(tasks)
    assert "rescued=1" in ran.stdout
    assert ran.failure()["code"] == code


def test_a_worker_dies_with_its_parent(project: Project) -> None:
    apply = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(3); pathlib.Path('finished').touch()"
    stub(project, apply=apply)
    project.write("play.yml", "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - stub: {app: shop}\n")
    process = subprocess.Popen(
        project.command("play.yml"),
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(project.folder / "begun")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    time.sleep(3.5)
    assert not (project.folder / "finished").exists()


def wait_until(file: Path) -> None:
    """Until the file is there."""
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} did not come"
        time.sleep(0.05)
