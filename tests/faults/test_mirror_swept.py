"""A mirror with each call broken in each way, killed at each moment: the new values or the old, then done."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hotops.core.driver import drive
from hotops.secrets.mirror import MirrorSecrets, MirrorWant
from tests.faults.fleets import out_of_service
from tests.faults.sweep import Sweep
from tests.secrets_stage import SecretsStage
from tests.stage import Stage

REPO = "acme/shop"
VAULT = {
    "shop/api_key_prod.env": "SHOP_API_KEY_PROD=the-key-of-the-shop\n",
    "shop/salt_prod.env": "SALT=a-salt-of-it\n",
}
MAP = {
    name: {"fly": {"shop-production": name}, "github": {"environments": {"production": name}}}
    for name in ("SHOP_API_KEY", "SALT")
}
_STAGES: dict[int, SecretsStage] = {}


def a_world(folder: Path) -> Stage:
    made = SecretsStage(
        folder,
        apps={"shop-production": {}},
        vault=VAULT,
        secret_map=MAP,
        github_repo=REPO,
        sandbox_world={"repositories": {REPO: {"environments": {"production": {}}}}},
        wait_timeout_s=60,
    )
    _STAGES[id(made.stage)] = made
    return made.stage


def mirror(stage: Stage, run: str) -> object:
    with _STAGES[id(stage)].context(run, journal=stage.journal) as context:
        return drive(MirrorSecrets(MirrorWant(), context))


def state(stage: Stage) -> dict[str, Any]:
    """The values in the stores and in the machines."""
    shop = _STAGES[id(stage)]
    ring = stage.twin.github.hub.repositories[REPO].environments["production"].keyring
    return {
        "fly": {name: shop.at("shop-production").get(name) for name in MAP},
        "github": {name: ring.values[name].value.decode() for name in MAP if name in ring.values},
        "machines": [{name: given.get(name) for name in MAP} for given in shop.runs_with("shop-production")],
    }


VALUES = {"SHOP_API_KEY": "the-key-of-the-shop", "SALT": "a-salt-of-it"}


def is_mirrored(found: dict[str, Any]) -> bool:
    return found["fly"] == found["github"] == VALUES and found["machines"] == [VALUES, VALUES]


def left_behind(stage: Stage) -> Iterable[str]:
    yield from out_of_service(stage.living_machines())
    shop = _STAGES[id(stage)]
    if shop.mirror(run="20260101T000200Z-secrets_mirror-stage").changed:
        yield "another run has something to do"


def answered(stage: Stage) -> Iterable[str]:
    answers = [stage.get("https://shop-production.fly.dev/health") for _ in range(5)]
    if answers != [200] * 5:
        yield f"visitors were answered {answers}"


class HalfWay(Sweep[Stage]):
    """A mirror has no way back, nobody can read the old value: half-way is allowed where it is said."""

    def _wrong_with_first(self, ended: object, state: Any, before: Any) -> list[str]:
        code = getattr(ended, "failure_code", "")
        if code == "mirror_incomplete":
            return []
        return super()._wrong_with_first(ended, state, before)  # type: ignore[arg-type]


MIRROR = HalfWay(
    "secrets_mirror",
    world=a_world,
    run=mirror,
    state=state,
    wanted=is_mirrored,
    left_behind=left_behind,
    meanwhile=answered,
)


def test_whatever_breaks_a_mirror_a_rerun_does_the_rest(tmp_path: Path) -> None:
    MIRROR.all_hold(tmp_path, short=40)
