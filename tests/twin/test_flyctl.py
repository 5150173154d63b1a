"""The real flyctl on a real sandbox: it reads, writes and deploys there, and tells the truth about what hotops did."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hotops.core.context import Context
from hotops.core.sandbox_clients import client_environment
from hotops.core.sandbox_control import ControlClient
from hotops.core.sandbox_process import start_sandbox, stop_sandbox
from hotops.core.world import World
from hotops.inventory.load import environment_from_vars
from hotops.inventory.seed import seed_of
from hotops.promote.run import promote
from tests.peers import find_peer
from tests.stage import SMALL

pytestmark = [pytest.mark.peer("flyctl"), pytest.mark.timeout(300)]

APP = "shop-production"
SOURCE = "shop-staging"
DEPLOY = ("--remote-only", "--dns-checks=false", "--smoke-checks=false", "--yes")
HOSTS: dict[str, dict[str, Any]] = {APP: {**SMALL, "promote_from": SOURCE}}
#: An app whose fly.toml has a release command.
WARM = "shop-warm"


@dataclass(frozen=True)
class Flyctl:
    """flyctl in an environment of the sandbox's own, and the sandbox."""

    variables: dict[str, str]
    control: ControlClient
    folder: Path

    def run(self, *words: str) -> str:
        """What a command prints; it has to succeed."""
        done = self.ended(*words)
        assert done.returncode == 0, f"flyctl {' '.join(words)}: {done.stdout[-1500:]} {done.stderr[-1500:]}"
        return done.stdout + done.stderr

    def ended(self, *words: str) -> subprocess.CompletedProcess[str]:
        """How a command ended."""
        program = str(find_peer("flyctl"))
        return subprocess.run(
            [program, *words],
            env=self.variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def json(self, *words: str) -> Any:
        """What a command prints with --json."""
        return json.loads(self.run(*words, "--json"))

    def secrets(self, app: str = APP) -> dict[str, str]:
        """Names and statuses of `secrets list`."""
        return {secret["name"]: secret["status"] for secret in self.json("secrets", "list", "-a", app)}

    def machines(self, app: str = APP) -> list[dict[str, Any]]:
        """`machine list`."""
        found: list[dict[str, Any]] = self.json("machine", "list", "-a", app)
        return found

    def newest(self, app: str = APP) -> dict[str, Any]:
        """The first of `releases`."""
        first: dict[str, Any] = self.json("releases", "--image", "-a", app)[0]
        return first


@pytest.fixture(scope="module")
def flyctl_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flyctl]:
    """One sandbox for these tests, without rate limits: from loopback, commands follow one another too closely."""
    folder = tmp_path_factory.mktemp("flyctl")
    hosts = {**HOSTS, WARM: {**SMALL, "sandbox": {"release_command": "bin/warm"}}}
    environment = environment_from_vars(
        hosts, {"all": [*hosts], "apps": [*hosts]}, inventory=folder / "inventories" / "stage"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(folder / "state"))
        started = start_sandbox(seed_of(environment), speed=20, detached=False)
        control = ControlClient(started.state)
        control.call("POST", "settings", {"limits": False})
        variables = {
            name: value for group in client_environment(started.state) for name, value in group.variables.items()
        }
        yield Flyctl({"PATH": os.environ["PATH"], "HOME": str(folder), **variables}, control, folder)
        stop_sandbox()


