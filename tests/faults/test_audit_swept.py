"""An audit with each call broken in each way, killed at each moment: its file is the old one or the right one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hotops.core.driver import drive
from hotops.secrets.audit import AuditSecrets, AuditWant
from tests.faults.sweep import Sweep
from tests.secrets_stage import SecretsStage
from tests.stage import Stage

REPO = "acme/shop"
BY_HAND = "# Who to call\n\nAda.\n"
_STAGES: dict[int, SecretsStage] = {}


def a_world(folder: Path) -> Stage:
    made = SecretsStage(
        folder,
        apps={"shop-production": {}},
        vault={"shop/salt_prod.env": "SALT=a-salt-of-it\n"},
        secret_map={"SALT": {"fly": {"shop-production": "SALT"}, "github": {"environments": {"production": "SALT"}}}},
        github_repo=REPO,
        env_matrix="matrix.md",
        sandbox_world={"repositories": {REPO: {"environments": {"production": {}}}}},
    )
    (folder / "matrix.md").write_text(BY_HAND, encoding="utf-8")
    _STAGES[id(made.stage)] = made
    return made.stage


def audit(stage: Stage, run: str) -> object:
    """As a person who wants to know: red where a place could not be read."""
    with _STAGES[id(stage)].context(run, journal=stage.journal) as context:
        outcome = drive(AuditSecrets(AuditWant(), context))
    unreadable = [finding for finding in outcome.result["findings"] if finding["kind"] == "unreadable"]
    if unreadable:
        from hotops.secrets.audit import AuditFound

        raise AuditFound(f"could not be read: {[finding['subject'] for finding in unreadable]}")
    return outcome


def state(stage: Stage) -> str:
    return (_STAGES[id(stage)].folder / "matrix.md").read_text(encoding="utf-8")


def is_told(text: str) -> bool:
    return text.startswith(BY_HAND) and text.count("| absent |") == 2 and text.count("unreadable") == 0


def left_behind(stage: Stage) -> Iterable[str]:
    shop = _STAGES[id(stage)]
    yield from (f"{path.name} is left" for path in shop.folder.glob(".matrix*"))
    if not state(stage).startswith(BY_HAND):
        yield "what was written by hand is gone"
    if shop.audit().changed:
        yield "another audit has something to write"


AUDIT = Sweep("secrets_audit", world=a_world, run=audit, state=state, wanted=is_told, left_behind=left_behind)


def test_whatever_breaks_an_audit_s_file_is_the_old_or_the_right_one(tmp_path: Path) -> None:
    AUDIT.all_hold(tmp_path, short=24)
