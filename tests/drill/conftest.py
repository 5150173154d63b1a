"""A shop with staging and production in a sandbox whose database can be brought back to any moment."""

from __future__ import annotations

import contextlib
import functools
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hotops.core.clock import SystemClock
from hotops.core.context import Context
from hotops.core.limiter import NoLimiter
from hotops.core.runs import RunOpening
from hotops.core.sandbox_control import ControlClient
from hotops.core.sandbox_process import start_sandbox, stop_sandbox
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.inventory.listing import load_environment
from hotops.inventory.schema import Environment
from hotops.inventory.seed import seed_from_inventory
from hotops.secrets.pretended_vault import make_pretended_vault

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
    shop-production: {promote_from: shop-staging, wait_timeout_s: 30, drain_s: 0}
    shop-search:
      sandbox: {groups: {app: {count: 1, volume_gb: 2}}}
"""
SECRET_MAP = """
secrets:
  DATABASE_URL:
    vault: supabase/database_url
    fly: {shop-production: [DATABASE_URL], shop-search: [DATABASE_URL]}
    provider: {kind: postgres, owner: shop_app}
  SUPABASE_SERVICE_KEY:
    vault: supabase/service_key
    fly: {shop-search: [SUPABASE_SERVICE_KEY]}
    provider: {kind: supabase_key, name: shop_search}
"""
#: Two minutes of the platform are a second here: so often is the log archived.
SPEED = 120
#: A control interface that nobody serves.
NOBODY = {"control": {"url": "http://127.0.0.1:9", "token": "none"}}


class Hurried(SystemClock):
    """Real time, and waits that look again a few times sooner: the platform here is a hundred times faster, too."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 5)


@dataclass(frozen=True)
class Shop:
    """The shop's inventory and the sandbox that was made of it."""

    folder: Path
    state_dir: Path
    control: ControlClient
    seed: Mapping[str, Any] = field(repr=False, default_factory=dict)
    world: World | None = None
    is_clean: threading.Event = field(default_factory=threading.Event)
    clock: SystemClock = field(default_factory=Hurried)

    @property
    def inventory(self) -> Path:
        return self.folder / "inventories" / "shop"

    def environment(self) -> Environment:
        return _loaded(self.inventory)

    def context(self, *, recorded: bool = True) -> Context:
        """A run's context; with evidence in the shop's folder, as a playbook would keep it."""
        environment = self.environment()
        made = Context(
            world=self.world or World.of("sandbox", {}),
            environment=environment,
            run="20300101T000000Z-drill",
            clock=self.clock,
            limiter_of=lambda _cloud, _identity: NoLimiter(),  # the platform's own limits are off here, too
        )
        if recorded:
            opening = RunOpening(environment.evidence_path, "dr_drill", environment.name, "sandbox")
            made.journal = opening.open()
        return made

    @property
    def writes(self) -> list[str]:
        """Calls since the last reset that changed something."""
        entries = self.control.entries()
        return [f"{entry['method']} {entry['path']}" for entry in entries if entry["effect"] != "none"]

    def wrote_nothing(self) -> None:
        """Nothing was changed, so that the next test needs no other shop."""
        assert self.writes == []
        self.is_clean.set()


@functools.cache
def _loaded(inventory: Path) -> Environment:
    return load_environment(inventory)


def write_inventory(folder: Path) -> None:
    """The shop's inventory and secret map below a folder."""
    for name, text in (("shop/hosts.yml", INVENTORY), ("secret_maps/shop.yml", SECRET_MAP)):
        file = folder / "inventories" / name
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def shop_at(folder: Path, state_dir: Path, *, speed: float, clock: SystemClock) -> Iterator[Shop]:
    """A shop in a sandbox whose platform is so many times faster than the real one."""
    write_inventory(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(state_dir))
        seed = seed_from_inventory(folder / "inventories" / "shop")
        started = start_sandbox(seed, speed=speed, detached=False)
        yield Shop(folder, state_dir, ControlClient(started.state), seed, clock=clock)
        stop_sandbox()


@pytest.fixture(scope="session")
def shop_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder, state_dir = tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("shop-state")
    with shop_at(folder, state_dir, speed=SPEED, clock=Hurried()) as made:
        yield made


@pytest.fixture
def shop(shop_process: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop as it was seeded; made anew where the test before did not prove that it left all as it was."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(shop_process.state_dir))
    monkeypatch.chdir(shop_process.folder)
    if shop_process.is_clean.is_set():
        shop_process.control.clear_entries()
    else:
        shop_process.control.reset()
        shop_process.control.call("POST", "settings", {"limits": False})
        make_pretended_vault(shop_process.environment(), shop_process.seed)
    shop_process.is_clean.clear()
    shutil.rmtree(shop_process.state_dir / "sandbox" / "backups", ignore_errors=True)
    (shop_process.folder / "artifacts" / "drills" / "register.jsonl").unlink(missing_ok=True)
    return shop_process


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    write_inventory(folder)
    return folder


@pytest.fixture
def paper(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop's inventory alone: nobody answers a call."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(written)
    (written / "artifacts" / "drills" / "register.jsonl").unlink(missing_ok=True)
    nobody = World("sandbox", {}, tokens={"supabase": Secret("of nobody")})
    return Shop(written, tmp_path / "state", ControlClient(NOBODY), world=nobody)
