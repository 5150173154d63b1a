"""The newest backup, restored into a database of its own and compared row by row: the drill for live clouds."""

from __future__ import annotations

import re
import secrets as entropy
from collections.abc import Mapping
from typing import Any

from hotops.backup import manifest as manifests
from hotops.backup.fingerprint import quoted
from hotops.backup.restore import Restore, RestoreWanted
from hotops.backup.scripts import literal
from hotops.backup.settings import Where, connection_of, settings_of
from hotops.core.clock import parse_rfc3339, rfc3339
from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.errors import HotopsError, VerifyFailed
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


class NotQuiet(VerifyFailed):
    """Something of what was restored is at work by itself, or would call out."""

    code = "not_quiet"


class DatabaseThere(HotopsError):
    """There is a database of the name that the drill's own would have."""

    code = "database_there"


#: A restored database of a drill that neither it nor the dead man's handle removed is removed by the next one.
TTL_S = 4 * 3600.0
_NAME = re.compile(r"^drill_(\d{8})t(\d{6})z(?:_[0-9a-f]{6})?$")
#: By which a drill's own database is known: a name alone is nobody's leave to remove anything.
_MARK = "hotops: "
#: What a restored production does by itself, where the table of it is there: each has to count nothing.
_AT_WORK: Mapping[str, tuple[str, str]] = {
    "scheduled jobs that run": (
        "cron.job",
        "select count(*) from cron.job where active and database = current_database()",
    ),
    "calls that pg_net would send": ("net.http_request_queue", "select count(*) from net.http_request_queue"),
    "subscriptions that are on": (
        "pg_catalog.pg_subscription",
        """select count(*) from pg_subscription s join pg_database d on d.oid = s.subdbid
        where d.datname = current_database() and s.subenabled""",
    ),
    "foreign servers that answer": (
        "pg_catalog.pg_foreign_server",
        """select count(*) from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw
        where w.fdwhandler <> 0""",
    ),
    "passwords of other servers": ("pg_catalog.pg_user_mappings", "select count(*) from pg_user_mappings"),
    "event triggers that run": (
        "pg_catalog.pg_event_trigger",
        "select count(*) from pg_event_trigger where evtenabled <> 'D'",
    ),
    "workers of its own": (
        "pg_catalog.pg_stat_activity",
        """select count(*) from pg_stat_activity where datname = current_database()
        and backend_type not in ('client backend', 'autovacuum worker', 'parallel worker')""",
    ),
}


def price_of(context: Context) -> str:
    """What a drill of the newest backup costs, before it is made: bytes out of the store, rows into a server."""
    try:
        settings = settings_of(context, Where())
        newest = manifests.told(manifests.find(settings.store, settings.environment, settings.database).manifest)
    except HotopsError as error:
        return f"its size is not known: {error.message}"
    return f"reads {newest['stored_bytes'] / 1e6:.1f} MB of the store, writes {newest['rows']} rows"


def restore_newest_backup(exercise: Exercise, *, target_env: str = "RESTORE_URL") -> dict[str, Any]:
    """Bring the newest backup into a new database of the server that `target_env` names; production is not touched.

    Scheduled jobs and all that calls out are held back: what was restored is alive. The disaster is taken to be now:
    all since the backup would be lost. Raises DatabaseThere, and what a restore raises: RestoreRefused, RestoreFailed,
    NotAsBackedUp, BackupDamaged.
    """
    context, record = exercise.context, exercise.record
    database = f"drill_{context.run.partition('-')[0].lower()}_{entropy.token_hex(3)}"
    expired = _remove_expired(context, target_env)
    with connection_of(context, target_env).open() as session:
        if session.execute("select 1 from pg_database where datname = %s", (database,)).fetchone():
            raise DatabaseThere(
                f"{database} is there already, and is none of this drill.", remedy="Run the drill again."
            )
    record.note(restored_database=database, target_env=target_env, expired_removed=expired)
    began = record.mark("fault")
    record.mark("decided")
    _make(context, target_env, database)
    wanted = RestoreWanted(target_env=target_env, beside=database, outside="hold")
    outcome = drive(Restore(wanted, context))
    took: dict[str, float] = {name: float(seconds) for name, seconds in outcome.result["phases"].items()}
    if not took:
        raise NothingRestored(f"{database} was there already.", remedy="Run the drill again.")
    record.mark("served", mark_phases(record, took, began))
    restored = outcome.result["restored"]
    record.note(loss_s=max(0.0, began - parse_rfc3339(str(restored["taken_at"]))), backup=restored["id"])
    record.note(held=list(outcome.result["held"]), unproven=list(outcome.result["unproven"]))
    record.note(problems=list(outcome.result["problems"]), compared=dict(outcome.result["compared"]))
    return {"backup": restored["id"], "database": database, "rows": restored["rows"], "phases": took}


def mark_phases(record: Record, took: Mapping[str, float], began: float) -> float:
    """Keep when each part of a restore was done, from the seconds its phases took; returns when the last one was."""
    at = began
    for moment, phases in _REACHED:
        at += sum(seconds for name, seconds in took.items() if name in phases)
        record.mark(moment, at)
    return at


def prove_quiet(exercise: Exercise) -> dict[str, Any]:
    """Nothing of what was restored is at work or calls out: no jobs, calls, subscriptions, servers. Raises NotQuiet."""
    database = str(exercise.record.facts["restored_database"])
    server = connection_of(exercise.context, str(exercise.record.facts["target_env"]))
    counted: dict[str, int] = {}
    with server.to(database).open() as session:
        for what, (table, statement) in _AT_WORK.items():
            there = session.execute("select to_regclass(%s) is not null", (table,)).fetchone()
            if there and there[0]:
                counted[what] = int(session.execute(statement).fetchone()[0])
    exercise.record.note(quiet=counted)
    loud = {what: count for what, count in counted.items() if count}
    if loud:
        told = ", ".join(f"{count} {what}" for what, count in loud.items())
        raise NotQuiet(f"{database} is not quiet: {told}.", remedy="It is removed now; see why a restore brought that.")
    return {"quiet": sorted(counted)}


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
    exercise.record.note(removed_at=rfc3339(exercise.context.clock.now()))
    return {"dropped": database, "proven_gone": True}


def _make(context: Context, target_env: str, database: str) -> None:
    """An empty database with the drill's mark on it."""
    with connection_of(context, target_env).open() as session:
        session.execute(f"create database {quoted(database)} template template0")
        session.execute(f"comment on database {quoted(database)} is {literal(f'{_MARK}drill {context.run}')}")


def _remove_expired(context: Context, target_env: str) -> list[str]:
    """Databases of drills that are older than their time to live, gone now: those with hotops' own mark, no other."""
    oldest = context.clock.now() - TTL_S
    removed: list[str] = []
    asked = "select datname::text, coalesce(shobj_description(oid, 'pg_database'), '') from pg_database order by 1"
    with connection_of(context, target_env).open() as session:
        for name, comment in session.execute(asked).fetchall():
            stamp = _NAME.match(name)
            if stamp and comment.startswith(_MARK) and parse_rfc3339(_moment(stamp[1], stamp[2])) < oldest:
                session.execute(f"drop database if exists {quoted(name)} with (force)")
                removed.append(name)
    return removed


def _moment(day: str, time: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}Z"
