"""Filling a vault with each call broken in each way, killed at each moment: a secret is made once, none is changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hotops.core.driver import drive
from hotops.rotation.fill import FillSecrets, FillWant
from tests.faults.sweep import Sweep
from tests.secrets_stage import SecretsStage
from tests.stage import Stage

APP = "shop-production"
OWN = {"salt": "a-salt-of-it"}
MADE = ("first_key", "second_key")
_STAGES: dict[int, SecretsStage] = {}


def a_world(folder: Path) -> Stage:
    generated = {"kind": "generated"}
    made = SecretsStage(
        folder,
        apps={APP: {}},
        vault={"shop/salt_production.env": f"SALT={OWN['salt']}\n"},
        secret_map={
            "SALT": {"vault": "shop/salt", "fly": {APP: "SALT"}},
            **{
                name.upper(): {"vault": f"shop/{name}", "provider": generated, "fly": {APP: name.upper()}}
                for name in MADE
            },
        },
    )
    _STAGES[id(made.stage)] = made
    return made.stage


def fill(stage: Stage, run: str) -> object:
    with _STAGES[id(stage)].context(run, journal=stage.journal) as context:
        return drive(FillSecrets(FillWant(), context))


def state(stage: Stage) -> tuple[bool, ...]:
    vault = _STAGES[id(stage)].vault()
    return tuple(vault.has(f"shop/{name}") for name in MADE)


def left_behind(stage: Stage) -> Iterable[str]:
    shop = _STAGES[id(stage)]
    vault = shop.vault()
    if vault.value("shop/salt").reveal() != OWN["salt"]:
        yield "what was there was changed"
    values = {name: vault.value(f"shop/{name}").reveal() for name in MADE if vault.has(f"shop/{name}")}
    files = [path for path in shop.folder.rglob("*") if path.is_file()]
    for name, value in values.items():
        if len(value) != 64:
            yield f"{name} is half written"
        holds = [path.name for path in files if value.encode() in path.read_bytes()]
        if len(holds) != 1:
            yield f"{name} is in {holds}, not in its file of the vault alone"
    fill(stage, "20260101T000000Z-secrets_fill-again")
    now = shop.vault()
    yield from (f"{name} was made twice" for name in values if now.value(f"shop/{name}").reveal() != values[name])


FILL = Sweep("secrets_fill", world=a_world, run=fill, state=state, wanted=all, left_behind=left_behind)


def test_whatever_breaks_each_secret_is_made_once(tmp_path: Path) -> None:
    FILL.all_hold(tmp_path, short=12)
