"""The gate `restore_proven`: what drills and backups left as proofs, their age, and in which world they were made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hotops.backup.proven import keep_proof
from hotops.backup.store import Store
from hotops.core.clock import rfc3339
from hotops.promote import gates_of_policy
from hotops.promote.gates import judged, unknown
from hotops.promote.restore_proof import restore_proof
from hotops.proofs.register import Entry, Register
from tests.stage import Stage

DAY_S = 86400.0


class Asked:
    """An environment with a declared backup, and the gate's answer for it."""

    def __init__(self, folder: Path, **backup: Any) -> None:
        self.stage = Stage(folder, supabase_project="shop", backup={"store": str(folder / "store"), **backup})
        self.environment = self.stage.environment.model_copy(update={"project_dir": folder})
        self.store = Store.of(str(folder / "store"), below=folder, environ={})
        self.now = self.stage.clock.now()

    def drilled(self, days_ago: float, **changes: Any) -> None:
        entry = Entry(
            at=rfc3339(self.now - days_ago * DAY_S), scenario="backup_restored", environment=self.environment.name,
            env_kind=self.environment.env_kind, run="r", passed=True, recovery_s=42.0, rto_s=60, rpo_s=60,
        )  # fmt: skip
        register = self.environment.path(self.environment.dr.register_file)
        Register(register).add(entry.model_copy(update=changes))

    def compared(self, days_ago: float, **changes: Any) -> None:
        told = {"id": "b-1", "environment": self.environment.name, "database": "shop"}
        manifest = SimpleNamespace(**{**told, "env_kind": self.environment.env_kind, **changes})
        found: Any = SimpleNamespace(manifest=manifest)
        keep_proof(self.store, found, at=self.now - days_ago * DAY_S, seconds=12.0, rows=5)

    def answer(self) -> tuple[str, str]:
        with self.stage.context() as context:
            facts: Any = SimpleNamespace(
                environment=self.environment,
                now=self.now,
                restore_proof=lambda: restore_proof(context, self.environment),
            )
            found = gates_of_policy.restore_proven(facts)
        return found.status, found.found


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    return Asked(tmp_path)


def other_world(asked: Asked) -> str:
    return "live" if asked.environment.env_kind == "sandbox" else "sandbox"


def test_what_was_never_proven_is_unknown_and_stops_only_where_it_is_required(asked: Asked) -> None:
    status, found = asked.answer()
    assert (status, found) == ("unknown", f"never proven for this environment ({asked.environment.env_kind})")
    answer = unknown(found, "drills, backups")
    assert not judged("restore_proven", "shop", answer, asked.environment, asked.now).blocks
    required = asked.stage.environment.model_copy(
        update={"gates": {"restore_proven": SimpleNamespace(level="require", level_at=lambda _at: "require")}}
    )
    assert judged("restore_proven", "shop", answer, required, asked.now).blocks


def test_a_drill_that_passed_counts_for_thirty_days(asked: Asked) -> None:
    asked.drilled(31)
    assert asked.answer() == ("fail", "31 d ago: drill backup_restored, back in 42 s")
    asked.drilled(29)
    assert asked.answer() == ("pass", "29 d ago: drill backup_restored, back in 42 s")


def test_a_backup_that_was_compared_row_by_row_counts_too_and_the_newest_proof_is_told(asked: Asked) -> None:
    asked.drilled(20)
    asked.compared(3)
    assert asked.answer() == ("pass", "3 d ago: backup b-1 compared row by row, back in 12 s")


@pytest.mark.parametrize("how", ["drill", "backup"])
def test_what_another_world_or_environment_proved_does_not_count(asked: Asked, how: str) -> None:
    kept = asked.drilled if how == "drill" else asked.compared
    kept(1, env_kind=other_world(asked))
    kept(1, environment="elsewhere")
    if how == "drill":
        kept(1, passed=False)
        kept(1, scenario="machine_lost")  # no data came back in it
    assert asked.answer()[0] == "unknown"


def test_a_damaged_register_is_a_no_and_not_a_pass(asked: Asked) -> None:
    path = asked.environment.path(asked.environment.dr.register_file)
    path.parent.mkdir(parents=True)
    path.write_text("{}\n", encoding="utf-8")
    status, found = asked.answer()
    assert status == "fail"
    assert "line 1 is no entry" in found


def test_without_a_declared_backup_nobody_asks(tmp_path: Path) -> None:
    facts: Any = SimpleNamespace(environment=Stage(tmp_path).environment)
    assert gates_of_policy.restore_proven(facts).status == "unknown"


def test_what_is_dated_in_the_future_proves_nothing(asked: Asked) -> None:
    asked.drilled(days_ago=-2)
    status, found = asked.answer()
    assert status == "fail"
    assert "in the future" in found
    facts: Any = SimpleNamespace(environment=asked.environment, now=asked.now, newest_backup=lambda: asked.now + DAY_S)
    fresh = gates_of_policy.backup_fresh(facts)
    assert (fresh.status, "in the future" in fresh.found) == ("fail", True)
    facts.newest_backup = lambda: asked.now + 60  # their clock is a little ahead of this computer's
    assert gates_of_policy.backup_fresh(facts).status == "pass"
