"""The vault's commands killed at each moment, each call of the first map broken: a whole file or none, then done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import drive
from hotops.secrets.map_init import InitMap, MapInitWant
from hotops.secrets.vault_modes import FixModes, VaultModesWant
from hotops.secrets.vault_templates import MakeTemplates, VaultTemplatesWant
from tests.faults.sweep import Sweep
from tests.secrets_stage import SecretsStage
from tests.stage import Stage

REPO = "acme/shop"
VAULT = {"shop/salt_prod.env": "SALT=a-salt-of-it\n", "shop/key_prod.env": "KEY=a-key-of-it\n"}
MAP = {name: {"vault": f"shop/{name.lower()}", "fly": {"shop-production": name}} for name in ("SALT", "ONE", "TWO")}
_STAGES: dict[int, SecretsStage] = {}


def a_world(folder: Path, *, mapped: bool = True, loose: bool = False) -> Stage:
    made = SecretsStage(
        folder,
        apps={"shop-production": {}},
        vault=VAULT,
        secret_map=MAP,
        github_repo=REPO,
        sandbox_world={"repositories": {REPO: {"environments": {"production": {}}}}},
    )
    made.set("shop-production", SALT="x")
    if not mapped:
        map_of(made).unlink()
    if loose:
        (folder / "vault/shop").chmod(0o755)
        (folder / "vault/shop/key_prod.env").chmod(0o644)
    _STAGES[id(made.stage)] = made
    return made.stage


def map_of(shop: SecretsStage) -> Path:
    return shop.folder / "inventories/secret_maps/production.yml"


def carries_out(kind: Any, want: Any) -> Callable[[Stage, str], object]:
    def run(stage: Stage, name: str) -> object:
        with _STAGES[id(stage)].context(name, journal=stage.journal) as context:
            return drive(kind(want, context))

    return run


def files(stage: Stage) -> dict[str, tuple[str, int]]:
    """Every file of vault and maps with its text and its mode, hotops' own left out."""
    root = _STAGES[id(stage)].folder
    found = [path for place in ("vault", "inventories") for path in (root / place).rglob("*")]
    return {
        str(path.relative_to(root)): (
            path.read_text(encoding="utf-8") if path.is_file() else "",
            path.stat().st_mode & 0o777,
        )
        for path in found
        if ".hotops" not in path.parts and path != root / "inventories/secret_maps"
    }


def no_pieces(stage: Stage) -> Iterable[str]:
    yield from (f"{name} is left" for name in files(stage) if "/." in name)


def is_drafted(found: dict[str, tuple[str, int]]) -> bool:
    text = found.get("inventories/secret_maps/production.yml", ("", 0))[0]
    return "      shop-production: SALT\n" in text and "KEY:" in text


def has_room(found: dict[str, tuple[str, int]]) -> bool:
    return all(found.get(f"vault/shop/{name}_prod.env") == (f"{name.upper()}=''\n", 0o600) for name in ("one", "two"))


def is_closed(found: dict[str, tuple[str, int]]) -> bool:
    return all(mode in (0o600, 0o700) for name, (_, mode) in found.items() if name.startswith("vault"))


SWEEPS = {
    "map": Sweep(
        "secrets_map_init", world=lambda folder: a_world(folder, mapped=False), run=carries_out(InitMap, MapInitWant()),
        state=files, wanted=is_drafted, left_behind=no_pieces,
    ),
    "templates": Sweep(
        "vault_templates", world=a_world, run=carries_out(MakeTemplates, VaultTemplatesWant()),
        state=files, wanted=has_room, left_behind=no_pieces,
    ),
    "modes": Sweep(
        "vault_fix_modes", world=lambda folder: a_world(folder, loose=True),
        run=carries_out(FixModes, VaultModesWant()), state=files, wanted=is_closed, left_behind=no_pieces,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SWEEPS)
def test_whatever_breaks_a_file_is_whole_and_a_rerun_does_the_rest(tmp_path: Path, name: str) -> None:
    SWEEPS[name].all_hold(tmp_path, short=12)
