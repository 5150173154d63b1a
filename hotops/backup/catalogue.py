"""Everything of a database that is no row, by kind and name, so that two databases can be compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

#: Definitions by name, by kind.
Catalogue = dict[str, dict[str, str]]

CONTENT = "content of large object"
#: The content of a large object that the role may not read (catalogue.sql).
UNREADABLE = "not readable"
#: Kinds of what is a row in all but name: they change while rows of tables stay as they are.
LIVING = frozenset({"large object", "large object grant", CONTENT})
_KIND = re.compile(r"^-- kind: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was. `found` is None where it is missing, `wanted` where it was not there."""

    kind: str
    name: str
    wanted: str | None
    found: str | None

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.kind} {self.name} is missing"
        if self.wanted is None:
            return f"{self.kind} {self.name} was not there"
        return f"{self.kind} {self.name} is {_short(self.found)}, was {_short(self.wanted)}"


def read_catalogue(session: Any, *, kinds: frozenset[str] | None = None) -> Catalogue:
    """All kinds of a session's database (or these), in the session's snapshot."""
    found: Catalogue = {}
    with session.cursor() as cursor:
        cursor.execute("set local search_path = ''")
        for kind, query in queries().items():
            if kinds is not None and kind not in kinds:
                continue
            cursor.execute(query)
            found[kind] = {str(name): str(definition) for name, definition in cursor.fetchall()}
        if kinds is None or "scheduled job" in kinds:
            found["scheduled job"] = _jobs(cursor)
    return found


def compare_catalogues(
    wanted: Mapping[str, Mapping[str, str]],
    found: Mapping[str, Mapping[str, str]],
    *,
    kinds: frozenset[str] | None = None,
) -> list[Difference]:
    """What differs, by kind in the order of the queries, then by name; a kind that one of them does not know says nothing."""
    differences: list[Difference] = []
    for kind in wanted:
        if kind not in found or (kinds is not None and kind not in kinds):
            continue
        before, after = wanted[kind], found[kind]
        differences += [
            Difference(kind, name, before.get(name), after.get(name))
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        ]
    return differences


@lru_cache
def queries() -> Mapping[str, str]:
    """The query of each kind."""
    text = files("hotops.backup").joinpath("catalogue.sql").read_text(encoding="utf-8")
    _, *pieces = _KIND.split(text)
    return dict(zip(pieces[::2], (query.strip().rstrip(";") for query in pieces[1::2]), strict=True))


def _jobs(cursor: Any) -> dict[str, str]:
    """Jobs of pg_cron, which a dump of the database does not hold."""
    cursor.execute("select has_table_privilege(to_regclass('cron.job')::oid, 'select')")
    if not cursor.fetchone()[0]:
        return {}
    cursor.execute(
        "select coalesce(jobname, 'job ' || jobid), schedule || ' | ' || active || ' | ' || username || ' | ' || command from cron.job"
        " where database = current_database()"
    )
    return {str(name): str(definition) for name, definition in cursor.fetchall()}


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else f"{text[:117]}…"
