"""The data of a drill: its own schema with known rows and beats, and what the tables held before the fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hotops.supabase.client import Supabase

#: The drill's own schema is hotops_drill: nothing else in the database is written.
_PLANT = """
create schema if not exists hotops_drill;
create table if not exists hotops_drill.beats (at timestamptz primary key);
create table if not exists hotops_drill.reference (id int primary key, payload text);
insert into hotops_drill.reference select n, md5(n::text) from generate_series(1, 1000) n on conflict do nothing;
"""
_BAD_MIGRATION = """
update hotops_drill.reference set payload = null where id % 2 = 0;
alter table hotops_drill.reference drop column payload;
"""
#: Every table of the application, and the drill's known rows: how many rows, and a hash of all of them. One call.
_CONTENT = """
select format('%I.%I', schemaname, tablename) as name,
       (xpath('/row/rows/text()', counted))[1]::text::bigint as rows,
       (xpath('/row/hash/text()', counted))[1]::text as hash
from pg_tables,
     lateral query_to_xml(
       format('select count(*) as rows, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) as hash from %I.%I t',
              schemaname, tablename), false, true, '') as counted
where schemaname = 'public' or (schemaname = 'hotops_drill' and tablename = 'reference')
order by 1
"""

#: Rows and content of each table, by name.
Content = Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class DrillData:
    """One project's data, reached through the Management API: no password of the database is needed."""

    supabase: Supabase
    ref: str

    def plant(self) -> None:
        """Make the drill's schema with its known rows; safe to repeat."""
        self.supabase.query(self.ref, _PLANT, read_only=False)

    def remove(self) -> None:
        """Take the drill's schema out again; safe to repeat."""
        self.supabase.query(self.ref, "drop schema if exists hotops_drill cascade", read_only=False)

    def beat(self, at: float) -> None:
        """Keep that the database took a write at this moment (unix seconds)."""
        self.supabase.query(
            self.ref, "insert into hotops_drill.beats values (to_timestamp($1))", parameters=(at,), read_only=False
        )

    def newest_beat(self, before: float) -> float | None:
        """The newest beat at or before a moment that the database still has, in unix seconds."""
        asked = "select extract(epoch from max(at)) as at from hotops_drill.beats where at <= to_timestamp($1)"
        rows = self.supabase.query(self.ref, asked, parameters=(before,), read_only=True)
        return float(rows[0]["at"]) if rows and rows[0]["at"] is not None else None

    def damage(self) -> None:
        """A migration that should never have been: half of the known rows lose their content, then all do."""
        self.supabase.query(self.ref, _BAD_MIGRATION, read_only=False)

    def content(self) -> Content:
        """Rows and a hash of all rows for each table."""
        rows = self.supabase.query(self.ref, _CONTENT, read_only=True)
        return {str(row["name"]): (int(row["rows"]), str(row["hash"])) for row in rows}


def differences(before: Content, now: Content) -> list[str]:
    """What is not as it was, a line a table; empty where all is."""
    found = []
    for name, (rows, content) in before.items():
        if name not in now:
            found.append(f"{name}: is not there any more ({rows} rows)")
        elif now[name][0] != rows:
            found.append(f"{name}: {now[name][0]} rows, were {rows}")
        elif now[name][1] != content:
            found.append(f"{name}: {rows} rows, with other content")
    return found
