"""What a database holds and what of it this role may read, before a byte of a backup is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hotops.backup.errors import PrivilegeMissing

#: Schemas that the platform fills itself and keeps from the role postgres (Supabase CLI, list of internal schemas):
#: an unreadable table there is named among what is left out; anywhere else it is an error.
PLATFORM_SCHEMAS = frozenset(
    {
        "_analytics", "_realtime", "_supavisor", "cron", "etl", "graphql", "graphql_public", "net", "pgbouncer", "pgmq",
        "pgsodium", "pgsodium_masks", "pgtle", "realtime", "supabase_functions", "vault",
    }
)  # fmt: skip

_TABLES = """
select n.nspname, c.relname, c.relkind::text, pg_relation_size(c.oid), pg_total_relation_size(c.oid),
  has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage'),
  coalesce((select array_agg(a.attname order by a.attnum) from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '{}')::text[],
  coalesce(x.condition, ''), c.relrowsecurity and not pg_has_role(c.relowner, 'usage'), pg_relation_filenode(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
  left join lateral (
    select e.extname, (select e.extcondition[i] from generate_subscripts(e.extconfig, 1) i where e.extconfig[i] = c.oid) as condition,
      c.oid = any (e.extconfig) as is_config
    from pg_depend d join pg_extension e on e.oid = d.refobjid
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass limit 1
  ) x on true
where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
  and (x.extname is null or coalesce(x.is_config, false)) and not (n.nspname = 'cron' and c.relname in ('job', 'job_run_details'))
order by pg_relation_size(c.oid) desc, 1, 2
"""

_SEQUENCES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and c.relpersistence <> 't' and n.nspname <> 'cron'
  and case when c.relkind = 'S' then not (has_sequence_privilege(c.oid, 'select, usage') and has_schema_privilege(n.oid, 'usage')) end
"""

#: pg_dump brings all of them or none, so that one that may not be read ends it.
_CLOSED_OBJECTS = """
select m.oid::text from pg_largeobject_metadata m where not pg_has_role(m.lomowner, 'usage') and not exists (
  select from aclexplode(m.lomacl) a where a.privilege_type = 'SELECT' and case a.grantee when 0 then true else pg_has_role(a.grantee, 'usage') end)
order by m.oid limit 9
"""


@dataclass(frozen=True)
class FoundTable:
    """A table with rows of its own. `pages` of 8 KiB; `where` is an extension's condition on what of it is the user's."""

    schema: str
    name: str
    bytes: int
    total_bytes: int
    columns: tuple[str, ...]
    where: str
    filenode: int

    @property
    def full_name(self) -> str:
        """schema.name, unquoted."""
        return f"{self.schema}.{self.name}"

    @property
    def pages(self) -> int:
        """Pages of its own file (TOAST apart)."""
        return self.bytes // 8192


@dataclass(frozen=True)
class Survey:
    """A database as it was found."""

    server_version: str
    encoding: str
    tables: tuple[FoundTable, ...]
    left_out: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    large_objects: int = 0
    filenodes: dict[str, int] = field(default_factory=dict)

    @property
    def server_major(self) -> int:
        """15 of 15.18."""
        return int(self.server_version.partition(".")[0])

    @property
    def bytes(self) -> int:
        """Bytes of all tables with their TOAST."""
        return sum(table.total_bytes for table in self.tables)


def survey(session: Any) -> Survey:
    """Look. Raises PrivilegeMissing, which names what the role may not read."""
    with session.cursor() as cursor:
        cursor.execute(
            "select split_part(current_setting('server_version'), ' ', 1), current_setting('server_encoding'), current_user,"
            " (select rolbypassrls or rolsuper from pg_roles where rolname = current_user),"
            " (select count(*) from pg_largeobject_metadata)"
        )
        version, encoding, user, sees_all, large = cursor.fetchone()
        cursor.execute(_TABLES)
        rows = cursor.fetchall()
        cursor.execute(_SEQUENCES)
        closed_sequences = [(schema, name) for schema, name in cursor.fetchall()]
        cursor.execute(_CLOSED_OBJECTS)
        closed_objects = [f"large object {name}" for (name,) in cursor.fetchall()]
        cursor.execute(
            "select coalesce(string_agg(rolname, ', ' order by rolname), '') from pg_roles where rolcanlogin and rolname !~ '^(pg_|cli_login_)'"
        )
        logins = cursor.fetchone()[0]
        cursor.execute(
            "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'f'"
        )
        foreign = cursor.fetchone()[0]
    tables, unreadable, hidden = [], [], []
    for schema, name, _kind, size, total, readable, columns, where, secured, filenode in rows:
        if not readable:
            unreadable.append((schema, name))
        elif secured and not sees_all:
            hidden.append(f"{schema}.{name}")
        else:
            tables.append(FoundTable(schema, name, size, total, tuple(columns), where, filenode or 0))
    kept_from_us = [*unreadable, *closed_sequences]
    closed = [f"{schema}.{name}" for schema, name in kept_from_us if schema not in PLATFORM_SCHEMAS]
    closed += closed_objects
    if closed or hidden:
        why = (
            f"may not read {', '.join(closed[:8])}"
            if closed
            else f"sees only some rows of {', '.join(hidden[:8])} (row level security)"
        )
        raise PrivilegeMissing(
            f"The role {user} {why}{' …' if len(closed) + len(hidden) > 8 else ''}: a backup without them would look whole.",
            remedy=f"{'' if user == 'postgres' else 'Use the role postgres, or: '}grant pg_read_all_data to the role,"
            f" and alter role … bypassrls{'; grant select on large object … to it' if closed_objects else ''}.",
        )
    left_out = [f"{schema}.{name}: the platform keeps it from {user}" for schema, name in kept_from_us]
    left_out += [f"passwords of the roles {logins}: no server gives them away"] if logins else []
    left_out += [f"rows behind {foreign} foreign tables: they are another server's"] if foreign else []
    return Survey(
        version, encoding, tuple(tables), tuple(left_out), tuple(unreadable), large,
        {table.full_name: table.filenode for table in tables},
    )  # fmt: skip
