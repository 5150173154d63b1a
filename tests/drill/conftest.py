"""A shop with staging and production in a sandbox whose database can be brought back to any moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hotops.core.context import Context
from hotops.core.runs import RunOpening
from hotops.core.sandbox_control import ControlClient
from hotops.core.sandbox_process import start_sandbox, stop_sandbox
from hotops.core.world import World
from hotops.inventory.listing import load_environment
from hotops.inventory.schema import Environment
from hotops.inventory.seed import seed_from_inventory

INVENTORY = """
all:
  vars:
    env_kind: sandbox
    fly_org: personal
    supabase_project: shop
    dr: {rto_s: 60, rpo_s: 30, second_region: iad, scenarios: [database_lost, machine_lost]}
    sandbox_world: {pitr: true}
apps:
  hosts:
    shop-production: {promote_from: shop-staging, wait_timeout_s: 30}
    shop-search:
      sandbox: {groups: {app: {count: 1, volume_gb: 2}}}
"""
#: Two minutes of the platform are a second here: so often is the log archived.
SPEED = 120


@dataclass(frozen=True)
class Shop:
    """The shop's inventory and the sandbox that was made of it."""

    folder: Path
    state_dir: Path
    control: ControlClient

    @property
    def inventory(self) -> Path:
        return self.folder / "inventories" / "shop"

    def environment(self) -> Environment:
        return load_environment(self.inventory)

    def context(self, *, recorded: bool = True) -> Context:
        """A run's context; with evidence in the shop's folder, as a playbook would keep it."""
        environment = self.environment()
        made = Context(world=World.of("sandbox", {}), environment=environment, run="20300101T000000Z-drill")
        if recorded:
            opening = RunOpening(environment.evidence_path, "dr_drill", environment.name, "sandbox")
            made.journal = opening.open()
        return made

    @property
    def writes(self) -> list[str]:
        """Calls since the last reset that changed something."""
        entries = self.control.entries()
        return [f"{entry['method']} {entry['path']}" for entry in entries if entry["effect"] != "none"]


@pytest.fixture(scope="session")
def shop_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder, state_dir = tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("shop-state")
    (folder / "inventories" / "shop").mkdir(parents=True)
    (folder / "inventories" / "shop" / "hosts.yml").write_text(INVENTORY, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(state_dir))
        seed = seed_from_inventory(folder / "inventories" / "shop")
        started = start_sandbox(seed, speed=SPEED, detached=False)
        yield Shop(folder, state_dir, ControlClient(started.state))
        stop_sandbox()


@pytest.fixture
def shop(shop_process: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop as it was seeded."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(shop_process.state_dir))
    monkeypatch.chdir(shop_process.folder)
    shop_process.control.reset()
    (shop_process.folder / "artifacts" / "drills" / "register.jsonl").unlink(missing_ok=True)
    return shop_process
