"""A look at the server every two seconds while a backup reads: is it slow, and does each psql still get what it asks?"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from hotops.backup.connection import Connection, driver
from hotops.backup.errors import DatabaseFailed
from hotops.backup.pipeline import Copier
from hotops.backup.throttle import Throttle

LOOK_EVERY_S = 2.0
#: A psql that is silent for so long while its session on the server has nothing to do has lost the answer's end.
SILENT_S = 10.0
#: One that has not answered once has not only to answer but to connect first.
UNMET_S = 60.0
_LAG = "select coalesce(max(extract(epoch from replay_lag)), 0)::float8 from pg_stat_replication"
#: Sessions at work for the client. One that waits for the client to read is not: the client is the one that waits.
_AT_WORK = """
    select pid from pg_catalog.pg_stat_activity
    where pid = any(%s::int[]) and (state = 'active' and wait_event is distinct from 'ClientWrite' or state is null
                             or state_change > clock_timestamp() - make_interval(secs => %s::float8))
"""


@contextlib.contextmanager
def watched(connection: Connection, throttle: Throttle, copiers: Sequence[Copier]) -> Iterator[None]:
    """Tell the throttle how the server does, and end each psql that has stopped to answer; by a session of its own.

    `copiers` is read anew at each look. A dead network ends psql by itself (keepalives); this is for a client that
    hangs though the server is well: without it a backup would wait for ever.
    """
    over = threading.Event()

    def look() -> None:
        try:
            with contextlib.closing(connection.open()) as session:
                while not over.wait(LOOK_EVERY_S):
                    began = time.monotonic()
                    row = session.execute(_LAG).fetchone()
                    throttle.observe(time.monotonic() - began, row[0] if row else 0.0)
                    end_stuck(session, copiers)
        except (DatabaseFailed, driver().Error):
            # The workers meet the same failure, and tell it.
            throttle.observe(60.0)

    thread = threading.Thread(target=look, name="hotops-look", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def end_stuck(session: Any, copiers: Sequence[Copier]) -> None:
    """End each psql that is silent though the server has nothing to do for it, or that never answered at all."""
    silent = [copier for copier in copiers if copier.silent_s() > (UNMET_S if copier.pid is None else SILENT_S)]
    if not silent:
        return
    known = [copier.pid for copier in silent if copier.pid is not None]
    at_work = {row[0] for row in session.execute(_AT_WORK, (known, SILENT_S)).fetchall()}
    for copier in silent:
        if copier.pid not in at_work and (waited := copier.silent_s()) > SILENT_S:
            copier.give_up(f"psql gave no answer in {waited:.0f} s, and the server has nothing to do for it")
