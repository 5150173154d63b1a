"""What a restored database could call out by: foreign servers, and triggers of schema changes; held back in a copy."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import Any

from hotops.backup.catalogue import Difference
from hotops.backup.fingerprint import quoted

#: What PostgreSQL says where somebody asks a foreign table whose wrapper was taken its handler.
NO_HANDLER = re.compile(r"foreign-data wrapper \"[^\"]+\" has no handler")
_WRAPPERS = "select fdwname::text from pg_foreign_data_wrapper where fdwhandler <> 0 order by 1"
_MAPPINGS = "select srvname::text, usename::text from pg_user_mappings order by 1, 2"
_SERVERS = """
select s.srvname::text, w.fdwname::text from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw
where w.fdwhandler = 0 order by 1
"""
#: dblink needs no handler: it takes a server's address. Nobody listens here.
_NOWHERE = {"host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": "1"}
_ADDRESSES = """
select srvname::text, split_part(o, '=', 1) from pg_foreign_server, unnest(srvoptions) o
where split_part(o, '=', 1) in ('host', 'hostaddr', 'port') order by 1, 2
"""
_EVENT_TRIGGERS = "select evtname::text from pg_event_trigger where evtenabled <> 'D' order by 1"
_ENABLED = re.compile(r"enabled [A-Z]")


def hold_servers(session: Any) -> list[str]:
    """No foreign table of this database reaches anybody, and no password of another server stays in it.

    A wrapper belongs to one database, so that nothing else on the server is touched. Needs a superuser; safe to repeat.
    """
    for (name,) in session.execute(_WRAPPERS).fetchall():
        session.execute(f"alter foreign data wrapper {quoted(name)} no handler")
    for server, option in session.execute(_ADDRESSES).fetchall():
        session.execute(f"alter server {quoted(server)} options (set {option} '{_NOWHERE[option]}')")
    for server, user in session.execute(_MAPPINGS).fetchall():
        whom = "public" if user == "public" else quoted(user)
        session.execute(f"drop user mapping if exists for {whom} server {quoted(server)}")
    return [f"foreign server {server} ({wrapper})" for server, wrapper in session.execute(_SERVERS).fetchall()]


def hold_event_triggers(session: Any) -> list[str]:
    """No later change of the schema runs what was restored. Needs a superuser; safe to repeat."""
    names = [name for (name,) in session.execute(_EVENT_TRIGGERS).fetchall()]
    for name in names:
        session.execute(f"alter event trigger {quoted(name)} disable")
    return [f"event trigger {name}" for name in names]


def quiet_settings(session: Any) -> dict[str, str]:
    """Settings with which event triggers do not run, also those that are being restored (`event_triggers`: from 17 on)."""
    row = session.execute("select current_setting('event_triggers', true) is not null").fetchone()
    return {"session_replication_role": "replica", **({"event_triggers": "off"} if row and row[0] else {})}


def is_held(difference: Difference, held: Collection[str] = ()) -> bool:
    """Whether something differs for no other reason than that it was held back; `held` is what the restore noted."""
    if difference.kind == "foreign server option" and difference.wanted is not None:
        nowhere = _NOWHERE.get(difference.name.rpartition(": ")[2])
        return (
            nowhere is not None and difference.found == hashlib.md5(nowhere.encode(), usedforsecurity=False).hexdigest()
        )
    if difference.kind == "foreign data wrapper" and difference.wanted is not None:
        return difference.found == difference.wanted.partition(" handler ")[0]
    if difference.kind == "materialized view":  # of a foreign table
        return any(line.startswith(f"REFRESH MATERIALIZED VIEW {difference.name};") for line in held)
    if difference.kind != "event trigger" or difference.wanted is None or difference.found is None:
        return False
    return _ENABLED.sub("enabled D", difference.wanted) == difference.found
