"""The newest backup, restored into a database of its own and compared row by row: the drill for live clouds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotops.backup.fingerprint import quoted
from hotops.backup.restore import Restore, RestoreWanted
from hotops.backup.settings import connection_of
from hotops.core.clock import parse_rfc3339
from hotops.core.driver import drive
from hotops.core.errors import HotopsError
from hotops.drill.exercise import Exercise
from hotops.drill.record import Moment, Record

#: After which phases of a restore a moment of the way back is reached.
_REACHED: tuple[tuple[Moment, frozenset[str]], ...] = (
    ("fetched", frozenset({"claim", "roles", "pre_data"})),
    ("loaded", frozenset({"rows", "sequences"})),
    ("indexed", frozenset({"post_data", "settings", "analyze", "finish"})),
    ("verified", frozenset({"compare"})),
)


class NothingRestored(HotopsError):
    """The restore had nothing to do, so nothing was proven."""

    code = "nothing_restored"


def restore_newest_backup(exercise: Exercise, *, target_env: str = "RESTORE_URL") -> dict[str, Any]:
    """Bring the newest backup into a new database of the server that `target_env` names; production is not touched.

    Scheduled jobs are held back: what was restored is alive. The disaster is taken to be now: all since the backup
    would be lost. Raises what a restore raises: RestoreRefused, RestoreFailed, NotAsBackedUp, BackupDamaged.
    """
    context, record = exercise.context, exercise.record
    database = f"drill_{context.run.partition('-')[0].lower()}"
    record.note(restored_database=database, target_env=target_env)
    began = record.mark("fault")
    record.mark("decided")
    wanted = RestoreWanted(target_env=target_env, new_database=database)
    outcome = drive(Restore(wanted, context))
    took: dict[str, float] = {name: float(seconds) for name, seconds in outcome.result["phases"].items()}
    if not took:
        raise NothingRestored(f"{database} was there already.", remedy="Run the drill again.")
    record.mark("served", mark_phases(record, took, began))
    restored = outcome.result["restored"]
    record.note(loss_s=max(0.0, began - parse_rfc3339(str(restored["taken_at"]))), backup=restored["id"])
    return {"backup": restored["id"], "database": database, "rows": restored["rows"], "phases": took}


def mark_phases(record: Record, took: Mapping[str, float], began: float) -> float:
    """Keep when each part of a restore was done, from the seconds its phases took; returns when the last one was."""
    at = began
    for moment, phases in _REACHED:
        at += sum(seconds for name, seconds in took.items() if name in phases)
        record.mark(moment, at)
    return at


def drop_restored(exercise: Exercise) -> dict[str, Any]:
    """Remove the restored database, and prove that it is gone. Safe to repeat."""
    database = exercise.record.facts.get("restored_database")
    if not database:
        return {"dropped": None}
    with connection_of(exercise.context, str(exercise.record.facts["target_env"])).open() as session:
        session.execute(f"drop database if exists {quoted(database)} with (force)")
        left = session.execute("select 1 from pg_database where datname = %s", (database,)).fetchone()
    if left is not None:
        raise HotopsError(f"{database} is still there.", remedy=f"drop database {database}", code="not_dropped")
    return {"dropped": database}