@pytest.fixture
def flyctl(flyctl_process: Flyctl, monkeypatch: pytest.MonkeyPatch) -> Flyctl:
    """flyctl on a sandbox that is back at its seed."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(flyctl_process.folder / "state"))
    flyctl_process.control.reset()
    return flyctl_process


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("auth", "whoami"), "@example.com"),
        (("apps", "list"), SOURCE),
        (("status", "-a", APP), "1 passing"),
        (("releases", "-a", APP), "complete"),
        (("releases", "--image", "-a", APP), f"registry.fly.io/{APP}:v"),
        (("machine", "list", "-a", APP), "shared-cpu-1x"),
        (("secrets", "list", "-a", APP), "Deployed"),
        (("volumes", "list", "-a", APP), "ATTACHED VM"),
        (("orgs", "list"), "personal"),
        (("platform", "regions"), "Chicago"),
        (("ips", "list", "-a", APP), "shared"),
        (("logs", "--no-tail", "-a", APP), "["),
        (("config", "show", "-a", APP), "http_checks"),
    ],
    ids=lambda value: "-".join(word for word in value if word != APP) if isinstance(value, tuple) else "",
)
def test_it_reads(flyctl: Flyctl, words: tuple[str, ...], said: str) -> None:
    assert said in flyctl.run(*words)


def test_an_app_is_made_and_destroyed(flyctl: Flyctl) -> None:
    flyctl.run("apps", "create", "new-shop", "-o", "personal")
    assert "new-shop" in flyctl.run("apps", "list")
    flyctl.run("apps", "destroy", "new-shop", "-y")
    assert "new-shop" not in flyctl.run("apps", "list")


def test_secrets_are_staged_deployed_and_unset(flyctl: Flyctl) -> None:
    flyctl.run("secrets", "set", "--stage", "EXTRA=1", "-a", APP)
    assert flyctl.secrets()["EXTRA"] == "Staged"
    flyctl.run("secrets", "deploy", "-a", APP, "--dns-checks=false")
    assert set(flyctl.secrets().values()) == {"Deployed"}
    flyctl.run("secrets", "unset", "EXTRA", "-a", APP, "--stage")
    assert "EXTRA" not in flyctl.secrets()


def test_memory_is_scaled_and_one_machine_updated(flyctl: Flyctl) -> None:
    flyctl.run("scale", "memory", "512", "-a", APP)
    assert {machine["config"]["guest"]["memory_mb"] for machine in flyctl.machines()} == {512}
    first, *others = flyctl.machines()
    flyctl.run("machine", "update", first["id"], "-a", APP, "--vm-memory", "1024", "-y")
    memory = {machine["id"]: machine["config"]["guest"]["memory_mb"] for machine in flyctl.machines()}
    assert memory == {first["id"]: 1024, **{other["id"]: 512 for other in others}}


@pytest.mark.parametrize("strategy", ["rolling", "immediate", "bluegreen"])
def test_it_deploys(flyctl: Flyctl, strategy: str) -> None:
    newest, checks = flyctl.newest(), {len(machine["checks"]) for machine in flyctl.machines()}
    image = f"registry.fly.io/{APP}:v{newest['Version'] - 1}"
    flyctl.run("deploy", "--image", image, "-a", APP, "--strategy", strategy, *DEPLOY)
    machines = flyctl.machines()
    assert {machine["config"]["image"] for machine in machines} == {image}
    assert {len(machine["checks"]) for machine in machines} == checks
    after = flyctl.newest()
    assert (after["Version"], after["Status"], after["ImageRef"]) == (newest["Version"] + 1, "complete", image)


@pytest.mark.parametrize(("tag", "status"), [("v50", "complete"), ("v50-command-fails", "failed")])
def test_it_runs_the_release_command_first_and_reads_its_exit(flyctl: Flyctl, tag: str, status: str) -> None:
    image, before = f"registry.fly.io/{WARM}:{tag}", flyctl.newest(WARM)["ImageRef"]
    flyctl.control.call("POST", "push", {"app": WARM, "tag": tag, "deploy": False})
    done = flyctl.ended("deploy", "--image", image, "-a", WARM, "--strategy", "rolling", *DEPLOY)
    assert (done.returncode == 0) == (status == "complete"), done.stderr[-1500:]
    assert "Running shop-warm release_command: bin/warm" in done.stdout + done.stderr
    if status == "failed":
        assert "exited with non-zero status of 1" in done.stdout + done.stderr
    groups = {machine["config"]["metadata"]["fly_process_group"] for machine in flyctl.machines(WARM)}
    assert groups == {"app"}, "its machine removed itself"
    expected = image if status == "complete" else before.partition("@")[0]
    assert {m["config"]["image"].partition("@")[0] for m in flyctl.machines(WARM)} == {expected}
    assert flyctl.newest(WARM)["Status"] == status


@pytest.mark.parametrize("strategy", ["rolling", "bluegreen"])
def test_after_a_promotion_it_tells_the_truth(flyctl: Flyctl, strategy: str) -> None:
    before = flyctl.newest()
    wanted = flyctl.newest(SOURCE)["ImageRef"]
    hosts = {APP: {**HOSTS[APP], "deploy_strategy": strategy}}
    environment = environment_from_vars(
        hosts, {"all": [APP], "apps": [APP]}, inventory=flyctl.folder / "inventories" / "stage"
    )
    with Context(
        world=World.of("sandbox"),
        run=f"20260101T000000Z-promote-{strategy}",
        reason="a test",
        environment=environment,
        selection=(APP,),
    ) as context:
        promote(context)
    newest, machines = flyctl.newest(), flyctl.machines()
    assert (newest["Version"], newest["Status"], newest["ImageRef"]) == (before["Version"] + 1, "complete", wanted)
    assert {machine["config"]["image"] for machine in machines} == {wanted}
    assert {machine["config"]["metadata"]["fly_release_version"] for machine in machines} == {str(newest["Version"])}
    assert set(flyctl.secrets().values()) == {"Deployed"}
    told = flyctl.run("status", "-a", APP)
    assert f"{SOURCE}:v" in told
    assert told.count(f"│ {newest['Version']} ") == len(machines)
